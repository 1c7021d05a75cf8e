"""Random numbers that depend on what they are for, and on nothing else.

A draw is keyed by plain integers, such as (seed, epoch, row). The same key gives the same number in whichever
worker, order or resumed run it is asked for.
"""

import hashlib

import numpy as np

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def _mix(state: np.ndarray) -> np.ndarray:
    # The finaliser of SplitMix64 (Steele et al. 2014): every input bit changes half of the output bits.
    state = (state ^ (state >> np.uint64(30))) * _FIRST
    state = (state ^ (state >> np.uint64(27))) * _SECOND
    return state ^ (state >> np.uint64(31))


def keyed_uniform(*key: "int | np.ndarray") -> np.ndarray:
    """One number in [0, 1) per key, float64.

    Args:
        key: integers, or int arrays that broadcast together: `keyed_uniform(seed, epoch, rows)` gives one number
            per row.
    """
    with np.errstate(over="ignore"):
        state = np.zeros(1, np.uint64)
        for part in key:
            part = np.asarray(part, dtype=np.int64).astype(np.uint64)
            state = _mix(state + _STEP + _mix(part + _STEP))
    uniform = (state >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform if any(np.ndim(part) for part in key) else uniform[0]


def keyed_seed(*key: "int | str") -> int:
    """One 63-bit seed per key, for generators; texts such as a rank's or a purpose's name may be part of it."""
    text = "\0".join(str(part) for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
