"""Networks that turn a signal into frames and an embedding; they never see a loss."""

from collections.abc import Mapping
from typing import Any

from fairseq_signals.modules.registry import Registry

ENCODERS = Registry("encoder", __name__)
register_encoder = ENCODERS.register


def resolve_encoder(spec: "str | Mapping", **known: Any) -> dict[str, Any]:
    """Every setting of an encoder, from a preset's name or a mapping; see `Registry.resolve`."""
    return ENCODERS.resolve(spec, **known)


def resolve_encoder_for(spec: "str | Mapping", input_rate: float, input_leads: int) -> dict[str, Any]:
    """Every setting of an encoder that takes a task's input.

    Args:
        spec: a name, or a mapping with `_name` and the settings that differ.
        input_rate: samples per second (Hz) of the task.
        input_leads: number of its leads.

    Raises:
        ValueError: unknown name or setting, or an encoder of another rate or number of leads.
    """
    known = {"input_rate": input_rate, "input_leads": input_leads}
    encoder = resolve_encoder(spec, **known)
    for name, value in known.items():
        if encoder[name] != value:
            raise ValueError(f"{name} of the encoder must be the task's ({value}), got {encoder[name]}")
    return encoder


def build_encoder(name: "str | Mapping", **settings: Any):
    """Any encoder by name.

    Args:
        name: a preset (`wav2vec2_base`), or a mapping with `_name` as saved in a checkpoint.
        settings: what differs from the preset (`input_rate=100`, `input_leads=2`).

    Returns:
        An `Encoder`.

    Raises:
        ValueError: unknown name or setting, with the known ones.
    """
    spec = {"_name": name, **settings} if isinstance(name, str) else {**name, **settings}
    return ENCODERS.build(spec)
