"""BYOL: an encoder predicts, from one view of a window, what a slow copy of it makes of the other view.

Source: Grill et al. 2020 (https://arxiv.org/abs/2006.07733), section 3; used by Mehari & Strodthoff 2022
(https://arxiv.org/abs/2103.12676), whose public code has heads of 512 hidden units and 16 outputs.

Differs: both views pass the networks together, so that batch norm in an encoder takes its statistics over both; batch
norm in the heads takes them over the windows of all ranks, as the authors of BYOL did.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.models import register_model
from omegaconf import open_dict
from torch import Tensor

from fairseq_signals.models.ecg_model import ECGModel, ECGModelConfig
from fairseq_signals.modules.momentum_copy import MomentumCopy, cosine_momentum
from fairseq_signals.modules.projection import BatchNormProjection


@dataclass
class ECGBYOLConfig(ECGModelConfig):
    """Settings of `ecg_byol`; the predictor has the projection's sizes, whose defaults are those of Grill et al."""

    projection_hidden: int = field(
        default=4096,
        metadata={
            "help": "hidden units of the projection head; 0 (ecg_contrastive) compares the embeddings themselves"
        },
    )
    projection_dim: int = field(default=256, metadata={"help": "outputs of the projection head"})
    momentum_start: float = field(
        default=0.996, metadata={"help": "momentum of the copy at the first update, from which it rises to 1"}
    )
    momentum_updates: int = field(
        default=0, metadata={"help": "updates until the momentum is 1; 0 takes optimization.max_update"}
    )


@register_model("ecg_byol", dataclass=ECGBYOLConfig)
class ECGBYOL(ECGModel):
    """Encoder, projection and predictor, and a momentum copy of the first two."""

    def __init__(self, cfg: ECGBYOLConfig):
        super().__init__(cfg)
        hidden, outputs = cfg.projection_hidden, cfg.projection_dim
        self.project = BatchNormProjection(self.encoder.embedding_dim, hidden, outputs)
        self.predict = BatchNormProjection(outputs, hidden, outputs)
        self.target_encoder = MomentumCopy(self.encoder)
        self.target_project = MomentumCopy(self.project)

    @classmethod
    def resolve(cls, cfg, task):
        """As for every model; the momentum's schedule lasts as long as the training unless it is given.

        Raises:
            ValueError: neither says how long.
        """
        super().resolve(cfg, task)
        root = cfg._get_parent()
        updates = cfg.momentum_updates or (0 if root is None else root.optimization.max_update)
        if updates <= 0:
            raise ValueError(
                "momentum_updates must be the number of updates over which the momentum of ecg_byol rises to 1, or "
                f"optimization.max_update must be set, got {cfg.momentum_updates} and no max_update"
            )
        with open_dict(cfg):
            cfg.momentum_updates = int(updates)

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """Named outputs for windows `[B, L, T]` in millivolts.

        Returns:
            A dictionary with `projection`, `prediction` `[B, D]` and, without gradients, `target` `[B, D]`; `embedding`
            `[B, E]`; and `valid` boolean `[B]`: windows that hold at least one frame.
        """
        signal = self.prepared(signal, lengths, present)
        valid = self.valid_windows(signal, lengths)
        embedding = self.encoder(signal, lengths, present)
        projection = self.project(embedding, valid)
        return {
            "embedding": embedding,
            "projection": projection,
            "prediction": self.predict(projection, valid),
            "target": self.target_project(self.target_encoder(signal, lengths, present), valid),
            "valid": valid,
        }

    def after_update(self, update_num: int):
        """The copies follow, with the momentum of update `update_num`, counted from 0."""
        momentum = cosine_momentum(update_num, self.cfg.momentum_start, self.cfg.momentum_updates)
        self.target_encoder.advance(self.encoder, momentum)
        self.target_project.advance(self.project, momentum)
