"""HL7 annotated ECGs against the numbers that were put into them."""

import numpy as np
import pytest

from tests.data.readers._aecg_files import aecg, aecg_lead, aecg_series, aecg_time
from tests.data.readers._vendor_signals import DERIVED, EIGHT, LEADS, part, read, steps

pytest.importorskip("defusedxml", reason="the extra vendors is not installed")
SIGNAL = steps()


def rhythm(names=LEADS, signal=SIGNAL, time=None, **lead):
    return aecg_series(
        [aecg_lead(name, row, **lead) for name, row in zip(names, part(signal, names), strict=True)], time
    )


@pytest.mark.parametrize("names", [LEADS, EIGHT, LEADS[::-1]])
@pytest.mark.parametrize(
    ("lead", "truth"),
    [
        ({}, SIGNAL * 5e-3),
        ({"scale": "2.5"}, SIGNAL * 2.5e-3),
        ({"scale": "0.0049", "unit": "mV"}, SIGNAL * 4.9e-3),
        ({"scale": "5E-6", "unit": "V"}, SIGNAL * 5e-3),
        ({"origin": 100}, SIGNAL * 5e-3 + 0.1),
        ({"origin": "0.1", "origin_unit": "mV"}, SIGNAL * 5e-3 + 0.1),
    ],
)
def test_amplitude_is_origin_plus_scale_times_digit_in_the_files_units(tmp_path, names, lead, truth):
    record = read(tmp_path, aecg(SIGNAL, names, **lead))
    limbs_derived = names == EIGHT and "origin" in lead  # sums of shifted leads are shifted otherwise
    rows = [LEADS.index(name) for name in (EIGHT if limbs_derived else LEADS)]
    np.testing.assert_allclose(record.signal[rows], truth[rows], atol=2e-6)
    assert (record.leads, record.rate, record.patient) == (LEADS, 500.0, "P4")
    assert record.meta.get("derived", ()) == (DERIVED if names == EIGHT else ())


@pytest.mark.parametrize(
    ("increment", "unit", "rate"),
    [(0.002, "s", 500), (1, "ms", 1000), (3906, "us", 256), (1.953125, "ms", 512), (0.03, "s", 100 / 3)],
)
@pytest.mark.parametrize("code", ["TIME_ABSOLUTE", "TIME_RELATIVE"])
def test_the_rate_follows_from_the_increment(tmp_path, increment, unit, rate, code):
    content = aecg(SIGNAL, series=rhythm(time=aecg_time(increment, unit, code)))
    assert read(tmp_path, content).rate == pytest.approx(rate, rel=1e-9)


def test_the_representative_beat_is_never_read(tmp_path):
    beat = aecg_series([aecg_lead(name, [0] * 9000) for name in LEADS], code="REPRESENTATIVE_BEAT")
    inside = rhythm().replace("</series>", f"<derivation><derivedSeries>{beat}</derivedSeries></derivation></series>")
    for series in (beat + rhythm(), rhythm() + beat, inside):
        np.testing.assert_allclose(read(tmp_path, aecg(SIGNAL, series=series)).signal, SIGNAL * 5e-3, atol=1e-6)
    with pytest.raises(ValueError, match=r"must hold a rhythm series with sequences, got none \(.*a\.bin\)"):
        read(tmp_path, aecg(SIGNAL, series=beat))


def test_of_several_rhythms_the_one_with_most_leads_is_read_and_noted(tmp_path):
    strip = rhythm(("II",), np.hstack([SIGNAL] * 5))
    with pytest.warns(UserWarning, match="sequence sets must be one, got 2: read number 2"):
        record = read(tmp_path, aecg(SIGNAL, series=strip + rhythm()))
    np.testing.assert_allclose(record.signal, SIGNAL * 5e-3, atol=1e-6)


def test_what_the_file_says_of_patient_and_recording(tmp_path):
    record = read(tmp_path, aecg(SIGNAL))
    meta = record.meta
    assert (meta["age"], meta["sex"], meta["started"]) == (33.0, "female", "2008-12-23T19:44:46")
    assert meta["statements"] == ("Sinus rhythm",) and meta["notes"] == ()


@pytest.mark.parametrize(
    ("identity", "expected"),
    [
        ('root="61D1A24F-b47e-41aa-ae95-f8ac302f4eeb"', "61d1a24f-b47e-41aa-ae95-f8ac302f4eeb"),
        ('root="61D1A24F-b47e-41aa-ae95-f8ac302f4eeb" extension="7"', "61d1a24f-b47e-41aa-ae95-f8ac302f4eeb-7"),
        ('root="1.2.3"', "a"),
        ('nullFlavor="UNK"', "a"),
    ],
)
def test_the_id_is_the_documents_uuid_or_the_files_name(tmp_path, identity, expected):
    assert read(tmp_path, aecg(SIGNAL, identity=identity)).id == expected


