"""Shapes of P, QRS and T for each conduction and repolarisation diagnosis, as loops of the dipole.

Directions and durations follow the textbook description of the vectorcardiogram: the septum is activated to
the right and forwards, then the left ventricle to the left and downwards, last the base to the back.
"""

import numpy as np

from fairseq_signals.data.synthetic.dipole import ONSET, Waves, electrical_axis, project
from fairseq_signals.data.synthetic.patient import Patient

SEPTUM = (-0.16, -0.07, -0.28, -21, 7)
FREE_WALL = (1.12, 0.84, 0.12, 0, 10)
BASE = (-0.06, -0.08, 0.62, 18, 9.5)

QRS = {
    None: Waves.table(SEPTUM, FREE_WALL, BASE),
    # the septum from right to left, then the free wall late and slowly: two humps to the left and back
    "LBBB": Waves.table((0.95, 0.40, 0.78, -24, 19), (1.0, 0.25, 0.85, 28, 20), (0.1, 0.0, 0.25, 2, 14)),
    # the right ventricle last: a slow vector to the right and forwards
    "RBBB": Waves.table(SEPTUM, FREE_WALL, (-0.06, -0.08, 0.5, 18, 9.5), (-0.50, 0.05, -0.72, 63, 17)),
    "IRBBB": Waves.table(SEPTUM, FREE_WALL, (-0.06, -0.08, 0.5, 16, 9), (-0.24, 0.03, -0.42, 42, 9)),
    "LAnFB": Waves.table((-0.36, -0.12, -0.28, -21, 8), FREE_WALL, BASE),  # the septum's force becomes the inferior r
    "PR": Waves.table((0.55, -0.75, 0.55, -24, 20), (0.6, -0.85, 0.85, 26, 21)),
    "PRWP": Waves.table((-0.08, -0.06, -0.07, -21, 7), (0.95, 0.8, 0.55, 0, 10), (-0.05, -0.05, 0.6, 18, 10)),
}
INFERIOR_Q = Waves.table((0.05, -0.55, 0.05, -27, 9))
ANTERIOR_Q = Waves.table((0.10, 0.0, 0.62, -20, 9))
PREMATURE = (
    Waves.table((0.55, 0.95, 0.75, -26, 22), (0.45, 1.25, 0.95, 28, 24)),  # from the right ventricle
    Waves.table((-0.55, -0.75, -0.75, -26, 22), (-0.75, -0.65, -1.05, 28, 24)),  # from the left ventricle
)
LATE = 0.040  # s after the free wall's peak: where the blocked right ventricle follows
PREMATURE_T = 0.42  # height of the opposite T wave per height of the premature QRS


def qrs_waves(patient: Patient) -> Waves:
    """The patient's QRS in the dipole's own axes, reference at the peak of the free wall's wave."""
    kind = next((name for name in QRS if name and patient.has(name)), None)
    waves = QRS[kind].scaled(patient.shape[: len(QRS[kind]), None])
    if patient.has("QAb"):
        waves = waves + (INFERIOR_Q if patient.flavour < 0.6 else ANTERIOR_Q)
    waves = waves + patient.notch
    waves = _tilted(waves, patient, 0)
    slow = 1.0 if patient.has("LBBB", "PR") else 1.45 if patient.has("NSIVCB") else 1.1
    return waves.stretched(patient.qrs_width * slow)


def net_axis(patient: Patient, waves: Waves, seen: np.ndarray) -> float:
    """Electrical axis in degrees of QRS waves seen in I and II (`[W, 2]` mV), by net area.

    In right bundle branch block the late right ventricle is left out, as a cardiologist does.
    """
    used = waves.centre < LATE if patient.has("RBBB", "IRBBB") else np.full(len(waves), True)
    return float(electrical_axis(waves.area[used] @ seen[used]))


def qrs_turn(patient: Patient, waves: Waves) -> float:
    """Degrees by which the QRS must be turned in the frontal plane for the patient's electrical axis."""
    if patient.has("PR"):
        return 0.0
    return patient.axis - net_axis(patient, waves, project(waves.moment)[:, :2])


