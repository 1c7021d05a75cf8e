"""What a training costs, before it is run: updates, windows, arithmetic and, from that, hours."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairseq_signals.experiments.arithmetic import encoder_settings, forward_flops, views_of
from fairseq_signals.experiments.defaults import section_of, setting, window_samples
from fairseq_signals.experiments.machines import machine_of


@dataclass(frozen=True)
class Cost:
    """What a training comes to.

    Attributes:
        updates: steps of the optimiser.
        windows: windows that the loader cuts, over all epochs and ranks.
        flops: floating-point operations of the encoder over all of them, see `training_cost`.
    """

    updates: int
    windows: int
    flops: int


def training_cost(config: Mapping[str, Any], windows_per_epoch: int, pretrained: "Mapping | None" = None) -> Cost:
    """Updates, windows and operations of a training.

    The operations are an estimate: those of the encoder's matrix products, convolutions and attention, forward, as
    counted by PyTorch, and twice as many for backward (none while a task keeps it frozen). Left out are heads,
    quantizer, negatives, losses, transforms, momentum copies, decoders, optimiser and validation; norms and activations
    count nothing anywhere. An encoder that sees a share of its tokens alone (MAE) is counted by that share, which its
    attention falls below. The rates of `machines` are made for this count.

    Args:
        config: of the training, from `composition.compose_recipe`.
        windows_per_epoch: windows that the loader cuts from the training subset, see `epochs.windows_per_epoch`.
        pretrained: configuration of the pre-training, where the encoder comes from its checkpoint.

    Raises:
        ValueError: the training has no end, no batch size or no encoder, or a setting is not as it must be.
    """
    updates, windows = updates_and_windows(config, windows_per_epoch)
    views, samples = views_of(config)
    forward = views * forward_flops(encoder_settings(config, pretrained), samples)
    frozen = setting(config, "model", "freeze_updates")
    frozen = windows if frozen < 0 else min(windows, frozen * global_batch(config))
    seen = 1.0 - section_of(config, "model").get("masked_share", 0.0)
    return Cost(updates, windows, round(seen * forward * (3 * windows - 2 * frozen)))


def estimated_hours(cost: Cost, machine: str, gpus: int = 1) -> float:
    """Hours that a training is estimated to take: its operations by the machine's sustained rate.

    An estimate, and no better than the rate's basis, which `machines.MACHINES` gives for each: "measured",
    "from the paper" or "arithmetic". It takes several devices to be as many times as fast, and knows nothing of small
    batches, which leave a GPU idle.

    Args:
        cost: from `training_cost`.
        machine: a name of `machines.MACHINES`.
        gpus: number of such devices (of cores for `cpu_core`).

    Raises:
        ValueError: unknown machine, or no device.
    """
    if gpus < 1:
        raise ValueError(f"gpus must be 1 or more, got {gpus}")
    return cost.flops / (machine_of(machine).tflops * 1e12 * gpus) / 3600


def global_batch(config: Mapping[str, Any]) -> int:
    """Windows of the loader behind one update: batch size x world size x micro-batches.

    Raises:
        ValueError: neither `batch_size` nor enough `max_tokens` is given, or micro-batches change between epochs.
    """
    return _windows_at_once(config) * _micro_batches(config)


def _windows_at_once(config: Mapping[str, Any]) -> int:
    size, tokens = setting(config, "dataset", "batch_size"), setting(config, "dataset", "max_tokens")
    size = size or (tokens or 0) // window_samples(config)
    if size < 1:
        raise ValueError(f"dataset.batch_size must be given, or max_tokens of a window or more, got {size}, {tokens}")
    return size * setting(config, "distributed_training", "distributed_world_size")


def _micro_batches(config: Mapping[str, Any]) -> int:
    count = setting(config, "optimization", "update_freq")
    if not isinstance(count, list) or len(count) != 1 or not isinstance(count[0], int) or count[0] < 1:
        raise ValueError(f"optimization.update_freq must hold one whole number, 1 or more, got {count!r}")
    return count[0]


def updates_and_windows(config: Mapping[str, Any], windows_per_epoch: int) -> tuple[int, int]:
    """Updates until the training's end, and windows that they see; the last update of an epoch may see fewer.

    Args:
        config: of the training; `max_epoch` and `max_update` end it, whichever comes first, and 0 is no end.
        windows_per_epoch: windows of the training subset.

    Raises:
        ValueError: there is no end, no window, or no whole update where remainders are skipped.
    """
    if windows_per_epoch < 1:
        raise ValueError(f"windows per epoch must be 1 or more, got {windows_per_epoch}")
    batch, micro_batches = global_batch(config), math.ceil(windows_per_epoch / _windows_at_once(config))
    skip = setting(config, "optimization", "skip_remainder_batch")
    per_epoch = micro_batches // _micro_batches(config) if skip else math.ceil(windows_per_epoch / batch)
    epochs, limit = setting(config, "optimization", "max_epoch"), setting(config, "optimization", "max_update")
    ends = [end for end in (epochs * per_epoch, limit) if end > 0]
    if not ends or not per_epoch:
        raise ValueError(
            f"training must have an end and an update per epoch, got max_epoch {epochs}, max_update {limit} and "
            f"{per_epoch} updates per epoch"
        )
    whole, rest = divmod(min(ends), per_epoch)
    return min(ends), whole * min(windows_per_epoch, per_epoch * batch) + rest * batch
