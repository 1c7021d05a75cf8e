"""Recordings whose limb leads are differences of electrode potentials, and what a preparation makes of a recording."""

import json

import numpy as np
import pytest

from fairseq_signals.data.item import Item, Packed
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.data.self_test import examine
from fairseq_signals.data.waveform_digest import waveform_digest

_ELECTRODES = {"R": (-0.35, 0.2), "L": (0.45, 0.3), "F": (0.75, -0.4)}  # mV, of QRS and T wave
_CHEST = [(-0.9, 0.1), (-1.1, 0.5), (-0.2, 0.6), (0.9, 0.5), (1.3, 0.4), (1.1, 0.3)]


@pytest.fixture(scope="session")
def heart():
    """`heart(seed, rate=…, seconds=…, step=…)`: a 12-lead recording with a beat per second, in whole steps (mV)."""

    def make(seed=0, rate=100.0, seconds=10.0, step=0.001, **of_record) -> Record:
        generator = np.random.default_rng(seed)
        time = np.arange(round(rate * seconds)) / rate
        beat = (time + generator.uniform(0, 1)) % 1.0
        waves = [np.exp(-(((beat - centre) / width) ** 2) / 2) for centre, width in ((0.3, 0.02), (0.6, 0.06))]

        def potential(heights):
            noise = generator.normal(0, 0.02, len(time)).cumsum() / 20
            size = generator.uniform(0.8, 1.25, 2)
            return sum(height * one * wave for height, one, wave in zip(heights, size, waves, strict=True)) + noise

        right, left, foot = (potential(heights) for heights in _ELECTRODES.values())
        centre = (right + left + foot) / 3
        signal = [
            left - right,
            foot - right,
            foot - left,
            right - (left + foot) / 2,
            left - (right + foot) / 2,
            foot - (right + left) / 2,
            *(potential(heights) - centre for heights in _CHEST),
        ]
        rounded = (np.rint(np.stack(signal) / step) * step).astype(np.float32)
        return Record(rounded, rate, STANDARD_LEADS, f"r{seed}", **of_record)

    return make


@pytest.fixture(scope="session")
def packed_of():
    """`packed_of(record, id=…, patient=…, leads=…, **extra)`: the recording packed, its facts back from a report."""

    def pack(record, id=None, patient=None, leads=None, **extra) -> Packed:
        id = id or record.id
        facts = json.loads(json.dumps(examine(record)))
        item = Item(f"{id}.hea", id, patient, extra=extra)
        stored = (record.signal.shape[1], record.rate, leads or record.leads)
        return Packed(item, "s:0", *stored, None, (), dict(record.meta), waveform_digest(record), facts)

    return pack
