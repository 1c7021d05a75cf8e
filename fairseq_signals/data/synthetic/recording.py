"""Recordings of a synthetic patient: the patient's heart, on one day, through electrodes placed by hand."""

from dataclasses import dataclass, replace

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.data.synthetic import morphology
from fairseq_signals.data.synthetic.atria import atrial_activity
from fairseq_signals.data.synthetic.conditions import CODES, SINUS, check_conditions
from fairseq_signals.data.synthetic.dipole import Waves, project, twelve_leads
from fairseq_signals.data.synthetic.noise import electrode_noise
from fairseq_signals.data.synthetic.patient import Patient, draw_patient
from fairseq_signals.data.synthetic.rhythm import ATRIAL, NORMAL, VENTRICULAR, Beats, draw_beats, rhythm_label

LOW_VOLTAGE = 0.5  # mV from peak to peak that no limb lead reaches in low QRS voltage


@dataclass(frozen=True)
class Session:
    """What differs between two recordings of one patient.

    Attributes:
        rate: mean ventricular rate, per minute.
        pr: PR interval, s.
        turn: degrees the heart lies turned, with breath and posture.
        t_size: relative height of the T wave.
        leads: `[8, 8]` electrodes placed a little elsewhere: gains, and a share of the neighbouring chest lead.
    """

    rate: float
    pr: float
    turn: float
    t_size: float
    leads: np.ndarray


def generate_patient(
    number: int,
    seed: int = 0,
    rate: float = 500.0,
    seconds: float = 10.0,
    diagnoses: "tuple[str, ...] | None" = None,
    recordings: int | None = None,
    noise: bool = True,
) -> list[Record]:
    """All recordings of one synthetic patient, the same for the same arguments whatever else is generated.

    Args:
        number: the patient's number, 0 or more.
        seed: another seed makes another population.
        rate: samples per second.
        seconds: length of each recording.
        diagnoses: abbreviations of `conditions.CODES` to simulate; drawn if None.
        recordings: how many; drawn (two, or three) if None.
        noise: whether electrodes add wander, muscle and mains.

    Returns:
        Records of twelve leads, ids `syn00012_1`, `syn00012_2` …, labels as SNOMED CT codes, `meta` with
        `age` and `sex`. Labels name what was simulated in that recording: a rate class follows the beats
        drawn, the axis and low voltages the QRS as placed, an extrasystole must be there to be named.

    Raises:
        ValueError: an argument is out of range, or the diagnoses cannot stand beside each other.

    Differs: no source; the parts are textbook shapes. It is example data, not a model for research.
    """
    _check(number, seed, rate, seconds)
    conditions = None if diagnoses is None else check_conditions(diagnoses)
    patient = draw_patient(number, _generator(seed, number, 0), conditions)
    count = number_of_recordings(number, seed) if recordings is None else recordings
    return [
        record_patient(patient, index, _generator(seed, number, index), rate, seconds, noise)
        for index in range(1, count + 1)
    ]


def number_of_recordings(number: int, seed: int = 0) -> int:
    """Two recordings, for three in ten patients three."""
    return 2 + int(_generator(seed, number, 10**6).random() < 0.3)


def record_patient(
    patient: Patient, index: int, generator: np.random.Generator, rate: float, seconds: float, noise: bool = True
) -> Record:
    """One recording of a patient, the `index`th, on a day and with electrodes that the generator draws.

    Args:
        patient: who is recorded.
        index: number of the recording, for its id.
        generator: of this recording alone.
        rate: samples per second.
        seconds: length of the recording.
        noise: whether electrodes add wander, muscle and mains.
    """
    session = _draw_session(patient, generator)
    beats = draw_beats(patient, session.rate, seconds, generator)
    time = np.arange(round(seconds * rate)) / rate
    qrs = morphology.qrs_waves(patient)
    seen = _seen_qrs(patient, session, qrs)
    signal = _ventricles(patient, session, beats, qrs, seen, time, generator)
    signal += session.leads @ (
        _atria(patient, session, beats, qrs, time) + atrial_activity(patient, beats, time, generator)
    )
    if noise:
        signal += electrode_noise(time, rate, patient.respiration, generator)
    return Record(
        signal=twelve_leads(signal).astype(np.float32),
        rate=float(rate),
        leads=STANDARD_LEADS,
        id=f"{patient.id}_{index}",
        patient=patient.id,
        labels=tuple(CODES[name] for name in sorted(_labels(patient, beats, qrs, seen, seconds))),
        meta={"age": patient.age, "sex": patient.sex},
    )


