"""A batch of windows in millivolts, on the model's device; what transforms take and give."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.store import NANOVOLTS_PER_MILLIVOLT
from fairseq_signals.modules.pooling import valid_frames


@dataclass(frozen=True)
class Windows:
    """A batch of windows.

    Attributes:
        signal: float32 `[B, L, T]`, millivolts; zero where a lead is absent and in padding.
        present: boolean `[B, L]`: leads that exist and are not masked.
        lengths: number of valid samples `[B]`, or None where no window is padded.
        ids: int64 `[B]` by name, such as `recording`, `patient`, `window` (equal for views of one window).
        view: int64 `[B]`: which view of its window each row is, from 0.
        leads: the L names, for transforms that need to know which lead is which.
    """

    signal: Tensor
    present: Tensor
    lengths: Tensor | None = None
    ids: dict[str, Tensor] = field(default_factory=dict)
    view: Tensor | None = None
    leads: tuple[str, ...] = STANDARD_LEADS

    @property
    def valid_lengths(self) -> Tensor:
        """Number of valid samples of each window, `[B]`: all of them where no window is padded."""
        if self.lengths is not None:
            return self.lengths
        return torch.full((len(self.signal),), self.signal.shape[2], device=self.signal.device)

    def with_signal(self, signal: Tensor) -> "Windows":
        """The same windows with another signal of the same shape; absent leads and padding stay zero."""
        return replace(self, signal=self._silence(signal))

    def _silence(self, signal: Tensor) -> Tensor:
        signal = signal * self.present.unsqueeze(2)
        if self.lengths is None:
            return signal
        return signal * valid_frames(self.lengths, signal.shape[2]).unsqueeze(1)


def windows_from_batch(batch: dict, device: torch.device) -> Windows:
    """Stored integers of a loader's batch (see `data.dataset.WindowDataset`) as millivolts on `device`.

    Works in float32 whatever the precision of training: an int16 sample times a whole number of nanovolts.
    """
    source = batch["source"].to(device, non_blocking=True)
    unit = batch["nanovolts"].to(device, non_blocking=True).double() / NANOVOLTS_PER_MILLIVOLT
    signal = source * unit.float()[:, None, None]  # one pass: integers become float32 within the product
    ids = {name: batch[name].to(device) for name in ("recording", "patient", "window") if name in batch}
    return Windows(
        signal,
        batch["present"].to(device),
        batch["lengths"].to(device) if batch["padded"] else None,
        ids,
        torch.zeros(len(source), dtype=torch.long, device=device),
    )


def choose_leads(windows: Windows, leads: list[int], pad: bool) -> Windows:
    """Windows with only these leads.

    Args:
        windows: with L leads.
        leads: places of the leads that are available.
        pad: keep all L places and zero the others (the paper's P-N-lead), instead of dropping them.
    """
    if not pad:
        names = tuple(windows.leads[lead] for lead in leads)
        return replace(windows, signal=windows.signal[:, leads], present=windows.present[:, leads], leads=names)
    if len(leads) == windows.present.shape[1]:
        return windows
    keep = torch.zeros_like(windows.present)
    keep[:, leads] = True
    return mask_leads(windows, keep)


def mask_leads(windows: Windows, keep: Tensor) -> Windows:
    """Windows whose leads are zero and absent where `keep` (boolean `[B, L]`) is False."""
    kept = replace(windows, present=windows.present & keep)
    return kept.with_signal(windows.signal)
