"""A remark on validations from which fairseq keeps no best checkpoint, since it saves at other times."""

from collections.abc import Mapping
from typing import Any


def unkept_validations(root: Mapping[str, Any]) -> "str | None":
    """What to say of validations within an epoch that no checkpoint is kept of; None where all are kept.

    fairseq decides what is the best only when it saves: a validation every so many updates, without saving at these,
    is logged and otherwise lost, and the best checkpoint is the best of the epochs' ends.

    Args:
        root: the whole configuration.
    """
    dataset, checkpoint = root.get("dataset") or {}, root.get("checkpoint") or {}
    every, saved = dataset.get("validate_interval_updates") or 0, checkpoint.get("save_interval_updates") or 0
    keeps_none = dataset.get("disable_validation") or checkpoint.get("no_save")
    if every <= 0 or keeps_none or (saved > 0 and every % saved == 0):
        return None
    how_often = f"checkpoint.save_interval_updates={saved}" if saved > 0 else "no checkpoint.save_interval_updates"
    return (
        f"dataset.validate_interval_updates={every} with {how_often}: fairseq takes for the best checkpoint one of "
        f"those that it saves, so that validations at other updates choose nothing; give "
        f"checkpoint.save_interval_updates={every}, and checkpoint.keep_interval_updates=1 to keep but one file of them"
    )