def _draw_session(patient: Patient, generator: np.random.Generator) -> Session:
    leads = np.diag(np.exp(generator.normal(0, 0.07, 8)) * patient.gains)
    for row, shift in zip(range(2, 8), np.clip(generator.normal(0, 0.17, 6), -0.5, 0.5), strict=True):
        neighbour = int(np.clip(row + np.sign(shift), 2, 7))
        leads[row] = (1 - abs(shift)) * leads[row] + abs(shift) * leads[neighbour]
    return Session(
        rate=patient.rate * np.exp(generator.normal(0, 0.03)),
        pr=patient.pr * np.exp(generator.normal(0, 0.02)),
        turn=generator.normal(0, 6),
        t_size=np.exp(generator.normal(0, 0.15)),
        leads=leads,
    )


def _seen_qrs(patient: Patient, session: Session, qrs: Waves) -> np.ndarray:
    """`[W, 8]` mV: the QRS waves in the eight leads, at the patient's axis and voltage."""
    turn = morphology.qrs_turn(patient, qrs) + session.turn
    seen = project(qrs.moment, turn) * (1 + patient.near_field[: len(qrs)]) @ session.leads.T
    height = limb_height(qrs, seen)
    if patient.has("LQRSV"):
        return seen * patient.low_voltage / height
    seen[:, :2] *= max(1.0, 0.65 / height)  # the limb leads alone: the chest leads are high enough
    return seen


def limb_height(qrs: Waves, seen: np.ndarray) -> float:
    """The largest peak-to-peak height of the QRS over the six limb leads, mV."""
    time = np.linspace(qrs.onset, qrs.offset, 200)
    limb = twelve_leads(seen.T @ _bumps(qrs, time))[:6]
    return float(np.max(limb.max(axis=1) - limb.min(axis=1)))


