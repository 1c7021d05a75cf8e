"""Whether the amplitudes of a source are of two units: two large groups, a power of ten apart, hardly any between."""

from collections.abc import Sequence

import numpy as np

from fairseq_signals.data.checks.amplitude_facts import FACT
from fairseq_signals.data.item import Packed

_LARGE, _LARGE_SHARE = 10, 0.1  # recordings of a group that is no matter of a few files
_NEARLY = 1.5  # factor between the groups' ratio and a power of ten
_BETWEEN = 0.05  # largest share of all recordings in the middle third between the two groups


def amplitudes(packed: Sequence[Packed]) -> list[float]:
    """Amplitude of each recording, mV."""
    return [one.facts[FACT] for one in packed]


def is_large(group: Sequence[Packed], everything: Sequence[Packed]) -> bool:
    """Whether a group is too large to be rejected as a few files that are wrong."""
    return len(group) >= _LARGE and len(group) > _LARGE_SHARE * len(everything)


def two_units(packed: Sequence[Packed]) -> str | None:
    """Why the source must be refused, where its amplitudes are of two units."""
    if len(packed) < 2 * _LARGE:
        return None
    ordered = sorted(packed, key=lambda one: one.facts[FACT])
    logs = np.log10(amplitudes(ordered))
    place = _parting(logs)
    small, large = ordered[:place], ordered[place:]
    low, high = np.median(logs[:place]), np.median(logs[place:])
    power, middle = round(high - low), (low + high) / 2
    between = np.mean(np.abs(logs - middle) < (high - low) / 6)
    clear = is_large(small, packed) and is_large(large, packed) and between <= _BETWEEN
    if not clear or power < 1 or abs(high - low - power) > np.log10(_NEARLY):
        return None
    return contradiction(small, large, "nearly a power of ten, as between units")


def contradiction(those: Sequence[Packed], others: Sequence[Packed], explained: str) -> str:
    """The refusal of a source of which either one group or the other is wrong.

    Args:
        those: one group.
        others: the other.
        explained: what the ratio of the amplitudes is equal to.
    """
    one, other = (float(np.median(amplitudes(group))) for group in (those, others))
    return (
        f"amplitudes must fit one another, got {one:.3g} mV in the median of {len(those):,} recordings (such as "
        f"{those[0].item.id}) and {other:.3g} mV in that of {len(others):,} (such as {others[0].item.id}): they are "
        f"{max(one, other) / min(one, other):.3g} times apart, which is {explained}, so one group's unit or gain is "
        f"wrong; mend its files, or prepare the two groups apart, each with its own unit"
    )


def _parting(logs: np.ndarray) -> int:
    """Where sorted numbers are best parted into two groups: the variance between these is largest (Otsu 1979)."""
    below = np.arange(1, len(logs))
    sums = np.cumsum(logs)[:-1]
    gap = (logs.sum() - sums) / (len(logs) - below) - sums / below
    return int((below * (len(logs) - below) * gap**2).argmax()) + 1
