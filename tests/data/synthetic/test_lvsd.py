"""What a low ejection fraction does to the ECG, measured on the same hearts once healthy and once weak."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import find_peaks

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.synthetic.institutions import INSTITUTIONS
from fairseq_signals.data.synthetic.lvsd import draw_heart, severity
from fairseq_signals.data.synthetic.recording import record_patient

RATE = 500.0


def recording(heart, ef, seed):
    patient = replace(heart.healthy, conditions=frozenset({"NSR"}))
    patient = replace(heart, healthy=patient).at(ef)
    return record_patient(patient, 1, np.random.default_rng(seed), RATE, 10.0, noise=False).signal.astype(float)


def peaks(signal):
    speed = np.convolve(np.abs(np.diff(signal, axis=1)).sum(0), np.hanning(50), "same")
    return find_peaks(speed, height=speed.max() / 2, distance=150)[0]


def beat(signal):
    places = [place for place in peaks(signal) if 150 <= place < signal.shape[1] - 250]
    found = np.median([signal[:, place - 150 : place + 250] for place in places], axis=0)
    return found - found[:, 60:75].mean(1, keepdims=True)


def qrs_width(signal):
    """Seconds during which the leads together move faster than a tenth of their fastest."""
    speed = np.convolve(np.abs(np.diff(beat(signal)[:, 90:215], axis=1)).sum(0), np.ones(5) / 5, "same")
    fast = np.flatnonzero(speed > 0.1 * speed.max())
    return (fast[-1] - fast[0]) / RATE


def lateral_t(signal):
    """Height of the T wave, mean of I, aVL, V5 and V6, mV; negative where it is inverted."""
    late = beat(signal)[[STANDARD_LEADS.index(name) for name in ("I", "aVL", "V5", "V6")], 220:]
    return np.mean([wave[np.abs(wave).argmax()] for wave in late])


def v2_s_per_r(signal):
    """Depth of S in V2 for the largest height of R in the limb leads."""
    middle = beat(signal)[:, 100:200]
    return -middle[STANDARD_LEADS.index("V2")].min() / middle[:6].max()


@pytest.fixture(scope="module")
def pairs():
    """Thirty hearts, each recorded on the same day with an EF of 62 % and of 25 %."""
    hearts = [draw_heart(number, INSTITUTIONS[0], np.random.default_rng(number)) for number in range(30)]
    return [tuple(recording(heart, ef, number) for ef in (62.0, 25.0)) for number, heart in enumerate(hearts)]


@pytest.mark.parametrize(
    "measure, sign, least",
    [
        (qrs_width, 1, 0.003),
        (lateral_t, -1, 0.03),
        (v2_s_per_r, 1, 0.1),
        (lambda signal: len(peaks(signal)), 1, 0.4),
        (lambda signal: np.ptp(beat(signal)[:6, 100:200], axis=1).mean(), -1, 0.03),
    ],
    ids=["QRS broader", "lateral T flatter", "S in V2 deeper", "heart faster", "voltage lower"],
)
def test_a_weak_ventricle_shows_on_average_and_not_in_everybody(pairs, measure, sign, least):
    change = sign * np.array([measure(weak) - measure(healthy) for healthy, weak in pairs])
    assert change.mean() > least
    healthy = np.array([measure(healthy) for healthy, _ in pairs])
    weak = np.array([measure(weak) for _, weak in pairs])
    overlap = np.mean(sign * weak[:, None] < sign * healthy[None])  # of pairs of different people: wrong order
    assert 0.1 < overlap < 0.5


def test_severity_begins_below_58_percent():
    found = [severity(ef) for ef in (75, 58, 45, 32, 10)]
    assert found == pytest.approx([0, 0, 0.5, 1, 1.6])


def test_healthy_hearts_are_left_as_they_are():
    heart = draw_heart(3, INSTITUTIONS[2], np.random.default_rng(3))
    np.testing.assert_array_equal(recording(heart, 60.0, 0), recording(heart, 75.0, 0))


def test_diagnoses_of_conduction_are_more_frequent_with_a_low_ef():
    hearts = [draw_heart(number, INSTITUTIONS[3], np.random.default_rng(number)) for number in range(1500)]
    share = [
        np.mean([heart.healthy.has("LBBB", "NSIVCB") for heart in hearts if (heart.ef < 40) == low])
        for low in (False, True)
    ]
    assert share[0] < 0.06 < share[1] < 0.3
