"""Networks that turn a signal into frames and an embedding; they never see a loss."""

from collections.abc import Mapping
from typing import Any

from fairseq_signals.modules.registry import Registry

ENCODERS = Registry("encoder", __name__)
register_encoder = ENCODERS.register


def resolve_encoder(spec: "str | Mapping", **known: Any) -> dict[str, Any]:
    """Every setting of an encoder, from a preset's name or a mapping; see `Registry.resolve`."""
    return ENCODERS.resolve(spec, **known)


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
