import pytest

from fairseq_signals.data.montage import choose_leads, millivolts_per


def test_leads_are_found_by_name_and_put_in_order():
    chosen = choose_leads(["RESP", "V1", "AVR", "I", "vx"], "r.hea")
    assert chosen.rows == (3, 2, 1)
    assert chosen.leads == ("I", "aVR", "V1")
    assert chosen.dropped == ("RESP", "vx")
    assert chosen.unknown == ("RESP",)


def test_names_that_a_person_gave_must_all_be_known():
    with pytest.raises(ValueError, match=r"known and dropped: X, Y.*got C1 \(a.npy\)"):
        choose_leads(["I", "C1"], "a.npy", strict=True)


@pytest.mark.parametrize("names", [["RESP", "MLII"], ["X", "Y", "Z"], []])
def test_a_recording_without_a_standard_lead_is_refused(names):
    with pytest.raises(ValueError, match=r"at least one among I, II, III.*\(r.hea\)"):
        choose_leads(names, "r.hea")


def test_a_lead_named_twice_is_refused():
    with pytest.raises(ValueError, match=r"once, got II, aVR, AVR \(twice: aVR; r.hea\)"):
        choose_leads(["II", "aVR", "AVR"], "r.hea")


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        *[("V", 1000), ("v", 1000), ("Volts", 1000), ("mV", 1), ("mv", 1), ("MV", 1), ("millivolts", 1)],
        *[("uV", 1e-3), ("UV", 1e-3), ("\u00b5V", 1e-3), ("\u03bcV", 1e-3), (" microvolt ", 1e-3)],
    ],
)
def test_units_become_millivolts(unit, factor):
    assert millivolts_per(unit, "r.hea") == factor


@pytest.mark.parametrize("unit", ["nV", "mmHg", "", "s", "V/m", "ADU"])
def test_an_unknown_unit_is_named(unit):
    with pytest.raises(ValueError, match=f"unit must be V, mV or uV, got {unit!r} \\(r.hea\\)"):
        millivolts_per(unit, "r.hea")
