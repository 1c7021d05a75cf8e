"""The generated signal is measured with means of its own: band-passes, peaks, slopes, median beats."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.signal import butter, find_peaks, sosfiltfilt

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.synthetic import generate_patient
from fairseq_signals.data.synthetic.conditions import CODES

RATE = 500
NAMES = {code: name for name, code in CODES.items()}
REFERENCE = round(0.45 * RATE)  # sample of the R peak in a median beat


def lead(record, name):
    return record.signal[STANDARD_LEADS.index(name)].astype(float)


def names(record):
    return {NAMES[code] for code in record.labels}


def one(number, *diagnoses, noise=False, rate=RATE, seconds=10.0):
    return generate_patient(number, 0, rate, seconds, diagnoses, recordings=1, noise=noise)[0]


def r_peaks(record, low=8):
    """Samples of the QRS complexes: peaks of the band-passed length of the vector of all leads."""
    band = butter(2, (low, 25), "bandpass", fs=record.rate, output="sos")
    energy = (sosfiltfilt(band, record.signal.astype(float), axis=1) ** 2).sum(0) ** 0.5
    smooth = np.convolve(energy, np.hanning(round(0.12 * record.rate)), "same")
    return find_peaks(smooth, height=0.3 * np.percentile(smooth, 99.5), distance=round(0.25 * record.rate))[0]


def median_beat(record, before=0.45, after=0.5):
    """`[12, T]` median over the beats inside the recording, the level before it taken away."""
    start, stop = round(before * record.rate), round(after * record.rate)
    peaks = [peak for peak in r_peaks(record) if start <= peak < record.signal.shape[1] - stop]
    return np.median([record.signal[:, peak - start : peak + stop] for peak in peaks], axis=0).astype(float)


def qrs_span(beat):
    """First and last sample around the R peak until the leads together rest: 24 ms below a tenth of their fastest."""
    slope = np.abs(np.diff(beat, axis=1)).sum(0)
    slope = np.convolve(slope, np.ones(3) / 3, "same")
    middle = REFERENCE - 30 + slope[REFERENCE - 30 : REFERENCE + 30].argmax()
    rest = slope < 0.1 * slope[middle]
    still = np.convolve(rest, np.ones(12), "valid") == 12  # twelve samples of rest from here on
    last = middle + np.argmax(still[middle:])
    first = middle - np.argmax(still[middle - 11 :: -1])
    return first, last


def qrs_duration(record):
    first, last = qrs_span(median_beat(record))
    return (last - first) / record.rate


def pr_interval(record):
    """Seconds from where the P wave leaves a tenth of its height, walking back from its peak, to the QRS."""
    beat = median_beat(record)
    first, _ = qrs_span(beat)
    before = np.abs(beat[:, first - 160 : first - 10]).sum(0)
    peak = 150 - 125 + before[-125:].argmax()  # the highest within a quarter of a second: no T wave yet
    while before[peak - 1] > 0.1 * before.max() and before[peak - 1] <= before[peak] + 1e-3:
        peak -= 1
    return (len(before) + 10 - peak) / record.rate


def mean_rate(record):
    peaks = r_peaks(record)
    return 60 * record.rate * (len(peaks) - 1) / (peaks[-1] - peaks[0])


def variation(record):
    """Coefficient of variation of the RR intervals."""
    intervals = np.diff(r_peaks(record))
    return intervals.std() / intervals.mean()


@pytest.mark.parametrize(
    "diagnosis, low, high", [("SB", 38, 60), ("NSR", 60, 100), ("STach", 100, 155), ("SA", 60, 100)]
)
def test_sinus_rhythms_beat_at_the_rate_their_label_says(diagnosis, low, high):
    for number in range(12):
        record = one(number, diagnosis, noise=True)
        assert names(record) & {"NSR", "SB", "STach", "SA"} == {diagnosis}
        assert low - 0.7 < mean_rate(record) < high + 0.7


def test_rate_labels_of_drawn_patients_agree_with_the_measured_rate():
    records = [record for number in range(80) for record in generate_patient(number)]
    checked = 0
    for record in records:
        if names(record) & {"NSR", "SB", "STach"} and not names(record) & {"PVC", "PAC"}:
            rate, checked = mean_rate(record), checked + 1
            expected = "SB" if rate < 60 else "STach" if rate > 100 else "NSR"
            assert expected in names(record) or min(abs(rate - 60), abs(rate - 100)) < 0.7, record.id
    assert checked > 60


def test_intervals_are_irregular_in_fibrillation_and_regular_in_sinus_rhythm():
    sinus = [variation(one(number, "NSR", noise=True)) for number in range(12)]
    fibrillation = [variation(one(number, "AF", noise=True)) for number in range(12)]
    assert max(sinus) < 0.05
    assert min(fibrillation) > 0.1
    assert np.median(fibrillation) > 0.18


def test_sinus_arrhythmia_lies_between():
    values = [variation(one(number, "SA", noise=True)) for number in range(8)]
    assert 0.06 < min(values) and max(values) < 0.16


def test_p_waves_precede_the_qrs_in_sinus_rhythm_and_not_in_fibrillation():
    def p_height(record):  # the median beat keeps what is locked to the QRS only
        before = median_beat(record)[1, REFERENCE - 130 : REFERENCE - 35]
        return before.max() - np.median(before[:15])

    sinus = [p_height(one(number, "NSR", "LQRSV")) for number in range(8)]
    sinus += [p_height(one(number, "NSR")) for number in range(8)]
    fibrillation = [p_height(one(number, "AF")) for number in range(16)]
    assert min(sinus) > 0.05
    assert np.median(fibrillation) < 0.35 * np.median(sinus)


def test_fibrillatory_waves_are_best_seen_in_v1_at_four_to_nine_hertz():
    """What stays when every median beat is taken away has its peak there."""
    for number in range(6):
        record = one(number, "AF", seconds=60.0)
        quiet = {name: _between_beats(record, name) for name in ("I", "V1")}
        power = np.mean([np.abs(np.fft.rfft(part, 1024)) ** 2 for part in quiet["V1"]], axis=0)
        peak = np.fft.rfftfreq(1024, 1 / RATE)[power.argmax()]
        assert 4 <= peak <= 9
        assert np.std(np.concatenate(quiet["V1"])) > 2 * np.std(np.concatenate(quiet["I"]))


def _between_beats(record, name):
    """Stretches from 0.55 s after one QRS to 0.1 s before the next, in rhythm with long pauses only."""
    peaks, values = r_peaks(record), lead(record, name)
    spans = [(a + round(0.55 * RATE), b - round(0.1 * RATE)) for a, b in pairwise(peaks)]
    long = sorted(spans, key=lambda span: span[0] - span[1])[:5]
    return [(values[a:b] - values[a:b].mean()) * np.hanning(b - a) for a, b in long]


def test_qrs_is_narrow_normally_and_broad_in_bundle_branch_block():
    normal = [qrs_duration(one(number, "NSR")) for number in range(20)]
    left = [qrs_duration(one(number, "LBBB")) for number in range(20)]
    right = [qrs_duration(one(number, "RBBB")) for number in range(20)]
    incomplete = [qrs_duration(one(number, "IRBBB")) for number in range(20)]
    assert 0.06 < min(normal) and max(normal) < 0.11
    assert min(left) > 0.12 and max(left) < 0.19
    assert min(right) > 0.12 and max(right) < 0.19
    assert 0.09 < np.median(incomplete) < 0.12 and max(incomplete) < 0.125


def test_left_bundle_branch_block_shows_its_pattern():
    for number in range(15):
        beat = median_beat(one(number, "LBBB"))
        first, last = qrs_span(beat)
        v1, v6 = (beat[STANDARD_LEADS.index(name)] for name in ("V1", "V6"))
        qrs1, qrs6 = v1[first:last], v6[first:last]
        assert -qrs1.min() > 0.4 and qrs1.max() < 0.25 * -qrs1.min()  # QS, or a deep S after a small r
        assert qrs6.max() > 0.3 and -qrs6[: qrs6.argmax()].min() < 0.05  # no q
        assert np.count_nonzero(qrs6 > 0.5 * qrs6.max()) / RATE > 0.05  # broad R
        assert v1[last + 20 :].max() > 0.05 and v6[last + 20 :].min() < -0.05  # T against the QRS


def test_right_bundle_branch_block_shows_its_pattern():
    for number in range(15):
        beat = median_beat(one(number, "RBBB"))
        first, last = qrs_span(beat)
        v1, v6 = (beat[STANDARD_LEADS.index(name), first:last] for name in ("V1", "V6"))
        bottom = v1[: np.argmax(v1)].argmin()
        assert v1[bottom:].max() - v1[bottom] > 0.4 and v1.argmax() / RATE > 0.07  # a late R'
        assert v6.argmin() > v6.argmax() and v6.min() < -0.15  # a terminal S
        assert np.count_nonzero(v6[v6.argmax() :] < 0.3 * v6.min()) / RATE > 0.025  # and a wide one


def test_pr_interval_is_long_in_first_degree_block_only():
    assert min(pr_interval(one(number, "IAVB")) for number in range(15)) > 0.20
    normal = [pr_interval(one(number, "NSR")) for number in range(15)]
    assert 0.10 < min(normal) and max(normal) < 0.20


@pytest.mark.parametrize("diagnosis, low, high", [(None, -30, 90), ("LAD", -90, -30), ("RAD", 90, 180)])
def test_net_qrs_of_i_and_avf_gives_the_axis(diagnosis, low, high):
    for number in range(15):
        beat = median_beat(one(number, *((diagnosis,) if diagnosis else ("NSR",))))
        first, last = qrs_span(beat)
        one_, avf = beat[0, first:last].sum(), beat[5, first:last].sum()
        axis = np.degrees(np.arctan2(avf * 2 / np.sqrt(3), one_))
        assert low - 8 < axis < high + 8


def test_low_voltage_stays_below_half_a_millivolt_in_every_limb_lead():
    def height(record):
        beat = median_beat(record)
        first, last = qrs_span(beat)
        return np.ptp(beat[:6, first - 5 : last + 5], axis=1).max()

    assert max(height(one(number, "LQRSV")) for number in range(10)) < 0.5
    assert min(height(one(number, "NSR")) for number in range(10)) > 0.5


def test_t_waves_and_st_segments_change_as_named():
    def at(record, name, lo, hi):
        beat = median_beat(record)
        _, last = qrs_span(beat)
        return beat[STANDARD_LEADS.index(name), last + round(lo * RATE) : last + round(hi * RATE)]

    for number in range(10):
        normal, inverted = at(one(number, "NSR"), "V5", 0.08, 0.4), at(one(number, "TInv"), "V5", 0.08, 0.4)
        assert normal.max() > 0.1 > 0.05 > -normal.min()
        assert inverted.min() < -0.08
        assert at(one(number, "STD"), "V5", 0.05, 0.07).mean() < -0.05
        assert abs(at(one(number, "NSR"), "V5", 0.03, 0.05).mean()) < 0.1


def test_long_qt_ends_later_than_a_normal_one():
    def qtc(record):  # end of T: the last time the beat is above a tenth of the T wave's height
        beat = median_beat(record, after=min(0.62, 48 / mean_rate(record)))
        first, last = qrs_span(beat)
        later = np.abs(beat[:, last + 30 :]).sum(0)
        end = later.argmax() + np.argmax(later[later.argmax() :] < 0.08 * later.max())
        return (last + 30 + end - first) / RATE / np.cbrt(60 / mean_rate(record))

    assert min(qtc(one(number, "LQT")) for number in range(10)) > 0.46
    assert max(qtc(one(number, "NSR")) for number in range(10)) < 0.46


def test_premature_ventricular_beats_are_early_broad_and_followed_by_a_full_pause():
    for number in range(10):
        record = one(number, "PVC")
        peaks = r_peaks(record, low=4)  # broad beats are slow
        intervals = np.diff(peaks) / np.median(np.diff(peaks))
        early = np.flatnonzero(intervals < 0.8)
        assert len(early) and "PVC" in names(record)
        width = _energy_width(record, peaks)
        for beat in early:
            if beat + 1 < len(intervals):
                assert 1.85 < intervals[beat] + intervals[beat + 1] < 2.15
            assert width[beat + 1] > 1.3 * np.median(width)


def _energy_width(record, peaks):
    """For each beat the seconds for which some lead is beyond 15 % of its own extreme, around the peak."""
    total = np.abs(record.signal.astype(float)).sum(0)
    parts = [total[max(peak - 60, 0) : peak + 60] for peak in peaks]
    return np.array([np.count_nonzero(part > 0.25 * part.max()) / record.rate for part in parts])


def test_premature_atrial_beats_are_early_and_narrow_without_a_full_pause():
    for number in range(10):
        record = one(number, "PAC")
        peaks = r_peaks(record, low=4)  # broad beats are slow
        intervals = np.diff(peaks) / np.median(np.diff(peaks))
        early = np.flatnonzero(intervals < 0.85)
        assert len(early) and "PAC" in names(record)
        width = _energy_width(record, peaks)
        assert all(width[beat + 1] < 1.25 * np.median(width) for beat in early)
        assert all(intervals[beat] + intervals[beat + 1] < 1.87 for beat in early if beat + 1 < len(intervals))


def test_a_premature_beat_is_labelled_only_where_it_is_there():
    short = one(3, "PVC", seconds=1.5)
    assert "PVC" not in names(short)


@pytest.mark.parametrize("noise", [False, True])
def test_limb_leads_obey_einthoven_and_goldberger(noise):
    record = one(5, "AF", "LBBB", noise=noise)
    i, ii, iii, avr, avl, avf = record.signal[:6].astype(float)
    # float32 of millivolts: nothing but rounding of the last digit is left
    np.testing.assert_allclose(iii, ii - i, atol=1e-6)
    np.testing.assert_allclose(avr, -(i + ii) / 2, atol=1e-6)
    np.testing.assert_allclose(avl, i - ii / 2, atol=1e-6)
    np.testing.assert_allclose(avf, ii - i / 2, atol=1e-6)


def test_beats_of_one_patient_are_more_alike_than_those_of_different_patients():
    """Measured within one diagnosis, so that the disease does not give the patient away."""

    def template(record):
        beat = median_beat(record, before=0.1, after=0.4)
        beat = beat - np.median(beat, axis=1, keepdims=True)
        return (beat / np.linalg.norm(beat)).ravel()

    pairs = [[template(r) for r in generate_patient(number, diagnoses=("NSR",), recordings=2)] for number in range(20)]
    same = np.array([a @ b for a, b in pairs])
    different = np.array([a[0] @ b[1] for a, b in combinations(pairs, 2)])
    assert same.mean() > different.mean() + 0.1
    assert different.max() > same.min()  # possible, not trivial
    assert same.max() < 0.9999


def test_amplitudes_are_those_of_a_heart():
    peaks = [np.abs(record.signal).max() for number in range(60) for record in generate_patient(number)]
    assert 1.0 < np.median(peaks) < 2.2
    assert max(peaks) < 7


def test_every_diagnosis_can_be_made_alone_and_is_drawn():
    seen = set().union(*(names(r) for number in range(250) for r in generate_patient(number, rate=100, seconds=5)))
    assert seen == set(CODES)
    for name in CODES:
        assert name in names(one(1, name))


@pytest.mark.parametrize("diagnoses", [("AF", "NSR"), ("AF", "IAVB"), ("LAD", "RAD"), ("LBBB", "TInv")])
def test_diagnoses_that_exclude_each_other_are_refused(diagnoses):
    with pytest.raises(ValueError, match="able to stand beside each other"):
        one(0, *diagnoses)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"rate": 10.0}, "rate must be between"),
        ({"rate": float("nan")}, "rate must be between"),
        ({"seconds": 0.0}, "seconds must be between"),
        ({"seconds": 1e6}, "seconds must be between"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"diagnoses": ("flu",)}, "diagnoses must be among"),
    ],
)
def test_absurd_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_patient(0, **arguments)
