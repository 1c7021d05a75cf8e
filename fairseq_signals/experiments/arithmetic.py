"""The arithmetic behind one window: which views of it go through which encoder, and what that takes."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fairseq_signals.data.leads import model_leads
from fairseq_signals.encoders import build_encoder, resolve_encoder_for
from fairseq_signals.experiments.defaults import (
    RANDOM,
    is_pretraining,
    section_of,
    setting,
    window_seconds,
)
from fairseq_signals.transforms.views import VIEWS, view_samples


def views_of(config: Mapping[str, Any]) -> tuple[int, int]:
    """Number of views of each window, and samples of each: two halves for `adjacent`, twice the whole for `augment`.

    Crops (a mapping with `seconds`) are padded to the longest of them, so each costs as much as that.

    Raises:
        ValueError: unknown views.
    """
    rate, seconds = setting(config, "task", "rate"), window_seconds(config)
    views = setting(config, "task", "views") if is_pretraining(config) else "single"
    if not isinstance(views, Mapping) and views not in VIEWS:
        raise ValueError(f"task.views must be one of {', '.join(VIEWS)} or crops, got {views!r}")
    samples = view_samples(views, seconds, rate)
    return len(samples), max(samples)


def encoder_settings(config: Mapping[str, Any], pretrained: "Mapping | None" = None) -> dict[str, Any]:
    """Every setting of the encoder that a training builds.

    Args:
        config: of the training.
        pretrained: of the pre-training, asked for where `config` names no encoder of its own.

    Raises:
        ValueError: no encoder is named, an unknown one, or one of another rate or number of leads.
    """
    leads = model_leads(setting(config, "task", "leads"), setting(config, "task", "drop_leads"))
    rate = float(setting(config, "task", "rate"))
    return resolve_encoder_for(_encoder(config, pretrained), rate, len(leads))


def starts_elsewhere(config: Mapping[str, Any]) -> bool:
    """Whether the encoder is that of a checkpoint from outside the study, which alone knows its settings."""
    model = section_of(config, "model")
    return not _is_named(model.get("encoder")) and model.get("pretrained") not in (None, RANDOM, "???")


def _is_named(encoder: Any) -> bool:
    return isinstance(encoder, str) or "_name" in (encoder or {})


def _encoder(config: Mapping[str, Any], pretrained: "Mapping | None") -> Any:
    if is_pretraining(config):
        return setting(config, "model", "encoder")
    model = section_of(config, "model")
    encoder = model.get("encoder")
    if _is_named(encoder):
        return encoder
    if pretrained is None or model.get("pretrained") == RANDOM:
        start = "a random start" if pretrained is not None else "a start without a known pre-training"
        raise ValueError(f"model.encoder must be named for {start}, got {encoder!r}")
    return {**encoder_settings(pretrained), **(encoder or {})}


def forward_flops(encoder: Mapping[str, Any], samples: int) -> int:
    """Floating-point operations of one view's way through an encoder, two per multiplication with addition.

    Counted on PyTorch's meta device, which computes nothing and takes no memory. There, unlike on a processor,
    attention and recurrent layers fall into the matrix products that are counted.

    Args:
        encoder: every setting, from `encoder_settings`.
        samples: of the view.
    """
    return _forward_flops(json.dumps(dict(encoder), sort_keys=True), samples)


@cache
def _forward_flops(encoder: str, samples: int) -> int:
    with torch.device("meta"):
        network = build_encoder(json.loads(encoder)).eval()
        signal = torch.zeros(1, network.leads, samples)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        network(signal)
    return counter.get_total_flops()
