"""Windows of a data set for functions that look at one signal at a time."""

from collections.abc import Iterator

import numpy as np

from fairseq_signals.transforms.windows import Windows


def batches(windows: int, at_once: int) -> Iterator[range]:
    """The places of all windows, `at_once` at a time."""
    for begin in range(0, windows, at_once):
        yield range(begin, min(begin + at_once, windows))


def recorded(windows: Windows) -> list[np.ndarray]:
    """Each window's signal `[L, T]` without its padding, which is no signal: at its end it would be a step.

    Of a window that is all padding one sample is left.
    """
    pairs = zip(windows.signal.numpy(), windows.valid_lengths.tolist(), strict=True)
    return [signal[:, : max(length, 1)] for signal, length in pairs]