def test_a_stated_age_comes_before_the_date_of_birth(tmp_path):
    stated = (
        "<controlVariable><relatedObservation><code code='21612-7'/><value xsi:type='PQ' value='18' unit='mo'/>"
        "</relatedObservation></controlVariable>"
    )
    assert read(tmp_path, aecg(SIGNAL, series=stated + rhythm())).meta["age"] == 1.5


def test_digits_that_are_missing_stay_missing(tmp_path):
    leads = [aecg_lead("I", [1, "NaN", 3]), aecg_lead("II", [4, 5, 6])]
    record = read(tmp_path, aecg(SIGNAL, series=aecg_series(leads)))
    assert np.argwhere(np.isnan(record.signal[:2])).tolist() == [[0, 1]]
    assert np.isnan(record.signal[2:, 1]).all()  # what is derived from it is missing too


def test_channels_that_are_no_leads_are_dropped_and_noted(tmp_path):
    leads = [aecg_lead("I", [1, 2]), aecg_lead("MDC_PRESS_BLD", [1, 2], unit="mm[Hg]"), aecg_lead("VZ", [5, 6])]
    with pytest.warns(UserWarning, match="channels must be known leads, got MDC_PRESS_BLD: dropped"):
        record = read(tmp_path, aecg(SIGNAL, series=aecg_series(leads)))
    assert (record.leads, record.meta["dropped"]) == (("I",), ("MDC_PRESS_BLD", "VZ"))


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (rhythm(unit=""), "a lead must state its unit, or unit must be passed"),
        (rhythm(unit="mm[Hg]"), "unit must be V, mV or uV, got 'mm"),
        (rhythm(scale=""), "scale must be a number, got ''"),
        (rhythm(scale="nan"), "scale must be a number, got 'nan'"),
        (rhythm(scale=0), "a step must be a number other than 0"),
        (rhythm(origin=""), "origin must be a number"),
        (rhythm(origin=5, origin_unit="Ohm"), "unit must be V, mV or uV, got 'Ohm'"),
        (rhythm(kind="SLIST_TS"), "a lead must be a list of type SLIST_PQ, got 'SLIST_TS'"),
        (rhythm(time=""), "a sequence set must have one increment of time, got none"),
        (rhythm(time=aecg_time() + aecg_time(0.001)), r"one increment of time, got \[0.001, 0.002\]"),
        (rhythm(time=aecg_time(unit="h")), "the increment of time must be in s, ms or us, got 'h'"),
        (rhythm(time=aecg_time(0)), "the time between samples must be positive"),
        (rhythm(time=aecg_time(-0.002)), "the time between samples must be positive"),
        (rhythm(time=aecg_time(1e-300)), "rate must be 1 to 1000000 Hz"),
        (rhythm((*LEADS[:11], "V5")), "each lead must be named once"),
        (aecg_series([aecg_lead("I", [1, 2]), aecg_lead("II", [1])]), r"the same number of samples, got \[1, 2\]"),
        (aecg_series([aecg_lead("I", [])]), "a lead must have digits, got none"),
        (aecg_series([aecg_lead("I", ["1", "x"])]), "digits must be numbers, got .*'x'"),
        (aecg_series([aecg_lead("I", ["1", "1e999"])]), "digits must be numbers, got infinity"),
        (aecg_series([aecg_lead("I", ["1_000"])]), "digits must be numbers, got .*underscore"),
        (aecg_series([aecg_lead("MDC_PRESS_BLD", [1])]), "at least one among I, II"),
    ],
)
def test_what_cannot_be_read_with_certainty_is_refused(tmp_path, series, message):
    with pytest.raises(ValueError, match=rf"{message}.*a\.bin"):
        read(tmp_path, aecg(SIGNAL, series=series))


def test_an_endless_list_of_digits_is_refused(tmp_path, monkeypatch):
    from fairseq_signals.data.readers import aecg as module

    monkeypatch.setattr(module, "_LONGEST_LIST", 100)
    with pytest.raises(ValueError, match=r"a lead's digits must be at most 100 characters, got \d+ \(lead I, .*a\.bin"):
        read(tmp_path, aecg(SIGNAL))


def test_what_the_caller_states_must_agree_and_fills_a_missing_unit(tmp_path):
    content = aecg(SIGNAL, series=rhythm(unit=""))
    np.testing.assert_allclose(read(tmp_path, content, unit="uV").signal, SIGNAL * 5e-3, atol=1e-6)
    for passed, message in (({"unit": "mV"}, "unit must agree"), ({"rate": 250}, "rate must agree"), ({"leads": EIGHT}, "leads must agree")):  # fmt: skip  # noqa: E501
        with pytest.raises(ValueError, match=message):
            read(tmp_path, aecg(SIGNAL), **passed)
