from itertools import combinations, permutations, product

import numpy as np
import pytest

from fairseq_signals.data.checks.lead_arrangements import contradiction, in_words
from fairseq_signals.data.leads import STANDARD_LEADS

LIMB = STANDARD_LEADS[:6]
ALL = (True,) * 6
PAIRS = list(combinations(LIMB, 2))


def _named(limb, really):
    """The channels under wrong names: `really` says which lead, with which sign, a name stands for."""
    rows = []
    for name in LIMB:
        lead = really.get(name, name)
        row = limb[LIMB.index(lead.removeprefix("-"))]
        rows.append(-row if lead.startswith("-") else row)
    return np.stack(rows)


def _written(really):
    return ",".join(f"{name}={really[name]}" for name in LIMB if name in really)


@pytest.mark.parametrize("step", [0.001, 0.00488])
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_every_exchange_of_two_names_is_found_and_no_other_is_told(heart, pair, step):
    limb = heart(step=step).signal[:6]
    really = {pair[0]: pair[1], pair[1]: pair[0]}
    assert contradiction(_named(limb, really), ALL) == (True, [_written(really)])


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_an_exchange_with_inversions_is_found_or_a_simpler_reading_that_also_obeys_the_identities(heart, pair):
    for signs in (("-", ""), ("", "-"), ("-", "-")):
        channels = _named(heart().signal[:6], {pair[0]: signs[0] + pair[1], pair[1]: signs[1] + pair[0]})
        throughout, told = contradiction(channels, ALL)
        assert throughout and told
        for arrangement in told:
            _assert_obeys(channels, arrangement)


@pytest.mark.parametrize("lead", LIMB)
def test_every_inverted_lead_is_found(heart, lead):
    assert contradiction(_named(heart().signal[:6], {lead: f"-{lead}"}), ALL) == (True, [f"{lead}=-{lead}"])


@pytest.mark.parametrize("three", list(combinations(LIMB, 3)), ids="-".join)
def test_three_names_in_a_ring_are_found_or_a_simpler_reading_that_also_obeys_the_identities(heart, three):
    limb = heart().signal[:6]
    for ring in (three[1:] + three[:1], three[2:] + three[:2]):
        channels = _named(limb, dict(zip(three, ring, strict=True)))
        throughout, told = contradiction(channels, ALL)
        assert throughout and told
        for arrangement in told:
            _assert_obeys(channels, arrangement)


def _assert_obeys(channels, arrangement):
    """The definitions, sample by sample, once every channel is under the name that is told."""
    leads = {name: channels[row] for row, name in enumerate(LIMB)}
    for pair in arrangement.split(","):
        name, lead = pair.split("=")
        leads[lead.removeprefix("-")] = channels[LIMB.index(name)] * (-1 if lead.startswith("-") else 1)
    i, ii, iii, avr, avl, avf = (leads[name] for name in LIMB)
    for error in (iii - (ii - i), avr + (i + ii) / 2, avl - (i - ii / 2), avf - (ii - i / 2)):
        assert np.abs(error).max() < 0.004


def test_orders_of_other_data_sets_are_found(heart):
    limb = heart().signal[:6]
    # CODE-test writes aVL, aVF, aVR where CODE-15 writes aVR, aVL, aVF.
    code_test = {"aVR": "aVL", "aVL": "aVF", "aVF": "aVR"}
    assert contradiction(_named(limb, code_test), ALL) == (True, [_written(code_test)])
    # MIMIC-IV-ECG writes aVF before aVL.
    assert contradiction(_named(limb, {"aVL": "aVF", "aVF": "aVL"}), ALL)[1] == ["aVL=aVF,aVF=aVL"]


def test_what_no_identity_can_see_is_not_seen(heart):
    limb = heart().signal[:6]
    arms_reversed = {"I": "-I", "II": "III", "III": "II", "aVR": "aVL", "aVL": "aVR"}
    assert contradiction(_named(limb, arms_reversed), ALL) == (False, [])
    assert contradiction(-limb, ALL) == (False, [])


