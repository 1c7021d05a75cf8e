"""An encoder and one linear layer for diagnoses, several of which may apply (Oh et al. 2022, section 4)."""

from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.dataclass import ChoiceEnum
from fairseq.models import register_model
from omegaconf import open_dict
from torch import Tensor

from fairseq_signals.models.downstream import DownstreamConfig, DownstreamModel
from fairseq_signals.modules.heads import LinearHead

HEAD_BIASES = ChoiceEnum(["zero", "prevalence"])


@dataclass
class ECGClassifierConfig(DownstreamConfig):
    """Settings of `ecg_classifier`."""

    n_classes: int = field(default=0, metadata={"help": "number of classes; taken from the manifest"})
    head_bias: HEAD_BIASES = field(
        default="zero",
        metadata={
            "help": "where the head's biases start: zero, or prevalence (log-odds of each class in the training "
            "manifest), which spares a short training the updates of learning them, and the encoder their pull"
        },
    )


@register_model("ecg_classifier", dataclass=ECGClassifierConfig)
class ECGClassifier(DownstreamModel):
    """Mean over the frames of the context, then one linear layer.

    Differs: `head_bias=prevalence` starts the head at the classes' log-odds (Lin et al. 2017, section 3.3, for one
    class). The paper does not say where its head starts. From zero, rare classes are first learned as rare, by weights
    that push every embedding the same way; at the rates of a short training (1e-3) the tiny encoder's layer norms then
    map all windows to one point, and stay there.
    """

    def __init__(self, cfg: ECGClassifierConfig):
        super().__init__(cfg)
        self.head = LinearHead(self.encoder.embedding_dim, cfg.n_classes)

    @classmethod
    def resolve(cls, cfg, task):
        """As for every model; the number of classes is the manifest's."""
        super().resolve(cfg, task)
        with open_dict(cfg):
            cfg.n_classes = len(task.classes)

    def start(self, task):
        """Gives the head its first biases; called for new runs, not for checkpoints."""
        if str(self.cfg.head_bias) == "prevalence":
            with torch.no_grad():
                self.head.bias.copy_(torch.from_numpy(task.prevalence()).clamp(1e-4, 1 - 1e-4).logit())

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
