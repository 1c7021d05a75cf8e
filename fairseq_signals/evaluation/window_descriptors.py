"""Descriptors of whole manifests: each recording's mean over the windows that a model's scores are averaged over."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.engine import engine
from fairseq_signals.data.leads import STANDARD_LEADS, lead_indices
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.evaluation.aggregate import aggregate_windows
from fairseq_signals.evaluation.ecg_descriptors import DESCRIPTORS, is_silent
from fairseq_signals.evaluation.window_signals import batches, recorded
from fairseq_signals.transforms.windows import choose_leads, windows_from_batch

_WINDOWS_AT_ONCE = 256


@dataclass(frozen=True)
class DescribedRecordings:
    """The recordings of one or more manifests, one after the other.

    Attributes:
        vectors: float64 `[N, D]`, mean descriptor of each recording's windows.
        ids: N recording ids.
        patients: N patient ids.
        manifests: where they stand.
        n_windows: how many windows were described.
        n_silent_windows: in how many of them no lead changes, so that they say nothing of anybody.
    """

    vectors: np.ndarray
    ids: np.ndarray
    patients: np.ndarray
    manifests: list[Manifest]
    n_windows: int
    n_silent_windows: int


def describe_recordings(
    manifests: list[Path],
    descriptor: str,
    leads: tuple[str, ...] = STANDARD_LEADS,
    window_seconds: float = 5.0,
    workers: int = 1,
    progress: bool = False,
) -> DescribedRecordings:
    """The recordings of manifests by the mean descriptor of their windows.

    The windows are those of `fairseq-validate`: every recording is tiled from its start to its end, leads other than
    `leads` are zero. What is padding in a window is not described.

    Args:
        manifests: paths of manifests of one sampling rate.
        descriptor: a name among `evaluation.ecg_descriptors.DESCRIPTORS`.
        leads: standard names of the available leads.
        window_seconds: length of a window.
        workers: processes.
        progress: show a progress bar.

    Raises:
        ValueError: an unknown descriptor, no worker, a manifest without rows.
        ValueError, FileNotFoundError: see `data.dataset.WindowDataset`.
    """
    if descriptor not in DESCRIPTORS:
        raise ValueError(f"descriptor must be one of {', '.join(DESCRIPTORS)}, got {descriptor!r}")
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    data = WindowDataset(manifests, _rate(manifests), window_seconds, "tiled")
    with engine(workers) as work:
        places = batches(len(data), _WINDOWS_AT_ONCE)
        parts = work(_describe, ((data, some, descriptor, leads) for some in places))
        total = -(-len(data) // _WINDOWS_AT_ONCE)
        name = " and ".join(Path(path).stem for path in manifests)
        parts = list(tqdm(parts, f"{descriptor} of {name}", total, unit="batch", disable=not progress))
    rows, windows, vectors, silent = (np.concatenate(column) for column in zip(*parts, strict=True))
    return DescribedRecordings(
        aggregate_windows(vectors, rows, windows, data.window_counts, data.table.ids),
        np.array(data.table.ids),
        np.array(data.table.patient_ids)[data.table.patients],
        data.manifests,
        len(data),
        int(silent.sum()),
    )


def _rate(manifests: list[Path]) -> float:
    first = Manifest(manifests[0])
    if not len(first):
        raise ValueError(f"manifest must have at least one row, got none ({first.path})")
    return first[0].rate


def _describe(data: WindowDataset, places: range, descriptor: str, leads: tuple[str, ...]) -> tuple[np.ndarray, ...]:
    """Recordings `[B]`, numbers of the windows `[B]`, vectors `[B, D]`, and boolean `[B]`: windows that are silent."""
    batch = data.batch(places)
    windows = choose_leads(windows_from_batch(batch, torch.device("cpu")), lead_indices(leads), pad=True)
    signals = recorded(windows)
    vectors = np.stack([DESCRIPTORS[descriptor](signal, data.table.rate) for signal in signals])
    silent = np.array([is_silent(signal) for signal in signals])
    return batch["recording"].numpy(), batch["window"].numpy(), vectors, silent
