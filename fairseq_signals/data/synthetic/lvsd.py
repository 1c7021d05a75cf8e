"""Patients with an ejection fraction (EF), and what a weak left ventricle does to their ECG.

Invented throughout, after textbook descriptions (Surawicz and Knilans, Chou's Electrocardiography in Clinical
Practice): how strongly each finding follows the EF, how much patients differ in it, and how often a diagnosis occurs.
With falling EF, on average and never in every patient: a broader, notched QRS of less voltage, deeper S waves in V2
and V3, flat or inverted T waves in the lateral leads, a longer PR interval, a larger left atrium, a faster heart, a
slightly longer QT; and more bundle branch block, atrial fibrillation, old infarction, pacemakers and ventricular
extrasystoles. All of these occur with a normal EF as well. It is a task of about the published difficulty, not a model
of heart failure: nothing that is learnt from it is a finding about people.
"""

from dataclasses import dataclass, replace

import numpy as np

from fairseq_signals.data.synthetic.conditions import without_excluded
from fairseq_signals.data.synthetic.institutions import Institution
from fairseq_signals.data.synthetic.patient import Patient, draw_patient

# Share with a normal heart, and how much is added at an EF of 32 %.
_SHARES = {
    "AF": (0.05, 0.05),
    "AFL": (0.01, 0.01),
    "PR": (0.01, 0.02),
    "LBBB": (0.015, 0.06),
    "RBBB": (0.05, 0.02),
    "IRBBB": (0.04, 0.0),
    "LAnFB": (0.05, 0.03),
    "NSIVCB": (0.02, 0.03),
    "STD": (0.04, 0.04),
    "TInv": (0.04, 0.03),
    "TAb": (0.06, 0.03),
    "PVC": (0.05, 0.07),
    "PAC": (0.06, 0.0),
    "IAVB": (0.03, 0.03),
    "LQRSV": (0.02, 0.03),
    "LQT": (0.01, 0.01),
    "QAb": (0.03, 0.06),
    "PRWP": (0.02, 0.05),
}
_GROUPS = (("AF", "AFL", "PR"), ("LBBB", "RBBB", "IRBBB", "LAnFB", "NSIVCB"), ("STD", "TInv", "TAb"), ("PVC", "PAC"))
_EFFECTS = ("qrs", "voltage", "s_wave", "t_wave", "pr", "atrium", "rate", "qt", "notch")


@dataclass(frozen=True)
class Heart:
    """A patient as the heart would be with a normal EF, and how that patient answers to a low one.

    Attributes:
        healthy: the patient without the effects of the EF; the diagnoses are those of the patient's usual EF.
        ef: the patient's usual true EF, %.
        answers: `[9]` how strongly each of `_EFFECTS` shows in this patient, 1 on average.
        years: of life at the first recording.
    """

    healthy: Patient
    ef: float
    answers: np.ndarray
    years: float

    def at(self, ef: float) -> Patient:
        """The patient while the true EF is this one, %."""
        weak = dict(zip(_EFFECTS, severity(ef) * self.answers, strict=True))
        shape, tilt = self.healthy.shape.copy(), self.healthy.tilt.copy()
        shape[2] *= np.exp(0.22 * weak["s_wave"])  # the base of the ventricle, to the back
        shape[7] *= np.exp(0.20 * weak["atrium"])
        tilt[2] += np.array([-0.34, -0.12, 0.10]) * weak["t_wave"]  # away from the left, and to the back
        return replace(
            self.healthy,
            qrs_width=self.healthy.qrs_width * (1 + 0.08 * weak["qrs"]),
            amplitude=self.healthy.amplitude * np.exp(-0.14 * weak["voltage"]),
            pr=self.healthy.pr + 0.012 * weak["pr"],
            rate=float(np.clip(self.healthy.rate + 5.5 * weak["rate"], 40, 150)),
            qtc=self.healthy.qtc + 0.012 * weak["qt"],
            p_width=self.healthy.p_width * (1 + 0.05 * weak["atrium"]),
            notch=self.healthy.notch.scaled(1 + 0.6 * weak["notch"]),
            shape=shape,
            tilt=tilt,
        )


def severity(ef: float) -> float:
    """0 for an EF of 58 % and more, 0.7 at 40 %, 1 at 32 %, at most 1.6."""
    return float(np.clip((58 - ef) / 26, 0, 1.6))


def draw_heart(number: int, institution: Institution, generator: np.random.Generator) -> Heart:
    """A patient of an institution, with diagnoses as frequent as the EF makes them."""
    female = bool(generator.random() < institution.female)
    years = float(np.clip(generator.normal(institution.age, 14), 20, 96))
    ef = _draw_ef(institution, female, years, generator)
    drawn = draw_patient(number, generator, _draw_conditions(severity(ef), generator))
    older = (years - 60) / 15
    tilt = drawn.tilt.copy()
    tilt[2, 0] -= generator.exponential(0.28) * np.exp(0.25 * older)  # flat T waves for other reasons
    healthy = replace(
        drawn,
        sex="female" if female else "male",
        rate=_draw_rate(drawn, generator),
        pr=drawn.pr + 0.006 * older,
        amplitude=(0.92 if female else 1.05) * np.exp(generator.normal(-0.03 * older, 0.18)),
        qrs_width=float(np.clip(generator.normal(1.0 if female else 1.04, 0.07), 0.85, 1.22)),
        tilt=tilt,
    )
    return Heart(healthy, ef, generator.gamma(2.5, 1 / 2.5, len(_EFFECTS)), years)


def _draw_ef(institution: Institution, female: bool, years: float, generator: np.random.Generator) -> float:
    # Patients with a low EF have more recordings than others: 1.3 times as many.
    odds = institution.prevalence / (1 - institution.prevalence) / 1.3
    odds *= np.exp((-0.45 if female else 0.35) + 0.015 * (years - institution.age))
    if generator.random() < odds / (1 + odds):
        return float(np.clip(generator.normal(31, 6), 12, 45))
    usual = generator.normal(53, 5) if generator.random() < 0.2 else generator.normal(64, 5)
    return float(np.clip(usual, 35, 80))


def _draw_conditions(weak: float, generator: np.random.Generator) -> frozenset[str]:
    drawn = []
    chance = {name: normal + more * weak for name, (normal, more) in _SHARES.items()}
    for group in _GROUPS:
        edges = np.cumsum([chance.pop(name) for name in group])
        place = int(np.searchsorted(edges, generator.random(), side="right"))
        drawn += [group[place]] if place < len(group) else []
    drawn += [name for name, share in chance.items() if generator.random() < share]
    rhythm = () if {"AF", "AFL", "PR"} & set(drawn) else ("NSR",)
    return without_excluded((*rhythm, *drawn))


def _draw_rate(patient: Patient, generator: np.random.Generator) -> float:
    if patient.has("NSR"):
        return float(np.clip(generator.normal(70, 11), 44, 118))
    return patient.rate
