"""An encoder and a head for diagnoses, several of which may apply.

One linear layer (Oh et al. 2022, section 4; linear evaluation in Mehari & Strodthoff 2022, section 2.4), behind a layer
norm (Sawano et al. 2022), or with one hidden layer before it (Mehari & Strodthoff's fine-tuning; Nakamoto et al. 2022).
"""

from dataclasses import dataclass, field
from typing import Any, Optional

import torch
from fairseq.dataclass import ChoiceEnum
from fairseq.models import register_model
from torch import Tensor

from fairseq_signals.models.downstream import DownstreamConfig, DownstreamModel
from fairseq_signals.models.pretrained_head import head_settings
from fairseq_signals.modules.heads import classification_head, usual_dropout, usual_norm

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
    head_hidden: Optional[int] = field(
        default=None,
        metadata={
            "help": "units of the head's hidden layer, with batch norm and dropout; 0 for one linear layer. If not "
            "given: that of a pretrained_head, else 0"
        },
    )
    head_norm: Optional[str] = field(
        default=None,
        metadata={
            "help": "what the head normalises by: none or layer (layer norm and one linear layer, Sawano et al. 2022) "
            "without a hidden layer, batch or none (two plain layers, Nakamoto et al. 2022) with one. If not given: "
            "that of a pretrained_head, else none without a hidden layer and batch with one"
        },
    )
    head_dropout: Optional[float] = field(
        default=None,
        metadata={
            "help": "dropout before the head's last layer (and half of it before a hidden one). If not given: that of "
            "a pretrained_head, else 0.5 with a hidden layer and batch norm, and 0 without"
        },
    )
    pretrained_head: bool = field(
        default=False,
        metadata={
            "help": "take the head, too, from the pre-trained checkpoint: the second step of fine-tuning, which goes "
            "on from the first one's best checkpoint; its classes must be the same in the same order"
        },
    )


@register_model("ecg_classifier", dataclass=ECGClassifierConfig)
class ECGClassifier(DownstreamModel):
    """The encoder's embedding, then one linear layer or one hidden layer and a linear one.

    Differs: `head_bias=prevalence` starts the head at the classes' log-odds (Lin et al. 2017, section 3.3, for one
    class). The papers do not say where their heads start. From zero, rare classes are first learned as rare, by weights
    that push every embedding the same way; at the rates of a short training (1e-3) the tiny encoder's layer norms then
    map all windows to one point, and stay there.
    """

    def __init__(self, cfg: ECGClassifierConfig):
        super().__init__(cfg)
        # Checkpoints from before there was a choice of norms do not name one.
        kind = cfg.head_hidden, cfg.head_dropout, getattr(cfg, "head_norm", None)
        self.head = classification_head(self.encoder.embedding_dim, cfg.n_classes, *kind)

    @classmethod
    def resolve_head(cls, cfg, task, saved):
        """Writes the number of classes, which is the task's, and the head's size.

        Raises:
            ValueError: a head that is to come from the checkpoint is not there or does not fit.
        """
        cfg.n_classes = len(task.classes)
        if cfg.pretrained_head:
            _resolve_pretrained_head(cfg, task, saved)
        cfg.head_hidden = cfg.head_hidden or 0
        if cfg.head_norm is None:
            cfg.head_norm = usual_norm(cfg.head_hidden)
        if cfg.head_dropout is None:
            cfg.head_dropout = usual_dropout(cfg.head_hidden, cfg.head_norm)

    def pretrained_parts(self):
        """The encoder and, where it is asked for, the head."""
        return ("encoder", "head") if self.cfg.pretrained_head else ("encoder",)

    def start(self, task):
        """Gives the head its first biases; called for new runs, not for checkpoints."""
        if str(self.cfg.head_bias) == "prevalence":
            with torch.no_grad():
                self.head.class_bias.copy_(torch.from_numpy(task.prevalence()).clamp(1e-4, 1 - 1e-4).logit())

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """`logits` `[B, C]` and `embedding` `[B, E]` of windows `[B, L, T]` in millivolts."""
        embedding = self.embed(signal, lengths, present)
        counted = None if lengths is None else lengths > 0
        return {"logits": self.head(embedding, counted), "embedding": embedding}


def _resolve_pretrained_head(cfg, task, saved):
    if saved is None:
        raise ValueError("pretrained_head must be false for a random start, got true with pretrained=random")
    if str(cfg.head_bias) != "zero":
        raise ValueError(
            f"head_bias must be left out with pretrained_head, whose biases are the checkpoint's, got {cfg.head_bias}"
        )
    settings = head_settings(saved, task.classes, cfg.pretrained)
    hidden = settings["head_hidden"] or 0
    kind = {"head_hidden": hidden, "head_norm": settings["head_norm"] or usual_norm(hidden)}
    for name, value in kind.items():
        if cfg[name] not in (None, value):
            raise ValueError(
                f"{name} must be that of the pre-trained head ({value}), got {cfg[name]} ({cfg.pretrained})"
            )
        cfg[name] = value
    cfg.head_dropout = settings["head_dropout"] if cfg.head_dropout is None else cfg.head_dropout
