"""wav2vec 2.0 pre-training on ECG windows: masked frames are to be told from other frames of their window.

Source: Oh et al. 2022, section 3.1 and 5.2; Baevski et al. 2020.

Differs: negatives are scored by one product of all frames with all targets of a window, from which the drawn ones
are gathered, instead of gathering vectors first; the numbers are the same.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from fairseq.models import register_model, register_model_architecture
from torch import Tensor, nn

from fairseq_signals.models.ecg_model import ECGModel, ECGModelConfig
from fairseq_signals.modules.masking import draw_fixed_starts, draw_starts, span_mask
from fairseq_signals.modules.negatives import draw_negatives
from fairseq_signals.modules.pooling import valid_frames
from fairseq_signals.modules.quantizer import GumbelQuantizer, annealed_temperature


@dataclass
class ECGWav2Vec2Config(ECGModelConfig):
    """Settings of `ecg_wav2vec2`."""

    span_probability: float = field(
        default=0.065, metadata={"help": "probability of each frame to start a masked span; 0 masks nothing"}
    )
    span_frames: int = field(default=10, metadata={"help": "frames per masked span"})
    span_count_fixed: bool = field(
        default=False, metadata={"help": "fix the number of spans per window, as fairseq's own mask function does"}
    )
    negatives: int = field(
        default=100, metadata={"help": "negatives per masked frame; 0 takes all other masked frames of the window"}
    )
    code_groups: int = field(default=2, metadata={"help": "groups of the quantizer"})
    codes_per_group: int = field(default=320, metadata={"help": "codes in each group"})
    target_dim: int = field(
        default=256, metadata={"help": "width of quantized targets and of what is compared to them"}
    )
    code_temperature_start: float = field(default=2.0, metadata={"help": "Gumbel temperature at the first update"})
    code_temperature_end: float = field(default=0.5, metadata={"help": "Gumbel temperature never falls below this"})
    code_temperature_decay: float = field(default=0.999995, metadata={"help": "its factor per update"})
    target_dropout: float = field(default=0.1, metadata={"help": "dropout on the frames that are quantized"})


@register_model("ecg_wav2vec2", dataclass=ECGWav2Vec2Config)
class ECGWav2Vec2(ECGModel):
    """Masks tokens of the encoder and compares its context with quantized frames."""

    def __init__(self, cfg: ECGWav2Vec2Config):
        super().__init__(cfg)
        self.encoder.require({"frames", "masking"}, by="ecg_wav2vec2")
        local, dim = self.encoder.local_dim, self.encoder.dim
        self.mask_token = nn.Parameter(torch.empty(dim).uniform_(), requires_grad=cfg.span_probability > 0)
        self.quantizer = GumbelQuantizer(local, cfg.code_groups, cfg.codes_per_group, cfg.target_dim)
        self.project_target = nn.Linear(cfg.target_dim, cfg.target_dim)
        self.project_context = nn.Linear(dim, cfg.target_dim)
        self.set_num_updates(0)

    def set_num_updates(self, num_updates: int):
        """Sets the Gumbel temperature, which depends on nothing but the number of updates."""
        super().set_num_updates(num_updates)
        cfg = self.cfg
        self.quantizer.temperature = annealed_temperature(
            num_updates, cfg.code_temperature_start, cfg.code_temperature_end, cfg.code_temperature_decay
        )

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """Named outputs for windows `[B, L, T]` in millivolts.

        Args:
            signal: windows, mV.
            lengths: number of valid samples `[B]`, None where no window is padded.
            present: boolean `[B, L]`, leads that exist.
            generator: source of masks, negatives and Gumbel noise, on the windows' device; None draws no Gumbel noise
                and takes masks and negatives from PyTorch's own generator.

        Returns:
            A dictionary with

            - `context`, `targets` `[B, F, D]`, projected, and `codes` int64 `[B, F, G]` of the targets;
            - `chosen` boolean `[B, F]`: frames whose target is to be found: the masked ones, or all valid ones where
              nothing is masked;
            - `negatives` int64 `[B, F, K]`, or None for all other chosen frames;
            - `probability_sum`, `code_counts` `[G, V]` and `code_count`, see `Quantized`;
            - `penalty_sum`, `penalty_count`: squares of the local frames, and how many they are;
            - `embedding` `[B, E]`: pooled context, and `valid` boolean `[B]`: windows with at least one frame;
            - `code_temperature`.
        """
        local = self.encoder.local(self.prepared(signal, lengths, present), lengths)  # [B, F, D_local]
        frames = None if lengths is None else self.encoder.frame_counts(lengths)
        valid = self._valid(local, frames)
        mask = self._mask(local, frames, generator)
        tokens = self.encoder.tokens(local)
        if mask is not None:
            tokens = torch.where(mask.unsqueeze(2), self.mask_token.to(tokens.dtype), tokens)
        context = self.encoder.context(tokens, frames=frames)
        chosen = valid if mask is None else mask
        features = F.dropout(self.encoder.local_norm(local), self.cfg.target_dropout, self.training)
        quantized = self.quantizer(features, chosen, generator)
        penalty = local.float().square() * valid.unsqueeze(2)
        return {
            "context": self.project_context(context),
            "targets": self.project_target(quantized.values),
            "codes": quantized.codes,
            "chosen": chosen,
            "negatives": self._negatives(chosen, generator),
            "probability_sum": quantized.probability_sum,
            "code_counts": quantized.code_counts,
            "code_count": quantized.count,
            "penalty_sum": penalty.sum(),
            "penalty_count": valid.sum() * local.shape[2],
            "embedding": self.encoder.pool(context, frames),
            "valid": valid.any(dim=1),
            "code_temperature": self.quantizer.temperature,
        }

    def _valid(self, local: Tensor, frames: Tensor | None) -> Tensor:
        if frames is None:
            return torch.ones(local.shape[:2], dtype=torch.bool, device=local.device)
        return valid_frames(frames, local.shape[1])

    def _mask(self, local: Tensor, frames: Tensor | None, generator: torch.Generator | None) -> Tensor | None:
        cfg = self.cfg
        if cfg.span_probability == 0:
            return None
        shape, device = tuple(local.shape[:2]), local.device
        if cfg.span_count_fixed:
            starts = draw_fixed_starts(shape, cfg.span_probability, cfg.span_frames, generator, device, frames)
        else:
            starts = draw_starts(shape, cfg.span_probability, generator, device)
        return span_mask(starts, cfg.span_frames, frames)

    def _negatives(self, chosen: Tensor, generator: torch.Generator | None) -> Tensor | None:
        return draw_negatives(chosen, self.cfg.negatives, generator) if self.cfg.negatives else None


def _architecture(name: str):
    @register_model_architecture("ecg_wav2vec2", f"ecg_{name}")
    def choose(args):
        args.encoder = getattr(args, "encoder", None) or name


for _preset in ("wav2vec2_tiny", "wav2vec2_small", "wav2vec2_base"):
    _architecture(_preset)
