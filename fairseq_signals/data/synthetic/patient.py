"""One synthetic patient: what stays the same from recording to recording."""

from dataclasses import dataclass

import numpy as np

from fairseq_signals.data.synthetic.conditions import draw_conditions
from fairseq_signals.data.synthetic.dipole import Waves

RATES = {  # resting ventricular rate, beats per minute
    "NSR": (63, 92),
    "SB": (41, 56),
    "STach": (106, 145),
    "SA": (64, 84),
    "AF": (62, 125),
    "AFL": (65, 150),
    "PR": (60, 80),
}
AXES = {
    None: (-12, 78),
    "LAD": (-70, -42),
    "RAD": (108, 145),
    "LAnFB": (-72, -48),
    "LBBB": (-22, 60),
    "RBBB": (-12, 85),
}


@dataclass(frozen=True)
class Patient:
    """A patient's stable traits; times in s, rates per minute, angles in degrees.

    Attributes:
        shape: relative height of each wave of the QRS, P and T, `[12]`; individuality of the loop.
        tilt: small turns of the P, QRS and T directions, `[3, 3]`, mV per mV.
        near_field: `[16, 8]` what each lead sees of each wave beyond the dipole, relative.
        notch: one small extra deflection of the QRS, the patient's own.
    """

    number: int
    age: int
    sex: str
    conditions: frozenset
    rate: float
    pr: float
    qtc: float
    axis: float
    amplitude: float
    qrs_width: float
    t_width: float
    p_width: float
    respiration: float
    rate_variation: float
    shape: np.ndarray
    tilt: np.ndarray
    near_field: np.ndarray
    gains: np.ndarray
    notch: Waves
    ectopic: np.ndarray
    flavour: float
    low_voltage: float

    @property
    def id(self) -> str:
        """The patient's name in headers and manifests."""
        return f"syn{self.number:05d}"

    def has(self, *names: str) -> bool:
        """Whether the patient has any of these diagnoses."""
        return any(name in self.conditions for name in names)


def draw_patient(number: int, generator: np.random.Generator, conditions: frozenset | None = None) -> Patient:
    """A patient, with diagnoses drawn as well unless they are given."""
    drawn = draw_conditions(generator)
    conditions = drawn if conditions is None else conditions
    female = bool(generator.random() < 0.5)
    older = 12 if conditions & {"AF", "AFL", "PR", "LBBB", "IAVB"} else 0
    rate = _rate(generator, conditions)
    return Patient(
        number=number,
        age=int(np.clip(generator.normal(56 + older, 15), 18, 94)),
        sex="female" if female else "male",
        conditions=conditions,
        rate=rate,
        pr=generator.uniform(0.225, 0.30) if "IAVB" in conditions else generator.uniform(0.125, 0.18),
        qtc=(generator.uniform(0.50, 0.55) if "LQT" in conditions else generator.normal(0.4, 0.01)) + 0.01 * female,
        axis=_axis(generator, conditions),
        amplitude=(0.92 if female else 1.05) * np.exp(generator.normal(0, 0.15)),
        qrs_width=np.clip(generator.normal(1, 0.07), 0.87, 1.13),
        t_width=np.clip(generator.normal(1, 0.1), 0.8, 1.25),
        p_width=np.clip(generator.normal(1, 0.1), 0.8, 1.2),
        respiration=generator.uniform(0.17, 0.32),
        rate_variation=generator.uniform(0.008, 0.03),
        shape=np.exp(generator.normal(0, 0.2, 12)),
        tilt=generator.normal(0, 0.12, (3, 3)),
        near_field=generator.normal(0, 0.1, (16, 8)),
        gains=np.exp(generator.normal(0, 0.08, 8)),
        notch=Waves.table((*generator.normal(0, 0.09, 3), generator.uniform(-25, 32), generator.uniform(5, 8))),
        ectopic=generator.normal(0, 0.25, (2, 3)),
        flavour=generator.random(),
        low_voltage=generator.uniform(0.30, 0.41),
    )


def _rate(generator: np.random.Generator, conditions: frozenset) -> float:
    low, high = next(span for name, span in RATES.items() if name in conditions)
    if conditions & {"IAVB", "LQT", "PVC", "PAC"}:  # a long cycle shows them best
        high = min(high, 85)
    return generator.uniform(low, high)


def _axis(generator: np.random.Generator, conditions: frozenset) -> float:
    low, high = next((span for name, span in AXES.items() if name in conditions), AXES[None])
    return generator.uniform(low, high)