def _ventricles(
    patient: Patient,
    session: Session,
    beats: Beats,
    qrs: Waves,
    seen: np.ndarray,
    time: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """`[8, T]` mV: QRS, ST and T of every beat."""
    inside = beats.kinds != VENTRICULAR
    times, breath = beats.times[inside], _breath(patient, beats.times[inside], generator)
    signal = seen.T @ _train(qrs, times[:, None] + qrs.centre, breath, time)
    t, st = morphology.t_waves(patient, qrs, 60 / session.rate), morphology.st_waves(patient, qrs)
    late = (
        times[:, None]
        + t.centre
        + morphology.t_centre(qrs, t, _qt(patient, session, beats.cycles[inside], qrs))[:, None]
    )
    opposed = patient.has("LBBB", "PR")
    t_turn = (1.0 if opposed else 0.2) * morphology.qrs_turn(patient, qrs)
    t_seen = project(t.moment, t_turn) * (1 + patient.near_field[8 : 8 + len(t)]) * session.t_size
    signal += session.leads @ t_seen.T @ _train(t, late, breath, time)
    if len(st):
        signal += session.leads @ project(st.moment).T @ _train(st, times[:, None] + st.centre, breath, time)
    if patient.has("PR"):
        spike = Waves.table((0.5, 0.7, 0.3, 1000 * qrs.onset, 0.8))
        signal += session.leads @ project(spike.moment).T @ _train(spike, times[:, None] + spike.centre, breath, time)
    return signal + _premature(patient, session, beats, time)


def _premature(patient: Patient, session: Session, beats: Beats, time: np.ndarray) -> "np.ndarray | float":
    """`[8, T]` mV: the premature ventricular beats."""
    times = beats.times[beats.kinds == VENTRICULAR]
    if not len(times):
        return 0.0
    qrs, t = morphology.premature_waves(patient)
    t = replace(t, centre=t.centre + 0.28)
    waves = qrs + t
    centres = times[:, None] + waves.centre
    return session.leads @ project(waves.moment).T @ _train(waves, centres, np.ones(len(times)), time)


def _atria(patient: Patient, session: Session, beats: Beats, qrs: Waves, time: np.ndarray) -> np.ndarray:
    """`[8, T]` mV: P waves before conducted beats; an early atrial beat has another P wave."""
    signal = np.zeros((8, len(time)))
    if not patient.has(*SINUS):
        return signal
    p = morphology.p_waves(patient, session.pr, qrs.onset)
    elsewhere = project(p.moment * np.array([0.9, -0.7, 1.0]), session.turn)
    for kind, seen in ((NORMAL, project(p.moment, session.turn)), (ATRIAL, elsewhere)):
        times = beats.times[beats.kinds == kind]
        signal += seen.T @ _train(p, times[:, None] + p.centre, np.ones(len(times)), time)
    return signal


def _qt(patient: Patient, session: Session, cycles: np.ndarray, qrs: Waves) -> np.ndarray:
    """QT of each beat, s, by Fridericia's cube root of mostly the mean cycle; a broad QRS adds its excess."""
    cycle = 0.85 * 60 / session.rate + 0.15 * np.clip(cycles, 0.3, 1.5)
    return patient.qtc * np.cbrt(cycle) + max(qrs.offset - qrs.onset - 0.10, 0)


def _labels(patient: Patient, beats: Beats, qrs: Waves, seen: np.ndarray, seconds: float) -> set[str]:
    """Abbreviations of what this recording shows."""
    measured = {*SINUS, "LAD", "RAD", "LQRSV", "PVC", "PAC"}
    names = {name for name in patient.conditions if name not in measured}
    names.add(rhythm_label(patient, beats, seconds))
    axis = morphology.net_axis(patient, qrs, seen[:, :2])
    if not patient.has("PR"):
        names |= {"LAD"} if -90 < axis < -30 else {"RAD"} if axis > 90 else set()
    if limb_height(qrs, seen) < LOW_VOLTAGE:
        names.add("LQRSV")
    names |= {"PVC"} if (beats.kinds == VENTRICULAR).any() else set()
    return names | ({"PAC"} if (beats.kinds == ATRIAL).any() else set())


def _breath(patient: Patient, times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """`[N]` relative height of each beat as the heart moves with the breath."""
    return 1 + 0.035 * np.sin(2 * np.pi * (patient.respiration * times + generator.random()))


def _bumps(waves: Waves, time: np.ndarray) -> np.ndarray:
    """`[W, T]` unit-height waves of one beat."""
    lag = time - waves.centre[:, None]
    return np.exp(-0.5 * (lag / np.where(lag < 0, waves.rise[:, None], waves.fall[:, None])) ** 2)


def _train(waves: Waves, centres: np.ndarray, height: np.ndarray, time: np.ndarray) -> np.ndarray:
    """`[W, T]`: each wave of every beat, peaks at centres `[N, W]` (s) and `height` `[N]`.

    The waves are widened by the recorder's bandwidth, half a sample, so that none falls between two samples.
    """
    step = time[1] - time[0]
    train = np.zeros((len(waves), len(time)))
    for row in range(len(waves)):
        rise, fall = np.hypot((waves.rise[row], waves.fall[row]), 0.4 * step)
        first = np.ceil((centres[:, row] - 4.5 * rise) / step).astype(int)
        index = first[:, None] + np.arange(int(4.5 * (rise + fall) / step) + 1)  # [N, samples around the peak]
        lag = index * step - centres[:, row, None]
        values = height[:, None] * np.exp(-0.5 * (lag / np.where(lag < 0, rise, fall)) ** 2)
        inside = (index >= 0) & (index < len(time))
        np.add.at(train[row], index[inside], values[inside])
    return train


def _generator(seed: int, number: int, part: int) -> np.random.Generator:
    """Its own stream for each part of each patient, so that nothing depends on what else is drawn."""
    return np.random.default_rng(np.random.SeedSequence((seed, number, part, 1)))


def _check(number: int, seed: int, rate: float, seconds: float) -> None:
    if number < 0 or seed < 0:
        raise ValueError(f"patient number and seed must be 0 or more, got {number} and {seed}")
    if not 50 <= rate <= 5000:
        raise ValueError(f"rate must be between 50 and 5000 Hz, got {rate}")
    if not 1 <= seconds <= 3600:
        raise ValueError(f"seconds must be between 1 and 3600, got {seconds}")