def p_waves(patient: Patient, pr: float, qrs_onset: float) -> Waves:
    """Right and left atrium, one after the other; the P wave begins `pr` seconds before the QRS."""
    waves = Waves.table((0.03, 0.085, -0.045, 0, 15), (0.075, 0.075, 0.035, 32, 16)).stretched(patient.p_width)
    waves = _tilted(waves.scaled(patient.shape[6:8, None]), patient, 1)
    return _moved(waves, qrs_onset - pr - waves.onset)


def t_waves(patient: Patient, qrs: Waves, cycle: float) -> Waves:
    """T wave, and ST depression where the patient has it; the peak stands at 0, to be placed by the QT interval.

    Args:
        patient: its repolarisation diagnoses shape the wave.
        qrs: the beat's QRS, which a bundle branch block's T wave opposes.
        cycle: mean RR interval, s; a faster heart has narrower T waves.
    """
    rise, fall = np.array([52, 36]) * patient.t_width * np.clip(cycle, 0.4, 1.2) ** 0.4
    if patient.has("LBBB", "PR"):
        net = qrs.area @ qrs.moment / qrs.area.max()
        return Waves.table((*(-0.24 * net), 0, rise * 1.1, fall * 1.1))
    moment = np.array([0.34, 0.27, -0.19]) * patient.shape[8]
    if patient.has("RBBB"):
        moment += (0.05, 0.0, 0.24)  # away from the late right ventricle
    waves = _tilted(Waves.table((*moment, 0, rise, fall)), patient, 2)
    if patient.has("TInv"):
        return waves.scaled(-0.75 if patient.flavour < 0.5 else np.array([[-0.9, -0.5, 0.6]]))
    if patient.has("TAb"):
        return waves.scaled(0.17) if patient.flavour < 0.5 else _biphasic(waves)
    return waves.scaled(0.75) if patient.has("STD") else waves


def st_waves(patient: Patient, qrs: Waves) -> Waves:
    """The depressed ST segment, as two broad waves against the QRS, or none."""
    if not patient.has("STD"):
        return Waves.table()
    depth = -0.13 * patient.shape[9]
    start = qrs.offset * 1000
    row = (1.0 * depth, 0.75 * depth, -0.2 * depth)
    return Waves.table((*row, start + 25, 28), (*row, start + 80, 32))


def premature_waves(patient: Patient) -> tuple[Waves, Waves]:
    """QRS and T of a premature ventricular beat: broad, from elsewhere, T against QRS; the T's peak at 0."""
    waves = PREMATURE[int(patient.flavour < 0.5)]
    waves = waves.scaled(1 + patient.ectopic).scaled(patient.amplitude)
    net = waves.area @ waves.moment / waves.area.max()
    return waves, Waves.table((*(-PREMATURE_T / 2 * net), 0, 60, 48))


def t_centre(qrs: Waves, t: Waves, qt: np.ndarray) -> np.ndarray:
    """Time of the T wave's peak after the beat's reference for QT intervals from first QRS to last T, s."""
    return qrs.onset + qt - ONSET * t.fall[0]


def _tilted(waves: Waves, patient: Patient, row: int) -> Waves:
    """Waves at the patient's size, each direction bent a little in the patient's own way."""
    size = np.linalg.norm(waves.moment, axis=1, keepdims=True)
    factor = patient.amplitude if row == 0 else patient.amplitude**0.5
    return Waves((waves.moment + size * patient.tilt[row] * 0.6) * factor, waves.centre, waves.rise, waves.fall)


def _biphasic(waves: Waves) -> Waves:
    """A T wave that goes down first and up after, as one wave of each sign."""
    first = Waves(-0.5 * waves.moment, waves.centre - waves.rise, waves.rise * 0.6, waves.rise * 0.6)
    last = Waves(0.4 * waves.moment, waves.centre + waves.fall * 0.6, waves.fall * 0.7, waves.fall * 0.7)
    return last + first


def _moved(waves: Waves, seconds: float) -> Waves:
    return Waves(waves.moment, waves.centre + seconds, waves.rise, waves.fall)
