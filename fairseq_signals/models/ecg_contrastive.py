"""An encoder and an optional projection head, for objectives that compare whole windows: CMSC, SimCLR, 3KG."""

from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.models import register_model
from torch import Tensor, nn

from fairseq_signals.models.ecg_model import ECGModel, ECGModelConfig
from fairseq_signals.modules.heads import ProjectionHead


@dataclass
class ECGContrastiveConfig(ECGModelConfig):
    """Settings of `ecg_contrastive`."""

    projection_hidden: int = field(
        default=0,
        metadata={
            "help": "hidden units of the projection head; 0 (ecg_contrastive) compares the embeddings themselves"
        },
    )
    projection_dim: int = field(default=128, metadata={"help": "outputs of the projection head"})


@register_model("ecg_contrastive", dataclass=ECGContrastiveConfig)
class ECGContrastive(ECGModel):
    """One vector per window."""

    def __init__(self, cfg: ECGContrastiveConfig):
        super().__init__(cfg)
        hidden, outputs = cfg.projection_hidden, cfg.projection_dim
        self.project = ProjectionHead(self.encoder.embedding_dim, hidden, outputs) if hidden else nn.Identity()

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """`embedding` `[B, D]` and `valid` boolean `[B]`: windows that hold at least one frame."""
        embedding = self.project(self.embed(signal, lengths, present))
        return {"embedding": embedding, "valid": self.valid_windows(signal, lengths)}
