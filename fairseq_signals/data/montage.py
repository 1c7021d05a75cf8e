"""From the channels of a file to the leads of a record: which rows, in which order, in which unit.

Conventions: leads are found by name, never by position; amplitudes become millivolts. Readers share this
file so that every format answers an unknown lead or unit alike.
"""

from collections.abc import Sequence
from typing import NamedTuple

from fairseq_signals.data.leads import OTHER_LEADS, STANDARD_LEADS, canonical_lead

_MILLIVOLTS = {"v": 1e3, "volt": 1e3, "mv": 1.0, "millivolt": 1.0, "uv": 1e-3, "microvolt": 1e-3}


class Montage(NamedTuple):
    """Which channels of a file make up a record.

    Attributes:
        rows: position of each kept lead among the file's channels.
        leads: the kept leads' standard names, in standard order.
        dropped: the other channels' names as the file spells them.
        unknown: those of the dropped names that are no known lead at all.
    """

    rows: tuple[int, ...]
    leads: tuple[str, ...]
    dropped: tuple[str, ...]
    unknown: tuple[str, ...]


def choose_leads(names: Sequence[str], where: str, strict: bool = False) -> Montage:
    """The standard leads among a file's channels, put in standard order.

    Known leads without a place among the twelve (Frank's X, Y, Z, V7 …) are dropped. A channel with an unknown
    name (a RESP or blood pressure channel, MLII) is dropped too and listed, never guessed at; with `strict`,
    for names that a person gave, it is an error.

    Args:
        names: the channels' names, as the file or the caller spells them.
        where: the file, for errors.
        strict: whether an unknown name is an error.

    Raises:
        ValueError: a lead appears twice, no standard lead is there, or (`strict`) a name is unknown.
    """
    known = [canonical_lead(name) for name in names]
    unknown = tuple(name for name, lead in zip(names, known, strict=True) if lead is None)
    leads = tuple(lead for lead in STANDARD_LEADS if lead in known)
    if (strict and unknown) or not leads:
        raise ValueError(
            f"lead names must be {'among' if strict else 'at least one among'} {', '.join(STANDARD_LEADS)} "
            f"(known and dropped: {', '.join(OTHER_LEADS)}), got {', '.join(unknown or names) or 'none'} ({where})"
        )
    twice = [lead for lead in leads if known.count(lead) > 1]
    if twice:
        raise ValueError(f"each lead must be named once, got {', '.join(names)} (twice: {twice[0]}; {where})")
    dropped = tuple(name for name, lead in zip(names, known, strict=True) if lead not in leads)
    return Montage(tuple(known.index(lead) for lead in leads), leads, dropped, unknown)


def millivolts_per(unit: str, where: str) -> float:
    """How many millivolts one `unit` is; units are V, mV and uV in any case and spelling ("µV", "microvolts").

    Differs: the international system reads MV as megavolt; in an ECG it can only be a careless mV.

    Raises:
        ValueError: the unit is none of these.
    """
    # The micro sign and the Greek letter mu are two characters that look alike.
    key = unit.strip().replace("µ", "u").replace("μ", "u").lower()
    if key not in _MILLIVOLTS:
        key = key.removesuffix("s")
    if key not in _MILLIVOLTS:
        raise ValueError(f"unit must be V, mV or uV, got {unit!r} ({where})")
    return _MILLIVOLTS[key]
