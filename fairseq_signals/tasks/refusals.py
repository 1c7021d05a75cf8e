"""What stops a run early, because fairseq would go wrong later and without a word."""

from argparse import Namespace
from pathlib import Path

from fairseq_signals.modules.checkpoint import is_whole, newest_whole, read_checkpoint


def refuse_legacy_parts(root):
    """Stops a run with a part of fairseq that predates its configuration, such as the optimiser `sgd`.

    fairseq would save a Python object for it, and no such checkpoint loads safely.

    Raises:
        ValueError: names the part.
    """
    for kind in root:
        if isinstance(root[kind], Namespace):
            raise ValueError(
                f"{kind} must be one whose settings are plain values, which a checkpoint can hold (adam or nag among "
                f"the optimisers), got {root[kind]._name}"
            )


def refuse_torn_checkpoint(folder: Path, restore_file: str):
    """Stops a start from a checkpoint that a kill cut short or that would run code.

    Args:
        folder: of the run's checkpoints.
        restore_file: fairseq's option: `checkpoint_last.pt` in that folder, or a path.

    Raises:
        ValueError: names the newest whole checkpoint to go on from.
    """
    path = folder / restore_file if restore_file == "checkpoint_last.pt" else Path(restore_file)
    if not path.is_file():
        return
    if is_whole(path):
        read_checkpoint(path)
        return
    whole = newest_whole(folder)
    way = f"delete it and go on with --restore-file {whole}" if whole else "delete it to start anew"
    raise ValueError(f"{path.name} must be a whole file, but writing it was cut short ({path}): {way}")


def refuse_decay_of_frozen(optimizer, model):
    """Under flat fp16 or bf16 copies, weight decay reaches parameters that have no gradient.

    Raises:
        ValueError: the encoder is frozen, and would shrink all the same.
    """
    if not getattr(model, "encoder_frozen", False) or not hasattr(optimizer, "fp32_params"):
        return
    if any(group.get("weight_decay", 0) for group in optimizer.param_groups):
        raise ValueError(
            "weight decay must be 0 while the encoder is frozen under fp16 or bf16, where fairseq's flat copy of the "
            "parameters decays whole; give --weight-decay 0, or memory_efficient_fp16/memory_efficient_bf16"
        )
