"""When a synthetic patient is recorded, how the ejection fraction (EF) changes meanwhile, and which of it is told."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from fairseq_signals.data.synthetic.institutions import INSTITUTIONS
from fairseq_signals.data.synthetic.lvsd import Heart, draw_heart

FIRST_DAY = date(2012, 1, 1)


@dataclass(frozen=True)
class Visit:
    """One recording of a patient before it is generated.

    Attributes:
        ef: true EF on that day, %.
        told: the EF that the echocardiogram said, whole %; None where there was none.
        day: of the recording.
    """

    ef: float
    told: int | None
    day: date


def generate_heart(institution: int, number: int, seed: int = 0) -> tuple[Heart, list[Visit]]:
    """A patient of an institution and the days of the recordings, the same whatever else is generated.

    Of every hundred patients eight never had an echocardiogram; a further three of a hundred recordings are too far
    from one. The EF that is told differs from the true one as two readers do (standard deviation 3 %). One patient in
    eight with a low EF recovers, one in fifty with a normal one falls ill, which the later half of three recordings or
    more shows, so that a few have recordings of both kinds.
    """
    generator = stream(seed, institution, number, 0)
    heart = draw_heart(number, INSTITUTIONS[institution - 1], generator)
    count = 1 + min(int(generator.geometric(0.48 if heart.ef < 45 else 0.62)) - 1, 7)
    turn = _turn(heart.ef, generator)
    never = generator.random() < 0.08
    day = FIRST_DAY + timedelta(days=int(generator.integers(0, 3650)))
    visits = []
    for place in range(count):
        ef = float(np.clip(heart.ef + generator.normal(0, 2) + turn * (place > count / 2), 10, 80))
        read = int(np.clip(np.rint(ef + generator.normal(0, 3)), 8, 85))
        gap = generator.random() < 0.03
        visits.append(Visit(ef, None if never or gap else read, day))
        day += timedelta(days=1 + int(generator.exponential(150)))
    return heart, visits


def _turn(ef: float, generator: np.random.Generator) -> float:
    """How much the EF changes once more than half of the recordings, and one, are taken, %."""
    chance, size = generator.random(), abs(generator.normal(14, 4))
    if ef < 45:
        return size if chance < 1 / 8 else 0.0
    return -size if chance < 1 / 50 else 0.0


def stream(seed: int, institution: int, number: int, part: int) -> np.random.Generator:
    """Random numbers for one part of a patient: 0 for the heart, 1 and on for the recordings."""
    return np.random.default_rng(np.random.SeedSequence((seed, institution, number, part, 2)))
