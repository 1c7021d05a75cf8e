"""Zeros at both ends of a recording that are no signal but fill a file's fixed length."""

from dataclasses import replace

import numpy as np

from fairseq_signals.data.record import Record


def without_padding(record: Record) -> Record:
    """The recording from the first to the last sample at which any lead is not exactly zero.

    A recording that is zero everywhere loses all samples.
    """
    told = np.flatnonzero(record.signal.any(axis=0))
    first, last = (int(told[0]), int(told[-1]) + 1) if len(told) else (0, 0)
    return replace(record, signal=record.signal[:, first:last])
