"""What a file claims to hold, compared with what it can hold, before any memory is taken."""

import math
from collections.abc import Sequence

_HARMLESS = 2**26  # bytes that may be taken whatever the file's size: a flat recording packs a thousandfold
_LARGEST_PACKING = 64  # deflate shrinks recorded signals by less than 4; beyond, a large claim is damaged or hostile


def largest_claim(packed: int) -> int:
    """How many bytes may come out of `packed` bytes of a file."""
    return max(_HARMLESS, packed * _LARGEST_PACKING)


def check_claim(what: str, shape: Sequence[int], itemsize: int, packed: int) -> None:
    """Makes sure that an array can be in a file.

    Args:
        what: its name, for errors.
        shape: as claimed.
        itemsize: bytes of one element.
        packed: bytes that the file spends on it.

    Raises:
        ValueError: it claims far more than these bytes can hold.
    """
    claimed = math.prod(int(n) for n in shape) * itemsize
    if claimed > largest_claim(packed):
        raise ValueError(f"array {what} must fit its {packed} packed bytes, got {claimed}")
