"""What holds where a recipe is silent: values that fairseq and the tasks add, as far as a cost needs them.

They stand here because this room never imports fairseq; a test compares them with its dataclasses and the tasks'.
"""

from collections.abc import Mapping
from typing import Any

RANDOM = "random"
"""The start of a task's encoder that needs no checkpoint."""

PRETRAINING_TASK = "ecg_pretraining"
PRETRAINING_SECONDS = 10.0
"""Length of a window where a recipe of pre-training is silent; the other tasks have that of `DEFAULTS`."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "optimization": {"max_update": 0, "max_epoch": 0, "update_freq": [1], "skip_remainder_batch": False},
    "dataset": {"batch_size": None, "max_tokens": None, "train_subset": "train"},
    "distributed_training": {"distributed_world_size": 1},
    "checkpoint": {"best_checkpoint_metric": "loss", "maximize_best_checkpoint_metric": False},
    "task": {
        "rate": 500.0,
        "window_seconds": 5.0,
        "windows": "tiled",
        "stride_seconds": None,
        "views": "single",
        "leads": "12",
        "drop_leads": False,
    },
    "model": {"encoder": "wav2vec2_base", "freeze_updates": 0},
}
"""What holds where a recipe is silent. fairseq takes every GPU it sees where it says nothing of the world size: the
recipes state it, and here it is 1."""


def setting(config: Mapping[str, Any], section: str, name: str) -> Any:
    """A value of the configuration, or the one that holds where it is silent.

    Raises:
        ValueError: the value must still be given.
    """
    default = DEFAULTS[section].get(name, "???")
    value = section_of(config, section).get(name, default)
    if value == "???":
        raise ValueError(f"{section}.{name} must be given, got nothing")
    return value


def section_of(config: Mapping[str, Any], section: str) -> Mapping[str, Any]:
    """A section's settings; a part that is given by its name alone has none but that."""
    settings = config.get(section) or {}
    return {"_name": settings} if isinstance(settings, str) else settings


def is_pretraining(config: Mapping[str, Any]) -> bool:
    """Whether the training is a pre-training, whose windows are cut into views."""
    return setting(config, "task", "_name") == PRETRAINING_TASK


def window_seconds(config: Mapping[str, Any]) -> float:
    """Length of the windows that the loader cuts, in seconds."""
    silent = "window_seconds" not in section_of(config, "task")
    return PRETRAINING_SECONDS if silent and is_pretraining(config) else setting(config, "task", "window_seconds")


def window_samples(config: Mapping[str, Any]) -> int:
    """Samples of the windows that the loader cuts."""
    return round(window_seconds(config) * setting(config, "task", "rate"))
