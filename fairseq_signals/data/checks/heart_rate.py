"""Whether hearts beat as often in a minute as hearts do, so that a wrong sampling rate shows.

Amplitudes and leads look the same at any rate. But recordings at 250 Hz that are said to be at 100 Hz last 2.5 times as
long, and their hearts beat 28 times a minute.

A recording's heart rate is the lag at which the energy of its slopes resembles itself most, which needs no length of a
QRS complex and no shortest interval, since these would be wrong with the rate. In 300 recordings of PTB-XL it could be
told in 90 % and was within a tenth of that between QRS complexes in 94 % of these, twice as long in 2 %; their median
was 70. Said to be at 0.2 to 5 times their rate, they had a median of 14 to 332.

Bounds are of a whole source's median, 65 to 85 in resting adults, and a source beyond them is doubted, not refused: 45,
since athletes at rest have 50 to 60 and half of what is usual is 43 at most; 130, since twice of what is usual is 130
at least. The median of children is 113 at two years of age, falls from then on, and is 145 at most, at one month
(Fleming et al. 2011, https://doi.org/10.1016/S0140-6736(10)62226-X): where most ages are told and half of them are
below two years, the bound is 190. An exercise test has its rest and recovery, too; a source of nothing but the peak of
exercise is doubted wrongly. A rate that is too low by less than a factor of 1.6, or too high by less than 1.9, is not
seen, nor one that is wrong in a minority of the files.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fairseq_signals.data.checks.verdict import Verdict
from fairseq_signals.data.item import Packed
from fairseq_signals.data.record import Record

FACT = "heart rate"
_STEP_S, _LONGEST = 0.02, 3000  # of the energy's course, and how many of its steps are looked at
_LEADS = 4  # are enough, and a third of the work
_PASSED = 0.2  # correlation below which a beat does not resemble itself any more
_ALIKE = 0.3  # and above which it resembles the next
_FEWEST = 20
_PLAUSIBLE, _INFANTS = (45.0, 130.0), (45.0, 190.0)  # beats a minute, in a source's median
_INFANT_YEARS = 2.0
_USUAL = 70.0


def heart_facts(record: Record) -> dict[str, Any]:
    """Beats a minute at the rate that the file states; nothing where no beat resembles another."""
    step = max(1, round(_STEP_S * record.rate))
    some = record.signal[:: max(1, len(record.leads) // _LEADS), : step * _LONGEST + 1]
    slopes = np.diff(some, axis=1)
    steps = slopes.shape[1] // step
    if steps < 8:
        return {}
    energy = np.einsum("lt,lt->t", slopes, slopes)[: steps * step].reshape(steps, step).sum(axis=1)
    lag = _lag(np.sqrt(energy, dtype=np.float64))
    return {} if lag is None else {FACT: round(60 * record.rate / (lag * step), 1)}


def judge_heart_rate(packed: Sequence[Packed]) -> Verdict:
    """The median of all recordings, and a doubt where it is none of a resting heart."""
    rates = [one.facts[FACT] for one in packed if FACT in one.facts]
    if len(rates) < _FEWEST:
        return Verdict()
    middle = float(np.median(rates))
    ages = [age for one in packed if (age := _age(one)) is not None]
    young = len(ages) > len(packed) / 2 and float(np.median(ages)) < _INFANT_YEARS
    low, high = _INFANTS if young else _PLAUSIBLE
    card = {"median heart rate, a minute": round(middle)}
    lines = [f"median heart rate {middle:.0f} a minute (of {len(rates):,} recordings in which it could be told)"]
    if not low <= middle <= high:
        way, factor = ("low", "higher") if middle < low else ("high", "lower")
        others = "" if way == "low" else "; infants' hearts and those at exercise are as fast"
        times = max(_USUAL / middle, middle / _USUAL)
        lines.append(
            f"HEART RATE: a median of {middle:.0f} a minute is too {way} for people at rest ({low:g} to {high:g}): is "
            f"the sampling rate stated too {way}? With one {times:.2g} times {factor} it would be {_USUAL:g}{others}"
        )
    return Verdict(card=card, lines=lines)


def _lag(energy: np.ndarray) -> float | None:
    """After how many steps a course resembles itself most, once it has ceased to resemble itself."""
    centred = np.convolve(energy - energy.mean(), (0.25, 0.5, 0.25), "same")
    size = 2 * len(centred)
    power = np.abs(np.fft.rfft(centred, size)) ** 2
    alike = np.fft.irfft(power, size)[: len(centred) // 2]
    if not alike[0] > 0:
        return None
    alike = alike / alike[0]
    passed = np.flatnonzero(alike < _PASSED)
    if not len(passed):
        return None
    place = int(passed[0] + alike[passed[0] :].argmax())
    if alike[place] < _ALIKE or place + 1 >= len(alike):
        return None
    before, here, after = alike[place - 1 : place + 2]
    bend = before - 2 * here + after
    return place + (0.5 * (before - after) / bend if bend < 0 else 0.0)  # the top of a parabola through the three


def _age(one: Packed) -> float | None:
    value = one.item.extra.get("age", one.meta.get("age"))
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
