"""fairseq's view of a window dataset: which windows form a batch, in which order, and that none is lost."""

import logging

import numpy as np
import torch
from fairseq.data import FairseqDataset

from fairseq_signals.data.dataset import UNKNOWN, WindowDataset, merge
from fairseq_signals.data.keys import keyed_seed

logger = logging.getLogger(__name__)


class WindowBatches(FairseqDataset):
    """Batches of a `WindowDataset` for one subset.

    fairseq's own batching drops what does not divide by eight, and freezes the batches of the first epoch; here
    every window is in exactly one batch per epoch, and training permutes anew each epoch, by (seed, epoch) alone.
    Training visits windows by the weights of the manifest where it has some; evaluation never does.
    """

    def __init__(self, windows: WindowDataset, subset: str, shuffle: bool, seed: int):
        super().__init__()
        self.windows = windows.by_weight() if shuffle else windows
        if self.windows is not windows:  # a column of that name may have meant something else
            logger.info("windows of %s are visited by the column weight of its manifest", subset)
        self.subset, self.shuffle, self.seed = subset, shuffle, seed
        self.epoch = 1

    def __len__(self) -> int:
        return len(self.windows)

    def __getitem__(self, index: int):
        return self.windows[index]

    def __getitems__(self, indices: list[int]):
        return self.windows.batch(indices)

    def collater(self, samples):
        """One batch, with the subset's name; a window that is all padding for a rank that has no batch left.

        That rank takes part in the sums over the ranks, for which the others wait, and counts nowhere.
        """
        batch = merge(samples)
        empty = not batch or not len(batch["recording"])
        batch = self._padding() if empty else batch
        return {**batch, "subset": self.subset, "empty": empty}

    def _padding(self):
        batch = self.windows.batch([0])
        emptied = {name: torch.zeros_like(batch[name]) for name in ("source", "lengths")} | {"padded": True}
        if "labels" in batch:
            emptied["labels"] = torch.full_like(batch["labels"], UNKNOWN)
        return {**batch, **emptied}

    def set_epoch(self, epoch: int):
        """Fairseq announces the epoch before it asks for its order."""
        self.epoch = epoch

    def ordered_indices(self) -> np.ndarray:
        """Numbers of the windows in the order of this epoch."""
        if not self.shuffle:
            return np.arange(len(self))
        return np.random.default_rng(keyed_seed(self.seed, "order", self.epoch)).permutation(len(self))

    def batch_by_size(self, indices, max_tokens=None, max_sentences=None, required_batch_size_multiple=1):
        """Consecutive blocks of `--batch-size` windows (or of `--max-tokens` samples); the last may be smaller.

        `required_batch_size_multiple` is ignored: windows of one length need no such rounding, and what would not
        divide would be lost.
        """
        size = max_sentences or (max_tokens // self.windows.window if max_tokens else 0)
        if size < 1:
            raise ValueError(
                f"--batch-size must be given, or --max-tokens of at least one window "
                f"({self.windows.window} samples), got {max_sentences} and {max_tokens}"
            )
        # The epoch travels with the index; only training has windows that move from epoch to epoch.
        indices = np.asarray(indices) + (self.epoch * len(self) if self.shuffle else 0)
        return [indices[begin : begin + size].tolist() for begin in range(0, len(indices), size)]

    def num_tokens(self, index: int) -> int:
        """Samples of a window."""
        return self.windows.window

    def size(self, index: int) -> int:
        """Samples of a window."""
        return self.windows.window
