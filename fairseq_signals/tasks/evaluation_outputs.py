"""The outputs of all windows of a subset, collected batch by batch, on one process or several."""

import numpy as np
import torch
import torch.distributed as dist

from fairseq_signals.modules.gather import gather, world_size


class EvaluationOutputs:
    """Outputs by (recording, window); a window that comes again, as padding of uneven ranks does, is ignored."""

    def __init__(self):
        self._seen: set[tuple[int, int]] = set()
        self._rows: list[int] = []
        self._windows: list[int] = []
        self._values: list[torch.Tensor] = []

    def add(self, recordings: torch.Tensor, windows: torch.Tensor, values: torch.Tensor) -> int:
        """Keeps the outputs of a batch and returns how many windows of it are new to this process.

        Args:
            recordings: int64 `[B]`, places of the recordings.
            windows: int64 `[B]`, numbers of the windows; see `data.dataset.WindowDataset`.
            values: float `[B, C]`.
        """
        keys = list(zip(recordings.tolist(), windows.tolist(), strict=True))
        new = [place for place, key in enumerate(keys) if key not in self._seen]
        self._seen.update(keys)
        self._rows += [keys[place][0] for place in new]
        self._windows += [keys[place][1] for place in new]
        self._values.append(values.detach().float().cpu()[new])
        return len(new)

    def gathered(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Recordings `[M]`, windows `[M]` and values `[M, C]` of all processes; every process must ask."""
        places = [torch.tensor(numbers, dtype=torch.long) for numbers in (self._rows, self._windows)]
        tensors = [*places, torch.cat(self._values)]
        if world_size() > 1:
            device = "cuda" if dist.get_backend() == "nccl" else "cpu"
            tensors = [gather(tensor.to(device))[0].cpu() for tensor in tensors]
        return tuple(tensor.numpy() for tensor in tensors)
