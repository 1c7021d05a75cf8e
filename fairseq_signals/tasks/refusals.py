"""What stops a run early, because fairseq would go wrong later and without a word."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode

from fairseq_signals.models.parameter_groups import DEFAULT, PARTS
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


def refuse_useless_groups(root: Mapping[str, Any]):
    """Stops a run with the optimiser `composite` where its groups' rates would not hold, or the run could not go on.

    fairseq gives all groups one rate under any schedule but `pass_through`; its flat fp16 copy and its mixed precision
    (amp) know no groups; a checkpoint of its memory-efficient fp16 and bf16 cannot be resumed with groups.

    Args:
        root: the whole configuration.

    Raises:
        ValueError: names what to choose instead.
    """
    optimizer, common = root.get("optimizer"), root.get("common") or {}
    if getattr(optimizer, "_name", None) != "composite":
        return
    schedule = root.get("lr_scheduler")
    schedule = schedule if isinstance(schedule, str) else getattr(schedule, "_name", None)
    if schedule != "pass_through":
        raise ValueError(
            f"lr_scheduler must be pass_through with the optimizer composite, whose groups have theirs, got {schedule}"
        )
    if common.get("memory_efficient_fp16") or common.get("memory_efficient_bf16") or common.get("amp"):
        raise ValueError(
            "precision must be fp32, bf16, or fp16 with common.fp16_no_flatten_grads=true for the optimizer composite, "
            "got amp, memory_efficient_fp16 or memory_efficient_bf16"
        )
    if common.get("fp16") and not common.get("fp16_no_flatten_grads"):
        raise ValueError("common.fp16_no_flatten_grads must be true for the optimizer composite under fp16, got false")
    _refuse_missing_groups(optimizer.groups, root.get("model"))


def _refuse_missing_groups(groups: Mapping[str, Any], model: Any):
    layered = getattr(model, "freeze_updates", -1) >= 0  # of an encoder that is never trained, no part is asked for
    missing = [name for name in ((*PARTS, DEFAULT) if layered else (DEFAULT,)) if name not in groups]
    if missing:
        raise ValueError(
            f"groups of the optimizer composite must be {', '.join(PARTS)} (of the encoder) and {DEFAULT} (the rest), "
            f"got none named {', '.join(missing)}"
        )
    for name, group in groups.items():
        rate = group.get("lr_float") or (group.get("optimizer") or {}).get("lr")
        if not (rate and group.get("optimizer") and group.get("lr_scheduler")):
            raise ValueError(f"group {name} of the optimizer composite must have lr_float, optimizer and lr_scheduler")


def refuse_shared_folder(folder: Path):
    """Stops the jobs of a Hydra multirun that would write their checkpoints into one folder.

    They run in one working directory, and fairseq goes on from the `checkpoint_last.pt` that it finds: every job after
    the first would resume the first one's training, and none would be the one that was asked for. Processes that
    fairseq itself starts for further GPUs are not told of the multirun, and are not stopped.

    Args:
        folder: of the run's checkpoints.

    Raises:
        ValueError: the folder does not lie in the job's own.
    """
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return
    own = Path(HydraConfig.get().runtime.output_dir)
    if not folder.absolute().is_relative_to(own):
        raise ValueError(
            f"checkpoint.save_dir must lie in a multirun job's own folder ({own}), else jobs resume each other, got "
            f"{folder}; give 'checkpoint.save_dir=${{hydra:runtime.output_dir}}', and hydra.sweep.dir=… to say where"
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

    Not those of an encoder that is frozen for good (`freeze_updates=-1`), which the optimiser is not given.

    Raises:
        ValueError: the encoder is frozen for a while, and would shrink all the same.
    """
    if not getattr(model, "encoder_frozen", False) or not hasattr(optimizer, "fp32_params"):
        return
    if not any(parameter.requires_grad for parameter in model.encoder.parameters()):
        return
    if any(group.get("weight_decay", 0) for group in optimizer.param_groups):
        raise ValueError(
            "weight decay must be 0 while the encoder is frozen under fp16 or bf16, where fairseq's flat copy of the "
            "parameters decays whole; give --weight-decay 0, or memory_efficient_fp16/memory_efficient_bf16"
        )
