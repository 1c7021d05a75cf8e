"""Checkpoints: read safely, recognised when torn, loaded whole or not at all.

A checkpoint holds tensors and plain containers only; `torch.load` is never asked to run what a file says.
"""

import logging
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fairseq_signals.data.units import units_of

logger = logging.getLogger(__name__)


def is_whole(path: str | Path) -> bool:
    """Whether a checkpoint file was written to its end, and every byte in it fits the archive's checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError):
        return False  # a damaged table of contents fails in any of these ways


def newest_whole(folder: str | Path) -> Path | None:
    """The checkpoint that was written last among the whole ones of a folder, or None."""
    paths = sorted(Path(folder).glob("*.pt"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    return next((path for path in paths if is_whole(path)), None)


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The contents of a checkpoint of this project: `model` (tensors by name) and `cfg` (plain containers).

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is torn, holds more than tensors and plain containers, or is not one of ours.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint must be a file, got none at {path}")
    # PyTorch does not compare checksums: a damaged tensor would be loaded as if it were right.
    if not is_whole(path):
        raise ValueError(f"checkpoint must be a whole file, got a torn, damaged or foreign one at {path}")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"checkpoint must hold tensors and plain containers only, but {path} holds objects that would run code "
            f"when loaded; it was not opened further"
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError) as error:
        raise ValueError(f"checkpoint must be written by PyTorch, got a foreign archive at {path} ({error})") from error
    if not _is_ours(state):
        raise ValueError(f"checkpoint must come from a model of fairseq-signals, with its encoder's settings ({path})")
    return state


def best_score(path: str | Path) -> float | None:
    """The best score by validation until a checkpoint was written, rounded as fairseq logs it; None without any.

    Of a training's `checkpoint_best.pt` it is the checkpoint's own.

    Raises:
        FileNotFoundError, ValueError: as `read_checkpoint`.
    """
    return kept_score(read_checkpoint(path))


def kept_score(state: dict[str, Any]) -> float | None:
    """The same of a checkpoint that was read."""
    best = (state.get("extra_state") or {}).get("best")
    return None if best is None else float(best)


def units_of_training(state: dict[str, Any]) -> str | None:
    """Units of the amplitudes that a checkpoint was trained with, see `data.units`; None where nobody knows.

    Those of its data folder where it is from before they were kept.
    """
    if "units" in (state.get("task_state") or {}):
        return state["task_state"]["units"]
    folder = state["cfg"]["task"].get("data")
    try:
        return units_of(folder) if folder else None
    except ValueError:
        return None  # of a folder that has become another; the model needs nothing of it


def _is_ours(state: Any) -> bool:
    cfg = state.get("cfg") if isinstance(state, dict) else None
    model = cfg.get("model") if isinstance(cfg, dict) else None
    tensors = state.get("model") if isinstance(state, dict) else None
    return isinstance(model, dict) and "encoder" in model and isinstance(tensors, dict)


def load_part(part: nn.Module, state: dict[str, Tensor], prefix: str, path: str | Path) -> int:
    """Loads the tensors named `prefix.*` into a part of a model, all of them or none.

    Returns:
        The number of tensors loaded.

    Raises:
        ValueError: names every tensor that is missing, not expected or of another shape.
    """
    given = {name.removeprefix(prefix + "."): value for name, value in state.items() if name.startswith(prefix + ".")}
    wanted = part.state_dict()
    wrong = [f"{prefix}.{name} is missing" for name in wanted if name not in given]
    wrong += [f"{prefix}.{name} is not expected" for name in given if name not in wanted]
    wrong += [
        f"{prefix}.{name} must have shape {list(wanted[name].shape)}, got {list(given[name].shape)}"
        for name in wanted
        if name in given and wanted[name].shape != given[name].shape
    ]
    if wrong:
        raise ValueError(
            f"weights in {path} must fit {type(part).__name__} exactly, but of {len(wanted)} tensors "
            f"{len(wrong)} do not: {'; '.join(wrong)}"
        )
    part.load_state_dict(given)
    numbers = sum(value.numel() for value in given.values())
    logger.info("loaded %d tensors (%s numbers) from %s into %s", len(given), f"{numbers:,}", path, type(part).__name__)
    return len(given)
