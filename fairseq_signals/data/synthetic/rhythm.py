"""When the heart beats, and what starts each beat: sinus node, atria out of order, an early focus, a pacemaker."""

from dataclasses import dataclass

import numpy as np

from fairseq_signals.data.synthetic.conditions import SINUS
from fairseq_signals.data.synthetic.patient import Patient

MARGIN = 1.6  # seconds of beats before and after the recording, so that its ends are whole

NORMAL, VENTRICULAR, ATRIAL = 0, 1, 2


@dataclass(frozen=True)
class Beats:
    """The beats of a recording.

    Attributes:
        times: `[N]` reference time of each beat's QRS, s; some lie outside the recording.
        kinds: `[N]` NORMAL, VENTRICULAR (premature, wide) or ATRIAL (premature, narrow).
        cycles: `[N]` RR interval before each beat, s.
    """

    times: np.ndarray
    kinds: np.ndarray

    @property
    def cycles(self) -> np.ndarray:
        intervals = np.diff(self.times)
        return np.concatenate([intervals[:1], intervals])

    def rate(self, seconds: float) -> float:
        """Mean ventricular rate within the recording per minute; of all beats where it holds fewer than three."""
        times = self.times[(self.times >= 0) & (self.times <= seconds)]
        times = times if len(times) > 2 else self.times
        return 60 * (len(times) - 1) / (times[-1] - times[0])


def draw_beats(patient: Patient, rate: float, seconds: float, generator: np.random.Generator) -> Beats:
    """Beats from before the start to after the end of a recording.

    Args:
        patient: its rhythm and ectopy.
        rate: mean ventricular rate of this recording, per minute.
        seconds: length of the recording.
        generator: where the irregularity comes from.
    """
    cycle = 60 / rate
    count = int(np.ceil((seconds + 2 * MARGIN) / cycle)) + 4
    intervals = _intervals(patient, cycle, count, generator)
    times = np.cumsum(intervals) - MARGIN - generator.random() * cycle
    kinds = np.full(count, NORMAL)
    if patient.has("PVC", "PAC"):
        return _with_premature(times, kinds, patient, cycle, seconds, generator)
    return Beats(times, kinds)


def rhythm_label(patient: Patient, beats: Beats, seconds: float) -> str:
    """The rhythm's abbreviation for what was drawn: a sinus rhythm is named by its actual rate."""
    if not patient.has(*SINUS):
        return next(name for name in ("AF", "AFL", "PR") if patient.has(name))
    rate = beats.rate(seconds)
    if rate < 60:
        return "SB"
    return "STach" if rate > 100 else "SA" if patient.has("SA") else "NSR"


def _intervals(patient: Patient, cycle: float, count: int, generator: np.random.Generator) -> np.ndarray:
    """RR intervals `[N]`, s."""
    if patient.has("AF"):  # the node lets through what it can: independent intervals, skewed, none below a floor
        floor = 0.27 + 0.2 * max(cycle - 0.3, 0)
        return floor + (cycle - floor) * generator.gamma(3.5, 1 / 3.5, count)
    if patient.has("AFL"):
        return flutter_cycle(patient) * _flutter_ratio(cycle, flutter_cycle(patient), count, generator)
    if patient.has("PR"):
        return np.full(count, cycle)
    depth = generator.uniform(0.13, 0.18) if patient.has("SA") else patient.rate_variation
    phase = 2 * np.pi * (np.arange(count) * cycle * patient.respiration + generator.random())
    return cycle * (1 + depth * np.sin(phase) + generator.normal(0, 0.25 * patient.rate_variation, count))


def flutter_cycle(patient: Patient) -> float:
    """Length of one turn of the flutter circuit, s; 250 to 330 per minute."""
    return 60 / (250 + 80 * patient.flavour)


def _flutter_ratio(cycle: float, turn: float, count: int, generator: np.random.Generator) -> np.ndarray:
    """How many flutter waves pass per beat, `[N]`: a fixed ratio, in a third of the recordings a changing one."""
    ratio = int(np.clip(np.round(cycle / turn), 2, 5))
    if generator.random() < 0.33:
        return generator.choice([max(ratio - 1, 2), ratio, ratio + 1], count)
    return np.full(count, ratio)


def _with_premature(
    times: np.ndarray,
    kinds: np.ndarray,
    patient: Patient,
    cycle: float,
    seconds: float,
    generator: np.random.Generator,
) -> Beats:
    """Some beats replaced by premature ones; none where the recording is too short to show one with its pause."""
    times, kinds = times.copy(), kinds.copy()
    inside = np.flatnonzero((times > 1.2 * cycle) & (times < seconds - 1.6 * cycle))
    wanted = int(generator.integers(1, 4))
    early = generator.uniform(0.56, 0.66) if patient.has("PVC") else generator.uniform(0.60, 0.72)
    for beat in generator.permutation(inside):
        if wanted and (kinds[beat - 3 : beat + 4] == NORMAL).all():
            wanted -= 1
            kinds[beat] = VENTRICULAR if patient.has("PVC") else ATRIAL
    for beat in np.flatnonzero(kinds != NORMAL):
        due = times[beat + 1]
        times[beat] = times[beat - 1] + max(early * cycle, 0.36)
        if kinds[beat] == ATRIAL:  # it resets the sinus node, so the pause is shorter than compensatory
            times[beat + 1 :] += times[beat] + 1.08 * cycle - due
        elif patient.has("AF"):  # concealed conduction into the node makes a pause here too
            times[beat + 1 :] += max(times[beat] + 1.2 * cycle - due, 0)
    return Beats(times, kinds)
