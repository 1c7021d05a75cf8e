"""Under which names and signs the limb leads of a recording obey Einthoven and Goldberger.

Names can be exchanged and electrodes or amplifiers reversed. Of all 6! · 2⁶ ways to assign the six names and signs
to the six channels, those are looked for under which III = II - I, aVR = -(I + II) / 2, aVL = I - II / 2 and
aVF = II - I / 2 hold, and of these the simplest: with the fewest exchanges of two names and inversions.

What cannot be seen: the identities hold under every exchange of the three electrodes (six ways) and under a reversal
of all six leads. Reversed arm electrodes, for one (I inverted, II and III exchanged, aVR and aVL exchanged), obey all
of them; so do chest leads in any order. And where two leads hardly differ, their exchange hardly shows.
"""

from functools import cache
from itertools import permutations, product

import numpy as np

from fairseq_signals.data.limb_leads import LIMB_LEADS

_STRETCHES = 8  # damage in fewer than half of them does not matter
_WRONG = 0.1  # error that is no rounding, as a share of the leads' own size
_FIT = 0.03  # largest error of an arrangement that fits, likewise
_ROUNDING_MV = 0.006
_CLEARER = 5.0  # how many times better than the names as they are an arrangement must fit
_MOST = 3  # arrangements that are told


def contradiction(limb: np.ndarray, present: tuple[bool, ...]) -> tuple[bool, list[str]]:
    """Whether the identities fail throughout a recording, and the simplest arrangements under which they would hold.

    They fail throughout where the largest error (RMS, in the median of eight stretches) is more than a tenth of the
    leads' size. In PTB-XL it is 0.26 to 0.67 of it in four recordings, all paced, and below 0.025 in all others, as in
    CODE-15 and CinC 2021.

    An arrangement is written as `aVL=aVF,aVF=aVL`: the name in the file, and what the channel really is, with a minus
    where it is inverted. None is told where none fits clearly better, or too many to choose from.

    Args:
        limb: mV, `[6, T]` in standard order; rows that are not present are 0.
        present: which of the six leads there are; I and II among them.
    """
    as_named, errors, size = _errors(limb, present)
    if as_named <= max(_WRONG * size, 2 * _ROUNDING_MV):
        return False, []
    best = errors.min()
    if best > max(_FIT * size, _ROUNDING_MV) or as_named < _CLEARER * best:
        return True, []
    channels, steps = _arrangements(present)
    fitting = np.flatnonzero(errors <= max(2 * best, _ROUNDING_MV))
    simplest = fitting[steps[fitting] == steps[fitting].min()]
    return True, [_written(channels[one]) for one in simplest] if len(simplest) <= _MOST else []


def in_words(arrangement: str) -> str:
    """`aVL and aVF are exchanged` for `aVL=aVF,aVF=aVL`."""
    really = dict(pair.split("=") for pair in arrangement.split(","))
    told, parts = set(), []
    for name, lead in really.items():
        if name in told:
            continue
        told.add(name)
        if lead == f"-{name}":
            parts.append(f"{name} is inverted")
        elif really.get(lead) == name:
            parts.append(f"{name} and {lead} are exchanged")
            told.add(lead)
        else:
            inverted = lead.startswith("-")
            parts.append(f"the channel named {name} is {lead.removeprefix('-')}{' inverted' if inverted else ''}")
    return ", ".join(parts)


def _written(channels: np.ndarray) -> str:
    # channels[k] is twice the channel that really holds lead k, plus 1 where it is inverted.
    really = {int(channel) // 2: f"{'-' * (int(channel) % 2)}{LIMB_LEADS[k]}" for k, channel in enumerate(channels)}
    return ",".join(f"{LIMB_LEADS[c]}={lead}" for c, lead in sorted(really.items()) if lead != LIMB_LEADS[c])


@cache
def _arrangements(present: tuple[bool, ...]) -> tuple[np.ndarray, np.ndarray]:
    """All arrangements `[N, 6]` of the leads present, and how many exchanges and inversions each takes, `[N]`."""
    free = [k for k in range(6) if present[k]]
    orders = list(permutations(free))
    order = np.array(orders, np.int8)
    signs = np.array(list(product((0, 1), repeat=len(free))), np.int8)
    exchanges = np.array([_exchanges(dict(zip(free, one, strict=True))) for one in orders])
    channels = np.tile(2 * np.arange(6, dtype=np.int8), (len(order) * len(signs), 1))
    channels[:, free] = (2 * order[:, None] + signs[None]).reshape(-1, len(free))
    return channels, (exchanges[:, None] + signs.sum(axis=1)).ravel()


def _exchanges(places: dict[int, int]) -> int:
    """How many exchanges of two bring everything to its place: a ring of n takes n - 1."""
    rest, count = set(places), 0
    while rest:
        start = place = rest.pop()
        while (place := places[place]) != start:
            rest.remove(place)
            count += 1
    return count


def _errors(limb: np.ndarray, present: tuple[bool, ...]) -> tuple[float, np.ndarray, float]:
    """Error of the names as they are, of every arrangement `[N]`, and the size of the leads; mV (RMS)."""
    gram = _gram(limb)
    size = float(np.sqrt(np.median(np.einsum("bii->b", gram)) / sum(present)))
    signs = np.tile([1.0, -1.0], 6)
    gram = np.repeat(np.repeat(gram, 2, axis=1), 2, axis=2) * signs[:, None] * signs  # [B, 12, 12], both signs
    of_iii, of_avr, of_avl = (_table(gram, *of) for of in ((-1.0, 1.0), (-0.5, -0.5), (1.0, -0.5)))
    terms = zip((of_iii, of_avr, of_avl, of_avl), _places(present), present[2:], strict=True)
    errors = np.sqrt(np.max([np.take(table, places) for table, places, there in terms if there], axis=0))
    return float(errors[0]), errors, size


@cache
def _places(present: tuple[bool, ...]) -> np.ndarray:
    """Where the tables of `_errors` hold the error of III, aVR, aVL, aVF under every arrangement: `[4, N]`."""
    i, ii, iii, avr, avl, avf = _arrangements(present)[0].T.astype(np.intp)
    return np.stack([(a * 12 + b) * 12 + c for a, b, c in ((i, ii, iii), (i, ii, avr), (i, ii, avl), (ii, i, avf))])


def _gram(limb: np.ndarray) -> np.ndarray:
    """Mean products of the leads in each stretch of the recording, without its offsets: `[B, 6, 6]`, mV²."""
    count = min(_STRETCHES, limb.shape[1])
    parts = limb[:, : limb.shape[1] // count * count].reshape(6, count, -1).astype(np.float64)
    parts = (parts - parts.mean(axis=2, keepdims=True)).transpose(1, 0, 2)
    return parts @ parts.transpose(0, 2, 1) / parts.shape[2]


def _table(gram: np.ndarray, first: float, second: float) -> np.ndarray:
    """Mean square of (c - first · a - second · b) for all channels a, b, c: `[12, 12, 12]`, mV², typical stretch."""
    power = np.einsum("bii->bi", gram)
    pair = first**2 * power[:, :, None] + second**2 * power[:, None, :] + 2 * first * second * gram
    cross = first * gram[:, :, None, :] + second * gram[:, None, :, :]
    return np.maximum(np.median(power[:, None, None, :] + pair[..., None] - 2 * cross, axis=0), 0)
