"""A head that was trained before, for the second step of a fine-tuning in two."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairseq_signals.data.number_rules import class_names

MODEL = "ecg_classifier"


def head_settings(saved: Mapping[str, Any], classes: list[str], where: str | Path) -> dict[str, Any]:
    """Settings of a checkpoint's head, `head_hidden`, `head_dropout` and `head_norm`.

    Args:
        saved: the checkpoint, see `modules.checkpoint.read_checkpoint`.
        classes: what those of the task are called, in its order.
        where: the checkpoint's path.

    Raises:
        ValueError: there is no head for diagnosis, or one for other classes or another order of them.
    """
    model, tensors = saved["cfg"]["model"], saved["model"]
    if model["_name"] != MODEL or not any(name.startswith("head.") for name in tensors):
        raise ValueError(
            f"checkpoint must hold a trained head for diagnosis ({MODEL}) with pretrained_head, got one of "
            f"{model['_name']} ({where})"
        )
    refuse_other_classes(class_names([str(code) for code in saved["cfg"]["task"]["classes"]]), classes, where)
    return {name: model.get(name) for name in ("head_hidden", "head_dropout", "head_norm")}


def refuse_other_classes(head: list[str], task: list[str], where: str | Path):
    """Nothing, where a head and its task have the same classes in the same order.

    Raises:
        ValueError: they differ; names what differs.
    """
    if head == task:
        return
    lacking, surplus = [c for c in head if c not in task], [c for c in task if c not in head]
    parts = [f"without {', '.join(lacking)}"] if lacking else []
    parts += [f"with {', '.join(surplus)} besides"] if surplus else []
    if not parts:
        place = next(n for n, (one, two) in enumerate(zip(head, task, strict=True)) if one != two)
        parts = [f"{task[place]} in place {place + 1}, where the head has {head[place]}"]
    raise ValueError(
        f"classes of the task must be those of the pre-trained head in its order ({len(head)}), got {len(task)} "
        f"{' and '.join(parts)} ({where})"
    )
