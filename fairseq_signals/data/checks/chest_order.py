"""Whether the chest leads of a source stand in their order, judged by all recordings together.

No identity ties V1 to V6, and in one recording any two may look alike. But neighbours on the chest see nearly the same
heart: over the recordings of a source, the order in which correlations from lead to lead add up to most is V1 to V6.
In PTB-XL that was so in each of 200 drawings of 100 recordings (the sum 4.24; the next best order, V5 and V6
exchanged, 4.10), and in each sub-source of CinC 2021 with 29 recordings or more. Which end is V1 is told by lead I,
with which V6 goes (correlation 0.82) and V1 does not (-0.64).

In 745 subsets of PTB-XL (each device, site, nurse, diagnosis, sex, age, and the largest and smallest amplitudes; 100
recordings or more) no other order was ever best. With V5 and V6 exchanged, the least that can be, the right order is
better by 0.16 over all, and by 0.06 to 0.2 in subsets of 100. So another order that is better by 0.06 is refused; one
that is better by less is told: leads that are nearly copies of one another have no order, and correlations are kept to
1/32, so 0.03 may be chance. Leads that are exchanged in a minority are not seen. Nothing is said of leads that are not
alike in any order (noise): there is nothing to order.
"""

from collections.abc import Sequence
from functools import cache
from itertools import permutations

import numpy as np

from fairseq_signals.data.checks.verdict import Verdict
from fairseq_signals.data.item import Packed
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record

FACT = "chest"  # 15 correlations of V1 to V6 and six with lead I, one letter each
_CHEST = STANDARD_LEADS[6:]
_LEADS = ("I", *_CHEST)
_PAIRS = np.triu_indices(7, 1)
_FEWEST = 100
_CLEARLY, _SURELY = 0.03, 0.06  # by how much another order must be better to be told, and for a refusal
_ALIKE = 2.5  # the least sum of five neighbours' correlations; 4.24 in PTB-XL
_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
_SAMPLES = 500


def chest_facts(record: Record) -> dict[str, str]:
    """How alike lead I and the chest leads are, where all are there and none is flat."""
    if not set(_LEADS) <= set(record.leads):
        return {}
    rows = [record.leads.index(lead) for lead in _LEADS]
    signal = record.signal[rows, :: max(1, record.signal.shape[1] // _SAMPLES)]
    signal = signal - signal.mean(axis=1, keepdims=True)
    products = signal @ signal.T
    power = np.diag(products)
    if not (np.isfinite(power).all() and (power > 0).all()):
        return {}
    alike = products[_PAIRS] / np.sqrt(power[_PAIRS[0]] * power[_PAIRS[1]])
    steps = np.rint((np.clip(alike, -1, 1) + 1) / 2 * (len(_LETTERS) - 1)).astype(int)
    return {FACT: "".join(_LETTERS[step] for step in steps)}


def judge_chest_order(packed: Sequence[Packed]) -> Verdict:
    """The refusal of a source that another order of the chest leads fits clearly better, or a line for people."""
    letters = [one.facts[FACT] for one in packed if FACT in one.facts and set(_CHEST) <= set(one.leads)]
    if len(letters) < _FEWEST:
        return Verdict()
    typical = _typical(letters)
    best, gain = _best_order(typical)
    channels = np.array(best) + 1
    if typical[channels[:-1], channels[1:]].sum() < _ALIKE:
        return Verdict()
    if best == tuple(range(6)) or gain < _CLEARLY:
        return Verdict(card={"chest leads": "in order"})
    order = ", ".join(_CHEST[channel] for channel in best)
    pairs = ",".join(f"{_CHEST[channel]}={_CHEST[place]}" for place, channel in enumerate(best) if channel != place)
    told = (
        f"chest leads must be V1 to V6 in their order, got channels that look as if those named {order} were V1 to V6 "
        f"(over {len(letters):,} recordings): compare a few with their paper print; if so, --relabel {pairs} puts "
        f"them right"
    )
    card = {"chest leads": f"perhaps in another order ({pairs})"}
    return Verdict(card=card, refusal=told) if gain >= _SURELY else Verdict(card=card, lines=[f"CHEST LEADS: {told}"])


def _typical(letters: Sequence[str]) -> np.ndarray:
    """Median correlations `[7, 7]` of lead I and V1 to V6."""
    code = np.full(128, 0.0)
    code[[ord(letter) for letter in _LETTERS]] = np.linspace(-1, 1, len(_LETTERS))
    each = code[np.frombuffer("".join(letters).encode(), np.uint8).reshape(len(letters), -1)]
    typical = np.eye(7)
    typical[_PAIRS] = np.median(each, axis=0)
    return typical + np.triu(typical, 1).T


@cache
def _orders() -> np.ndarray:
    return np.array(list(permutations(range(6))))


def _best_order(typical: np.ndarray) -> tuple[tuple[int, ...], float]:
    """Which channels are V1 to V6, and by how much that is better than the order as it is."""
    orders = _orders()
    with_i, chest = typical[0, 1:], typical[1:, 1:]
    along = chest[orders[:, :-1], orders[:, 1:]].sum(axis=1)
    # Backwards is as good: lead I decides, and only where it is not nearly the same at both ends.
    upright = with_i[orders[:, -1]] - with_i[orders[:, 0]]
    along = along + np.sign(upright) * (np.abs(upright) > 0.2)
    best = int(along.argmax())
    return tuple(int(channel) for channel in orders[best]), float(along[best] - along[0])