def test_two_readings_that_fit_equally_are_both_told(heart):
    limb = heart().signal[:6].copy()
    limb[3:] = 0
    present = (True, True, True, False, False, False)
    throughout, told = contradiction(_named(limb, {"I": "II", "II": "I"}), present)
    assert throughout and sorted(told) == ["I=II,II=I", "III=-III"], "with three leads, III inverted looks the same"


def test_leads_that_agree_do_not_contradict_each_other_however_coarse_or_offset(heart):
    for step in (0.001, 0.00488, 0.01):
        assert contradiction(heart(step=step).signal[:6], ALL) == (False, [])
    offsets = np.array([0.5, -3, 7, 0, 1, -0.1], np.float32)[:, None]
    assert contradiction(heart().signal[:6] + offsets, ALL) == (False, [])


@pytest.mark.parametrize("samples", [1, 3, 7, 1000])
def test_silence_and_short_recordings_contradict_nothing(samples):
    assert contradiction(np.zeros((6, samples), np.float32), ALL) == (False, [])


def test_damage_in_less_than_half_of_the_recording_is_no_exchange(heart):
    limb = heart().signal[:6].copy()
    limb[2, 130:370] = np.random.default_rng(0).normal(0, 2, 240)
    assert contradiction(limb, ALL) == (False, [])
    limb[2, 100:900] = np.random.default_rng(0).normal(0, 2, 800)
    assert contradiction(limb, ALL) == (True, [])


def test_an_exchange_is_found_beneath_damage(heart):
    limb = _named(heart().signal[:6], {"I": "III", "III": "I"})
    limb[4, 130:370] = 5.0
    assert contradiction(limb, ALL) == (True, ["I=III,III=I"])


def test_a_lead_of_something_else_is_a_contradiction_without_an_explanation(heart):
    limb = heart().signal[:6].copy()
    limb[4] = heart().signal[7]
    assert contradiction(limb, ALL) == (True, [])


def test_all_arrangements_are_tried():
    from fairseq_signals.data.checks.lead_arrangements import _arrangements

    channels, steps = _arrangements(ALL)
    everything = {
        tuple(2 * place + sign for place, sign in zip(order, signs, strict=True))
        for order in permutations(range(6))
        for signs in product((0, 1), repeat=6)
    }
    assert len(channels) == len(everything) == 720 * 64 and set(map(tuple, channels.tolist())) == everything
    assert channels[0].tolist() == [0, 2, 4, 6, 8, 10] and steps[0] == 0 and (steps[1:] > 0).all()


@pytest.mark.parametrize(
    ("arrangement", "words"),
    [
        ("aVL=aVF,aVF=aVL", "aVL and aVF are exchanged"),
        ("III=-III", "III is inverted"),
        (
            "aVR=aVL,aVL=aVF,aVF=aVR",
            "the channel named aVR is aVL, the channel named aVL is aVF, the channel named aVF is aVR",
        ),
        ("I=-II,II=I,III=-III", "the channel named I is II inverted, the channel named II is I, III is inverted"),
        ("I=-III,III=-I", "the channel named I is III inverted, the channel named III is I inverted"),
    ],
)
def test_words(arrangement, words):
    assert in_words(arrangement) == words


@pytest.mark.real
def test_exchanges_and_inversions_of_real_recordings_are_found(real_ecgs):
    import wfdb

    folder = real_ecgs("ptbxl500") / "ptbxl-500hz-first500" / "records500" / "00000"
    wrong = [{lead: f"-{lead}"} for lead in LIMB] + [{a: b, b: a} for a, b in PAIRS]
    for path in sorted(folder.glob("*.hea"))[:40]:
        limb = wfdb.rdrecord(str(path.with_suffix(""))).p_signal.T[:6].astype(np.float32)
        assert contradiction(limb, ALL) == (False, [])
        for really in wrong:
            assert contradiction(_named(limb, really), ALL) == (True, [_written(really)]), path.name
