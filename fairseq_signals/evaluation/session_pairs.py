"""Pairs of descriptors as of two sessions, from recordings that people have but one of.

Each window of twice the length is cut in halves, and each half is changed as another session would change it: the heart
turned and stretched in the chest, chest electrodes set a little elsewhere, wander and muscle noise. What differs
between the two is what `evaluation.session_whitening` is fitted on.
"""

from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.engine import engine
from fairseq_signals.data.leads import STANDARD_LEADS, lead_indices
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.evaluation.ecg_descriptors import DESCRIPTORS, is_silent
from fairseq_signals.evaluation.window_signals import batches, recorded
from fairseq_signals.transforms.pipeline import Pipeline, keyed_generator, resolve_transforms
from fairseq_signals.transforms.windows import choose_leads, windows_from_batch

ANOTHER_SESSION = (
    {"_name": "vcg", "mode": "residual", "rotation_degrees": 15.0, "scale": 1.2},
    {"_name": "electrode_shift", "each": 0.25, "together": 0.25},
    {"_name": "baseline_wander", "amplitude": 0.05},
    {"_name": "emg", "amplitude": 0.03},
)
"""What another session changes, as transforms of a recipe. The sizes are guesses from anatomy, not fitted to any pairs:
the heart turns by up to 15 degrees about each axis, electrodes move by up to half of the way to their neighbours."""

_WINDOWS_AT_ONCE = 128


def describe_sessions(
    manifest: Path,
    descriptor: str,
    leads: tuple[str, ...] = STANDARD_LEADS,
    window_seconds: float = 5.0,
    transforms=ANOTHER_SESSION,
    seed: int = 1,
    workers: int = 1,
    progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors of the halves of every window of `2 * window_seconds`, two float64 `[M, D]`.

    Windows of which a half is silent are left out. The transforms see all leads; then leads other than `leads` are
    zero.

    Args:
        manifest: path of the manifest, of training recordings.
        descriptor: a name among `evaluation.ecg_descriptors.DESCRIPTORS`.
        leads: standard names of the available leads.
        window_seconds: length of a half.
        transforms: as in a recipe.
        seed: of the draws, which do not depend on the number of workers.
        workers: processes.
        progress: show a progress bar.

    Raises:
        ValueError: no window without silence.
        ValueError, FileNotFoundError: see `data.dataset.WindowDataset`.
    """
    transforms = resolve_transforms(list(transforms))
    data = WindowDataset([manifest], Manifest(manifest)[0].rate, 2 * window_seconds, "tiled")
    with engine(workers) as work:
        places = batches(len(data), _WINDOWS_AT_ONCE)
        parts = work(_describe, ((data, some, descriptor, leads, transforms, seed) for some in places))
        name = f"{descriptor} of sessions from {Path(manifest).stem}"
        parts = list(tqdm(parts, name, -(-len(data) // _WINDOWS_AT_ONCE), unit="batch", disable=not progress))
    parts = [sides for _, *sides in sorted(parts, key=lambda part: part[0]) if len(sides[0])]
    if not parts:
        raise ValueError(f"windows of {manifest} must hold signal in both halves, got none that do")
    first, second = (np.concatenate(side) for side in zip(*parts, strict=True))
    return first, second


def _describe(data: WindowDataset, places: range, descriptor: str, leads: tuple[str, ...], transforms, seed: int):
    """The first place, and the descriptors of first and of second halves, `[B, D]` each."""
    device, rate = torch.device("cpu"), data.table.rate
    generator = keyed_generator(device, seed, "session", places.start)
    halves = Pipeline("adjacent", None, rate)(windows_from_batch(data.batch(places), device), generator)
    # Looked for before noise is added.
    silent = np.array([is_silent(signal) for signal in recorded(choose_leads(halves, lead_indices(leads), pad=True))])
    changed = Pipeline("single", transforms, rate)(halves, generator)
    signals = recorded(choose_leads(changed, lead_indices(leads), pad=True))
    first, second = np.arange(len(signals)).reshape(2, -1)
    kept = ~(silent[first] | silent[second])
    describe = DESCRIPTORS[descriptor]
    return places.start, *(np.array([describe(signals[row], rate) for row in side[kept]]) for side in (first, second))
