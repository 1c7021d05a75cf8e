from dataclasses import replace

import numpy as np
import pytest

from fairseq_signals.data.checks.lead_identity import FACT, HOLD, judge_limb_leads
from fairseq_signals.data.faults import FAULTS
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.self_test import examine


def _changed(record, change):
    signal = record.signal.copy()
    change(signal)
    return replace(record, signal=signal)


def _exchanged(record, *names):
    """Two leads under one another's name."""
    rows = [STANDARD_LEADS.index(name) for name in names]
    return _changed(record, lambda signal: signal.__setitem__(rows, record.signal[rows[::-1]]))


def test_a_sound_recording_obeys_the_identities_at_every_rate_step_and_offset(heart):
    for rate in (100.0, 500.0):
        for step in (0.001, 0.00488):
            record = heart(rate=rate, step=step)
            assert examine(record)[FACT] == HOLD
            assert examine(_changed(record, lambda signal: np.add(signal, 3.3, out=signal)))[FACT] == HOLD
    shifted = _changed(heart(), lambda signal: np.add(signal[3], -7, out=signal[3]))
    assert examine(shifted)[FACT] == HOLD, "filters shift leads one by one"


def test_errors_are_told_lead_by_lead_in_millivolts_and_share_of_samples(heart):
    def spike(signal):
        signal[2, 500:510] += 1.0
        signal[5, 505:520] -= 2.0

    found = examine(_changed(heart(), spike))[FACT]
    assert found["share"] == pytest.approx(20 / 1000)
    # Offsets do not count, so the mean of each error is taken off: 1.0 over 10 of 1000 samples, -2.0 over 15.
    assert found["errors"] == {"III": pytest.approx(0.99, abs=0.003), "aVF": pytest.approx(1.97, abs=0.003)}
    assert not found["throughout"] and not found["really"]


@pytest.mark.parametrize("lead", range(6))
def test_a_moment_of_damage_is_a_warning_and_damage_throughout_a_reject(heart, packed_of, lead):
    spike = _changed(heart(1), lambda signal: signal.__setitem__((2, 999), 3.0))
    other = _changed(heart(2), lambda signal: signal.__setitem__(lead, heart(2).signal[8]))
    verdict = judge_limb_leads([packed_of(record) for record in (heart(0), spike, other)])
    assert [(reject.item.id, reject.fault) for reject in verdict.rejects] == [("r2", "leads contradictory")]
    assert list(verdict.warnings) == ["r1"] and "got errors of up to III" in verdict.warnings["r1"][0]
    assert "in 0.1% of the samples" in verdict.warnings["r1"][0]
    assert verdict.card == {"limb leads tested": 3, "limb leads obey their identities": 1}
    assert verdict.lines == ["III = II - I and the other identities of limb leads hold in 1 of 3 recordings"]
    assert verdict.refusal is None


def test_pacemaker_spikes_drawn_into_single_leads_are_no_reason_to_lose_the_recording(heart, packed_of):
    def pace(signal):
        for start in range(5, 1000, 80):  # 75 a minute, in I and III but not in II, and of different heights
            signal[0, start : start + 5] -= 3.0
            signal[2, start : start + 4] += 1.5

    verdict = judge_limb_leads([packed_of(_changed(heart(seed, step=0.005), pace)) for seed in range(20)])
    assert not verdict.rejects and verdict.refusal is None and len(verdict.warnings) == 20


def test_exchanged_and_inverted_leads_are_rejected_and_named(heart, packed_of):
    exchanged = _exchanged(heart(0), "aVL", "aVF")
    inverted = _changed(heart(1), lambda signal: np.negative(signal[2], out=signal[2]))
    verdict = judge_limb_leads([packed_of(exchanged), packed_of(inverted)])
    assert [reject.fault for reject in verdict.rejects] == ["leads exchanged"] * 2
    error = exchanged.signal[4] - exchanged.signal[5]  # each stands where the other should
    message = verdict.rejects[0].message
    assert message.endswith("aVL and aVF are exchanged") and "aVL" in message and "III" not in message.split("got")[1]
    told = float(message.split("aVF ")[1].split(" mV")[0])
    assert told == pytest.approx(np.abs(error - error.mean()).max(), abs=0.003)
    assert verdict.rejects[1].message.endswith("III is inverted")


def test_leads_that_are_not_stored_are_nobodys_trouble(heart, packed_of):
    exchanged = _exchanged(heart(0), "aVL", "aVF")
    kept = judge_limb_leads([packed_of(exchanged, leads=("I", "II", "V2"))])
    assert not kept.rejects and list(kept.warnings) == ["r0"]
    assert judge_limb_leads([packed_of(exchanged, leads=("aVL",))]).rejects
    assert judge_limb_leads([packed_of(exchanged, leads=("V1", "V2"))]).card == {}


@pytest.mark.parametrize("leads", [("I", "II"), ("I", "II", "V1", "V2"), ("II", "III", "aVR"), ("V1",)])
def test_where_the_identities_say_nothing_nothing_is_said(heart, packed_of, leads):
    record = heart().select(leads)
    assert FACT not in examine(record)
    assert judge_limb_leads([packed_of(record)]).lines == []


