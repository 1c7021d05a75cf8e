"""Views that are random stretches of given lengths (multi-crop, Caron et al. 2020)."""

import torch

from fairseq_signals.transforms.views import crops
from fairseq_signals.transforms.windows import Windows


class RandomCrops:
    """Cuts one stretch per entry of `seconds` from every window, each at a place of its own."""

    def __init__(self, seconds: list[float], rate: float):
        """Args: `seconds` of each crop; `rate` in Hz."""
        numbers = isinstance(seconds, (list, tuple)) and all(isinstance(x, (int, float)) for x in seconds)
        self.samples = [round(length * rate) for length in seconds] if numbers else []
        if not self.samples or min(self.samples) < 1:
            raise ValueError(f"seconds of crops must hold positive numbers, got {seconds}")

    def __call__(self, windows: Windows, generator: torch.Generator) -> Windows:
        """`V` crops of each of `B` windows, `[V * B, L, T]`."""
        batch, _, samples = windows.signal.shape
        device = windows.signal.device
        if max(self.samples) > samples:
            raise ValueError(f"crops must fit into windows of {samples} samples, got {max(self.samples)}")
        starts = []
        for length in self.samples:
            uniform = torch.rand(batch, generator=generator, device=device)
            starts.append((uniform * ((windows.valid_lengths - length).clamp(min=0) + 1)).long())
        return crops(windows, starts, self.samples)
