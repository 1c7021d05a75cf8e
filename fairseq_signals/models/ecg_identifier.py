"""An encoder and one weight vector per identity, for ArcFace (Oh et al. 2022, section 4 and appendix A)."""

from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.models import register_model
from omegaconf import open_dict
from torch import Tensor

from fairseq_signals.models.downstream import DownstreamConfig, DownstreamModel
from fairseq_signals.modules.heads import CosineHead


@dataclass
class ECGIdentifierConfig(DownstreamConfig):
    """Settings of `ecg_identifier`."""

    n_identities: int = field(default=0, metadata={"help": "number of identities; taken from the training manifest"})


@register_model("ecg_identifier", dataclass=ECGIdentifierConfig)
class ECGIdentifier(DownstreamModel):
    """Embeddings whose cosine tells patients apart; the class weights serve training only."""

    def __init__(self, cfg: ECGIdentifierConfig):
        super().__init__(cfg)
        self.head = CosineHead(self.encoder.embedding_dim, cfg.n_identities)

    @classmethod
    def resolve(cls, cfg, task):
        """As for every model; the number of identities is the training manifest's."""
        super().resolve(cfg, task)
        with open_dict(cfg):
            cfg.n_identities = task.count_identities()

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """`embedding` `[B, E]` and, in training, `cosines` `[B, C]` to the identities' weights."""
        embedding = self.embed(signal, lengths, present)
        return {"embedding": embedding, "cosines": self.head(embedding) if self.training else None}
