"""Eight hospitals that do not exist: how their patients and their recorders differ.

Published (Sawano et al. 2022, Tables 1, 2 and 4): the share of recordings with an ejection fraction below 40 % at each
institution. At institutions 4 to 8 the paper's columns of cases and controls are evidently exchanged ("95 %" cases);
the smaller share is taken for that of the cases. Invented: everything else.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Institution:
    """One hospital.

    Attributes:
        number: 1 to 8.
        prevalence: share of recordings with an ejection fraction below 40 %, about.
        age: mean of the patients, years.
        female: share of women.
        noise: how much wander, muscle and mains reach the electrodes, relative to the example data.
        high_pass_hz, low_pass_hz: -3 dB points of the recorder's filter.
        mains_hz: frequency of the mains.
        notch: whether the recorder takes the mains out.
    """

    number: int
    prevalence: float
    age: float
    female: float
    noise: float
    high_pass_hz: float
    low_pass_hz: float
    mains_hz: float
    notch: bool


INSTITUTIONS = (
    Institution(1, 0.08, 64, 0.45, 1.0, 0.05, 150, 50, True),
    Institution(2, 0.09, 60, 0.48, 0.8, 0.05, 150, 50, True),
    Institution(3, 0.09, 66, 0.44, 1.3, 0.15, 100, 50, False),
    Institution(4, 0.13, 71, 0.40, 2.0, 0.50, 40, 60, True),
    Institution(5, 0.05, 55, 0.55, 0.7, 0.05, 150, 60, True),
    Institution(6, 0.04, 52, 0.52, 1.0, 0.05, 100, 60, False),
    Institution(7, 0.11, 69, 0.42, 1.7, 0.32, 35, 50, True),
    Institution(8, 0.09, 62, 0.50, 1.4, 0.15, 75, 60, True),
)
