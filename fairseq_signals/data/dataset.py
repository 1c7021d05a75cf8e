"""From recordings to batches of windows, still as stored integers.

Workers only slice: a batch holds int16 samples and their unit, and is filled by copying stretches of memory maps.
Conversion to millivolts and everything random but the choice of a window's place happen on the model's device.
"""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from fairseq_signals.data.keys import keyed_uniform
from fairseq_signals.data.leads import STANDARD_LEADS, parse_leads
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.table import RecordingTable
from fairseq_signals.data.windows import (
    MODES,
    centred_start,
    random_start,
    slot_bounds,
    tile_counts,
    tile_start,
    visits,
)

UNKNOWN = 2
"""The label of a class of which nothing is known; 0 and 1 are absent and present."""


class WindowDataset(Dataset):
    """Windows of the recordings in one or more manifests.

    A sample's index is `epoch * len(dataset) + number`: the epoch travels with the index, because a data loader's
    workers outlive epochs and would otherwise draw the same "random" windows for ever. Numbers are those of the
    windows, one recording after the other; with weights (`by_weight`) they are an epoch's slots, and the epoch
    decides which window is visited in each.

    A batch (`dataset.batch(indices)`, or `__getitems__` for data loaders) is a dictionary:

    - `source` int16 `[B, L, T]`, zero where a lead is absent and where the recording has ended,
    - `nanovolts` int32 `[B]`: mV = source * nanovolts * 1e-6,
    - `lengths` int64 `[B]`, valid samples; `padded` bool, whether any of them is below T,
    - `present` bool `[B, L]`, leads that the recording has,
    - `recording`, `patient`, `window` int64 `[B]`: places of row and patient, number of the window within its
      recording,
    - `labels` uint8 `[B, C]` where given: 0, 1, or 2 for unknown.

    Attributes:
        manifests, table: the opened manifests and their rows as arrays.
        window, stride: samples.
    """

    def __init__(
        self,
        manifests: "str | Path | list[str | Path]",
        rate: float,
        window_seconds: float,
        mode: str = "tiled",
        stride_seconds: float | None = None,
        leads: "str | tuple[str, ...]" = STANDARD_LEADS,
        seed: int = 1,
        labels: np.ndarray | None = None,
    ):
        """Opens manifests and checks every row.

        Args:
            manifests: one path, or several whose rows follow one another (gallery and probe).
            rate: samples per second (Hz) that the model is made for; every row must have it.
            window_seconds: length of a window.
            mode: "tiled" (every recording from its start to its end), "random" (one place per epoch), "centred".
            stride_seconds: from one tile to the next, the window's length where None.
            leads: the leads of `source`, by name.
            seed: for random places.
            labels: uint8 `[N, C]`, one row per recording; see `attach_labels`.

        Raises:
            ValueError, FileNotFoundError: a row or a setting is not as it must be; the message says which and where.
        """
        if mode not in MODES:
            raise ValueError(f"mode of windows must be one of {', '.join(MODES)}, got {mode!r}")
        paths = [manifests] if isinstance(manifests, (str, Path)) else manifests
        self.manifests = [Manifest(path) for path in paths]
        self.mode, self.seed, self.leads = mode, int(seed), parse_leads(leads)
        self.window = _samples(window_seconds, rate, "window_seconds")
        self.stride = self.window if stride_seconds is None else _samples(stride_seconds, rate, "stride_seconds")
        self.table = RecordingTable(self.manifests, float(rate))
        lengths = self.table.lengths
        counts = tile_counts(lengths, self.window, self.stride) if mode == "tiled" else np.ones_like(lengths)
        self._firsts = np.concatenate([[0], np.cumsum(counts)])  # window of each recording, and the number of windows
        self._shares: np.ndarray | None = None
        self._uniform_leads = self.table.layouts == [self.leads]
        self.labels = None
        if labels is not None:
            self.attach_labels(labels)

    def attach_labels(self, labels: np.ndarray):
        """Sets the labels that batches carry, uint8 `[N, C]`: 0, 1, or 2 for unknown."""
        if len(labels) != len(self.table):
            raise ValueError(f"labels must have one row per recording ({len(self.table)}), got {len(labels)}")
        self.labels = labels

    @property
    def window_counts(self) -> np.ndarray:
        """Number of windows of each recording, int64 `[N]`."""
        return np.diff(self._firsts)

    def by_weight(self) -> "WindowDataset":
        """The same data, its windows visited in proportion to their recordings' `sampling_weight`; for training only.

        An epoch is as long as without weights. A window of three times the mean weight is visited three times in
        it, one of half the mean in every second epoch on average; see `data.windows.visits`. Where all weights
        are equal, this is the data set itself.

        Raises:
            ValueError: all weights are 0.
        """
        weights = self.table.weights()
        if (weights == weights[0]).all():
            return self
        weighted = copy.copy(self)
        weighted._shares = slot_bounds(weights, self.window_counts)
        return weighted

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.batch([index])

    def __getitems__(self, indices: list[int]) -> dict[str, Any]:
        return self.batch(indices)

    def batch(self, indices: "list[int] | np.ndarray") -> dict[str, Any]:
        """The windows as one batch, see the class."""
        epochs, places = np.divmod(np.asarray(indices, np.int64), len(self))
        rows, numbers, earlier = self._visited(epochs, places)
        lengths = self.table.lengths[rows]
        starts = self._starts(rows, numbers, lengths, epochs, earlier)
        valid = np.minimum(lengths - starts, self.window)
        batch = self._copy(rows, starts, valid)
        batch |= {
            "lengths": torch.from_numpy(valid),
            "padded": bool((valid < self.window).any()),
            "recording": torch.from_numpy(rows),
            "patient": torch.from_numpy(self.table.patients[rows].astype(np.int64)),
            "window": torch.from_numpy(numbers),
        }
        if self.labels is not None:
            batch["labels"] = torch.from_numpy(self.labels[rows])
        return batch

    def _visited(self, epochs, places) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Recordings, numbers of their windows, and how often each was visited before in its epoch."""
        if self._shares is not None:
            return visits(self._shares, self._firsts, places, keyed_uniform(self.seed, epochs))
        rows = np.searchsorted(self._firsts, places, "right") - 1
        return rows, places - self._firsts[rows], np.zeros_like(places)

    def _starts(self, rows, numbers, lengths, epochs, earlier) -> np.ndarray:
        if self.mode == "tiled":
            return tile_start(lengths, numbers, self.window, self.stride)
        if self.mode == "centred":
            return centred_start(lengths, self.window)
        uniform = keyed_uniform(self.seed, epochs, rows)
        again = earlier != 0
        uniform[again] = keyed_uniform(self.seed, epochs[again], rows[again], earlier[again])
        return random_start(lengths, self.window, uniform)

    def _copy(self, rows, starts, valid) -> dict[str, torch.Tensor]:
        shape = (len(rows), len(self.leads), self.window)
        # Where every sample will be written there is nothing to clear.
        whole = self._uniform_leads and int(valid.min(initial=self.window)) == self.window
        source = np.empty(shape, np.int16) if whole else np.zeros(shape, np.int16)
        present = np.ones(shape[:2], bool)
        nanovolts = np.empty(len(rows), np.int32)
        stretches = zip(source, valid.tolist(), self.table.stretches(rows, starts, valid), strict=True)
        for place, (target, length, (samples, nanovolts[place])) in enumerate(stretches):
            if self._uniform_leads:
                target[:, :length] = samples
                continue
            have = self.table.leads(rows[place])
            for channel, lead in enumerate(self.leads):
                present[place, channel] = lead in have
                if lead in have:
                    target[channel, :length] = samples[have.index(lead)]
        tensors = {"source": source, "nanovolts": nanovolts, "present": present}
        return {name: torch.from_numpy(array) for name, array in tensors.items()}


def merge(batches: "dict[str, Any] | list[dict[str, Any]]") -> dict[str, Any]:
    """One batch of several, in order; what is a batch already is returned as it is, nothing stays nothing."""
    if isinstance(batches, dict) or not batches:
        return batches or {}
    merged = {name: torch.cat([batch[name] for batch in batches]) for name in batches[0] if name != "padded"}
    return {**merged, "padded": any(batch["padded"] for batch in batches)}


def _samples(seconds: float, rate: float, name: str) -> int:
    samples = round(seconds * rate)
    if samples < 1:
        raise ValueError(f"{name} must last at least one sample at {rate:g} Hz, got {seconds}")
    return samples
