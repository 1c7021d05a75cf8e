"""Contrastive predictive coding on ECGs: the context of a frame is to predict the frames that follow it.

Source: Mehari & Strodthoff 2022, section 2.2.2, after van den Oord et al. 2018 (https://arxiv.org/abs/1807.03748):
linear predictors without bias, one for each of the twelve frames to come, 128 negatives from the same window, and the
paper's additional hidden layer with ReLU before the predictors.

Differs: neighbouring frames (a quarter of a second at 100 Hz) share one draw of negatives, and so do all predictors,
which makes the scores products of matrices; every window has many draws. A draw is without replacement, and none of
the negatives is the frame that is to be predicted. The public code draws with replacement for each frame anew. It also
has one predictor only, of the twelfth frame, where the paper's words ("12 timesteps") can be read both ways; that is
`first_step=12` here.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.models import register_model
from torch import Tensor, nn

from fairseq_signals.models.ecg_model import ECGModel, ECGModelConfig
from fairseq_signals.modules.negatives import draw_candidates


@dataclass
class ECGCPCConfig(ECGModelConfig):
    """Settings of `ecg_cpc`."""

    encoder: Any = field(
        default="cpc",
        metadata={"help": "encoder: a preset's name, or (yaml) a mapping with _name and the settings that differ"},
    )
    predictor_hidden: int = field(
        default=512, metadata={"help": "units of the hidden layer before the predictors; 0 leaves it out"}
    )
    steps: int = field(default=12, metadata={"help": "how many frames ahead the farthest prediction is"})
    first_step: int = field(
        default=1,
        metadata={
            "help": "how many frames ahead the nearest prediction is; as large as steps predicts that frame alone"
        },
    )
    cpc_negatives: int = field(
        default=128, metadata={"help": "negatives for each prediction, other frames of its window; all if it has fewer"}
    )
    draw_frames: int = field(default=25, metadata={"help": "neighbouring frames that share one draw of negatives"})


@register_model("ecg_cpc", dataclass=ECGCPCConfig)
class ECGCPC(ECGModel):
    """Context and frames of a causal encoder, and the predictors between them."""

    def __init__(self, cfg: ECGCPCConfig):
        super().__init__(cfg)
        self.encoder.require({"frames", "causal"}, by="ecg_cpc")
        _check(cfg)
        width, hidden = self.encoder.dim, cfg.predictor_hidden
        self.hidden = nn.Sequential(nn.Linear(width, hidden), nn.ReLU()) if hidden else nn.Identity()
        self.n_predictors = cfg.steps - cfg.first_step + 1
        self.predict = nn.Linear(hidden or width, self.n_predictors * self.encoder.local_dim, bias=False)

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
            generator: source of the negatives, on the windows' device; None for PyTorch's own.

        Returns:
            A dictionary with

            - `context` `[B, F, H]`, through the hidden layer, and `targets` `[B, F, D]`, the local frames;
            - `predictors` `[S, D, H]`: number `s` maps a context to the frame `first_step + s` later;
            - `first_step`, and `counts` int64 `[B]`: valid frames;
            - `candidates` int64 `[B, G, K + 1]`: frames from which negatives are taken, see `future_contrast`;
            - `embedding` `[B, E]`: pooled context, and `valid` boolean `[B]`: windows with at least one frame.

        Raises:
            ValueError: windows are too short for a prediction.
        """
        local = self.encoder.local(self.prepared(signal, lengths, present), lengths)  # [B, F, D]
        size = local.shape[1]
        if size <= self.cfg.first_step:
            raise ValueError(f"windows must hold more than first_step ({self.cfg.first_step}) frames, got {size}")
        frames = None if lengths is None else self.encoder.frame_counts(lengths)
        context = self.encoder.context(self.encoder.tokens(local), frames=frames)
        counts = torch.full((len(signal),), size, device=signal.device) if frames is None else frames
        draws = -(-size // self.cfg.draw_frames)
        return {
            "context": self.hidden(context),
            "targets": local,
            "predictors": self.predict.weight.view(self.n_predictors, local.shape[2], -1),
            "first_step": self.cfg.first_step,
            "counts": counts,
            "candidates": draw_candidates(counts, size, draws, self.cfg.cpc_negatives + 1, generator),
            "embedding": self.encoder.pool(context, frames),
            "valid": counts > 0,
        }


def _check(cfg: ECGCPCConfig):
    if cfg.predictor_hidden < 0:
        raise ValueError(f"predictor_hidden must be 0 or more, got {cfg.predictor_hidden}")
    for name in ("first_step", "cpc_negatives", "draw_frames"):
        if cfg[name] < 1:
            raise ValueError(f"{name} must be at least 1, got {cfg[name]}")
    if cfg.steps < cfg.first_step:
        raise ValueError(f"steps must be at least first_step ({cfg.first_step}), got {cfg.steps}")
