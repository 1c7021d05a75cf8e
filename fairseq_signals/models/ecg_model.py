"""What all models share: an encoder and its preprocessing, both resolved once and saved with the checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from fairseq.dataclass import FairseqDataclass
from fairseq.models import BaseFairseqModel
from omegaconf import OmegaConf, open_dict
from torch import Tensor

from fairseq_signals.data.leads import STANDARD_LEADS, model_leads
from fairseq_signals.encoders import build_encoder, resolve_encoder_for
from fairseq_signals.modules.preprocess import Preprocess, PreprocessSettings


@dataclass
class ECGModelConfig(FairseqDataclass):
    """Settings of every model."""

    encoder: Any = field(
        default="wav2vec2_base",
        metadata={"help": "encoder: a preset's name, or (yaml) a mapping with _name and the settings that differ"},
    )
    preprocess: Any = field(
        default="none",
        metadata={
            "help": "what the model does to every window before its encoder: none, window (z-score of each lead), or "
            "(yaml) a mapping with normalise, mean, deviation, low_hz, high_hz, order"
        },
    )


def plain(node: Any) -> Any:
    """Plain containers instead of OmegaConf's."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def resolve_preprocess(spec: Any) -> dict[str, Any]:
    """Every setting of the preprocessing, from a word or a mapping.

    Raises:
        ValueError: unknown word or setting, with the known ones.
    """
    settings = {"normalise": spec} if isinstance(spec, str) else dict(spec or {})
    unknown = sorted(set(settings) - set(PreprocessSettings.__dataclass_fields__))
    if unknown:
        known = ", ".join(PreprocessSettings.__dataclass_fields__)
        raise ValueError(f"settings of preprocess must be among {known}, got {', '.join(unknown)}")
    return asdict(PreprocessSettings(**settings))


def encoder_leads(task: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the leads that an encoder is built for, from a task's settings: the twelve, unless some are dropped."""
    return model_leads(task["leads"], task["drop_leads"])


def refuse_other_leads(encoder: Sequence[str], task: Sequence[str], where: Any):
    """Nothing, where an encoder and its task have the same leads; weights fit any leads of the same number.

    Raises:
        ValueError: they differ; names both.
    """
    if list(encoder) != list(task):
        raise ValueError(
            f"leads of the task must be those that the encoder was trained on, {_named(encoder)}, got {_named(task)}; "
            f"choose an encoder of the task's leads, or the encoder's leads and drop_leads for the task ({where})"
        )


def _named(leads: Sequence[str]) -> str:
    return f"{', '.join(leads)} ({'drop_leads' if len(leads) < len(STANDARD_LEADS) else 'none dropped'})"


class ECGModel(BaseFairseqModel):
    """Preprocessing and an encoder; methods and tasks add their heads."""

    def __init__(self, cfg: ECGModelConfig):
        """Args: `cfg` as `resolve` left it."""
        super().__init__()
        self.cfg = cfg
        self.encoder = build_encoder(plain(cfg.encoder))
        settings = PreprocessSettings(**plain(cfg.preprocess))
        self.preprocess = Preprocess(settings, self.encoder.rate, self.encoder.leads)

    @classmethod
    def resolve(cls, cfg, task):
        """Writes every setting of encoder and preprocessing into `cfg`, which the checkpoint keeps.

        Args:
            cfg: the model's configuration, changed in place.
            task: knows the `rate` and the number of `input_leads`.
        """
        encoder = resolve_encoder_for(plain(cfg.encoder), float(task.cfg.rate), task.input_leads)
        with open_dict(cfg):
            cfg.encoder = encoder
            cfg.preprocess = resolve_preprocess(plain(cfg.preprocess))

    @classmethod
    def build_model(cls, cfg, task):
        """The model; fairseq calls this with what `resolve` wrote."""
        return cls(cfg)

    def prepared(self, signal: Tensor, lengths: Tensor | None, present: Tensor | None) -> Tensor:
        """Preprocessed windows in the encoder's precision; the preprocessing itself runs in float32."""
        return self.preprocess(signal, lengths, present).to(next(self.encoder.parameters()).dtype)

    def embed(self, signal: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Embeddings `[B, E]` of windows `[B, L, T]` in millivolts."""
        return self.encoder(self.prepared(signal, lengths, present), lengths, present)

    def valid_windows(self, signal: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Which windows `[B, L, T]` hold at least one frame of the encoder: boolean `[B]`."""
        valid = torch.ones(len(signal), dtype=torch.bool, device=signal.device)
        return valid if lengths is None else self.encoder.frame_counts(lengths) > 0

    def max_positions(self):
        """No limit that fairseq would have to know: windows have the length that the task gives."""
        return None

    def get_normalized_probs(self, net_output, log_probs, sample=None):
        """Unused by ECG criterions; fairseq's base class asks for it."""
        raise TypeError("ECG models give named outputs, not token probabilities")
