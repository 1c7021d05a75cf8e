"""An encoder and one linear layer for diagnoses, several of which may apply (Oh et al. 2022, section 4)."""

from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.models import register_model
from omegaconf import open_dict
from torch import Tensor

from fairseq_signals.models.downstream import DownstreamConfig, DownstreamModel
from fairseq_signals.modules.heads import LinearHead


@dataclass
class ECGClassifierConfig(DownstreamConfig):
    """Settings of `ecg_classifier`."""

    n_classes: int = field(default=0, metadata={"help": "number of classes; taken from the manifest"})


@register_model("ecg_classifier", dataclass=ECGClassifierConfig)
class ECGClassifier(DownstreamModel):
    """Mean over the frames of the context, then one linear layer."""

    def __init__(self, cfg: ECGClassifierConfig):
        super().__init__(cfg)
        self.head = LinearHead(self.encoder.embedding_dim, cfg.n_classes)

    @classmethod
    def resolve(cls, cfg, task):
        """As for every model; the number of classes is the manifest's."""
        super().resolve(cfg, task)
        with open_dict(cfg):
            cfg.n_classes = len(task.classes)

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """`logits` `[B, C]` and `embedding` `[B, E]` of windows `[B, L, T]` in millivolts."""
        embedding = self.embed(signal, lengths, present)
        return {"logits": self.head(embedding), "embedding": embedding}