def test_flat_leads_and_leads_that_are_not_finite_do_not_count(heart):
    assert examine(_changed(heart(), lambda signal: signal.__setitem__(4, 0.0)))[FACT] == HOLD
    assert examine(_changed(heart(), lambda signal: signal.__setitem__((5, 7), np.nan)))[FACT] == HOLD
    assert FACT not in examine(_changed(heart(), lambda signal: signal.__setitem__(0, 1.0)))


def test_some_of_the_limb_leads_are_enough(heart, packed_of):
    record = heart().select(("I", "II", "aVL", "aVF", "V3"))
    assert examine(record)[FACT] == HOLD
    signal = record.signal[[0, 1, 3, 2, 4]]
    verdict = judge_limb_leads([packed_of(replace(record, signal=signal))])
    assert verdict.rejects[0].fault == "leads exchanged" and "aVL and aVF are exchanged" in verdict.rejects[0].message


def test_leads_read_in_a_wrong_order_refuse_the_source_and_tell_the_way_out(heart, packed_of):
    sound = [packed_of(heart(seed)) for seed in range(90)]
    wrong = [packed_of(_exchanged(heart(seed), "aVL", "aVF"), f"w{seed}") for seed in range(10)]
    assert judge_limb_leads(sound + wrong[:9]).refusal is None
    verdict = judge_limb_leads(sound + wrong)
    assert verdict.refusal == (
        "leads must be what the files call them, got another order in 10 of 100 recordings (aVL and aVF are "
        "exchanged): if all files of the source are so, prepare it with --relabel aVL=aVF,aVF=aVL"
    )
    assert judge_limb_leads(sound + sound + wrong).refusal is None, "less than a tenth"


def test_the_way_out_that_is_told_is_one(heart):
    from fairseq_signals.data.checks.lead_identity import _way_out

    ring = {"aVR": "aVL", "aVL": "aVF", "aVF": "aVR"}  # CODE-test's order read as the standard one
    good = heart()
    rows = [STANDARD_LEADS.index(ring.get(name, name)) for name in STANDARD_LEADS]
    misread = replace(good, signal=good.signal[rows])
    (really,) = examine(misread)[FACT]["really"]
    relabel = dict(pair.split("=") for pair in _way_out(really).split("--relabel ")[1].split(","))
    np.testing.assert_array_equal(misread.renamed(relabel).signal, good.signal)


def test_inverted_leads_all_over_are_no_matter_of_names(heart, packed_of):
    wrong = [
        packed_of(_changed(heart(seed), lambda signal: np.negative(signal[3], out=signal[3]))) for seed in range(12)
    ]
    refusal = judge_limb_leads(wrong).refusal
    assert "in 12 of 12 recordings (aVR is inverted)" in refusal and "--relabel" not in refusal


def test_leads_that_have_nothing_to_do_with_each_other_refuse_the_source(packed_of, heart):
    def noise(signal):
        signal[:] = np.random.default_rng(0).normal(0, 0.3, signal.shape)

    wrong = [packed_of(_changed(heart(seed), noise), f"r{seed}") for seed in range(10)]
    assert "got leads that contradict each other in 10 of 10 recordings" in judge_limb_leads(wrong).refusal


def test_readings_that_fit_equally_are_told_as_one_of_several(heart, packed_of):
    record = heart().select(("I", "II", "III", "aVR"))
    inverted = _changed(record, lambda signal: np.negative(signal[2], out=signal[2]))
    (reject,) = judge_limb_leads([packed_of(inverted)]).rejects
    assert "one of these is the case: " in reject.message
    assert "III is inverted" in reject.message and "I and II are exchanged" in reject.message


def test_every_fault_is_a_known_one():
    assert {"leads exchanged", "leads contradictory", "wrong unit"} <= set(FAULTS)


def _by_plain_loop(signal):
    """Largest error of the four identities, sample by sample, offsets taken off by their median."""
    i, ii, iii, avr, avl, avf = signal[:6].astype(np.float64)
    errors = [iii - (ii - i), avr + (i + ii) / 2, avl - (i - ii / 2), avf - (ii - i / 2)]
    return max(float(np.abs(error - np.median(error)).max()) for error in errors)


@pytest.mark.real
def test_exactly_these_real_recordings_of_the_500_break_the_identities(real_ecgs, packed_of):
    import wfdb

    from fairseq_signals.data.readers import read_record

    paths = sorted((real_ecgs("ptbxl500") / "ptbxl-500hz-first500").rglob("*.hea"))
    verdict = judge_limb_leads([packed_of(read_record(path), path.stem) for path in paths])
    assert (len(paths), verdict.rejects, list(verdict.warnings)) == (500, [], ["00162_hr"])
    broken = [path.stem for path in paths if _by_plain_loop(wfdb.rdrecord(str(path.with_suffix(""))).p_signal.T) > 0.1]
    assert broken == ["00162_hr"]
