"""How many windows an epoch has, from the manifest alone: nothing of the recordings is opened."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairseq_signals.data.manifest import Manifest, manifest_path
from fairseq_signals.data.windows import MODES, tile_counts
from fairseq_signals.experiments.defaults import setting, window_samples


def windows_per_epoch(folder: "str | Path", config: Mapping[str, Any]) -> "int | None":
    """Windows that the loader cuts from the training subset, as many as an epoch has with or without weights.

    Args:
        folder: of the manifests; there may be none yet.
        config: of the training, from `composition.compose_recipe`.

    Returns:
        Their number, None where the folder does not exist.

    Raises:
        FileNotFoundError: the folder is there, and this manifest is not.
        ValueError: a row is not as it must be, or has another rate.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return None
    subset = setting(config, "dataset", "train_subset")
    path = manifest_path(folder, subset)
    mode, rate = setting(config, "task", "windows"), float(setting(config, "task", "rate"))
    if mode not in MODES:
        raise ValueError(f"task.windows must be one of {', '.join(MODES)}, got {mode!r}")
    lengths = _lengths(Manifest(path), rate)
    if mode != "tiled":
        return len(lengths)
    window = window_samples(config)
    seconds = setting(config, "task", "stride_seconds")
    stride = window if seconds is None else round(seconds * rate)
    return int(tile_counts(lengths, window, stride).sum())


def _lengths(manifest: Manifest, rate: float):
    columns = manifest.parsed()
    if columns.bad.any():
        manifest.refuse(int(columns.bad.argmax()))
    other = columns.rates != rate
    if other.any():
        line = int(other.argmax())
        raise ValueError(
            f"rate must be {rate:g} Hz, as the model's, got {columns.rates[line]:g} ({manifest.path}, line {line + 2})"
        )
    return columns.lengths
