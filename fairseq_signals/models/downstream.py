"""What models of tasks share: an encoder that starts from a checkpoint, frozen for a while if asked."""

import logging
from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.dataclass import FairseqDataclass
from omegaconf import MISSING, open_dict
from torch import Tensor

from fairseq_signals.models.ecg_model import ECGModel, encoder_leads, plain, refuse_other_leads
from fairseq_signals.modules.checkpoint import load_part, read_checkpoint

logger = logging.getLogger(__name__)

RANDOM = "random"


@dataclass
class DownstreamConfig(FairseqDataclass):
    """Settings of every model that adapts an encoder to a task."""

    pretrained: str = field(
        default=MISSING,
        metadata={
            "help": "checkpoint whose encoder to start from, or 'random' for a random start (then give --encoder)"
        },
    )
    encoder: Any = field(
        default=None,
        metadata={
            "help": "encoder: nothing (the checkpoint's), a preset's name, or (yaml) a mapping; a mapping without "
            "_name changes single settings of the checkpoint's encoder, such as its dropout"
        },
    )
    preprocess: Any = field(
        default=None, metadata={"help": "preprocessing: nothing (the checkpoint's), none, window, or (yaml) a mapping"}
    )
    freeze_updates: int = field(
        default=0,
        metadata={"help": "updates during which the encoder stays as it is; 0 trains it at once, -1 never"},
    )


class DownstreamModel(ECGModel):
    """An encoder, and a head in subclasses."""

    def __init__(self, cfg: DownstreamConfig):
        super().__init__(cfg)
        self.set_num_updates(0)

    @classmethod
    def resolve(cls, cfg, task):
        """Takes what the configuration leaves open from the pre-trained checkpoint, then writes every setting.

        Raises:
            ValueError: a random start without an encoder, an encoder that does not fit, or one of other leads.
        """
        encoder, preprocess = plain(cfg.encoder), plain(cfg.preprocess)
        unnamed = not encoder or (isinstance(encoder, dict) and "_name" not in encoder)
        if cfg.pretrained == RANDOM:
            if unnamed:
                raise ValueError(f"encoder must be named for a random start, got {encoder!r}")
        else:
            saved = read_checkpoint(cfg.pretrained)["cfg"]
            refuse_other_leads(encoder_leads(saved["task"]), encoder_leads(task.cfg), cfg.pretrained)
            if unnamed:
                encoder = {**saved["model"]["encoder"], **(encoder or {})}
            preprocess = saved["model"]["preprocess"] if preprocess is None else preprocess
        with open_dict(cfg):
            cfg.encoder, cfg.preprocess = encoder, preprocess
        super().resolve(cfg, task)

    def load_pretrained(self):
        """Loads the encoder's weights that the configuration names; called for new runs, not for checkpoints.

        Raises:
            ValueError: a tensor is missing, not expected or of another shape.
        """
        if self.cfg.pretrained == RANDOM:
            logger.info("the encoder starts from random weights, as asked for by pretrained=random")
            return
        state = read_checkpoint(self.cfg.pretrained)["model"]
        load_part(self.encoder, state, "encoder", self.cfg.pretrained)
        left = sorted({name.split(".")[0] for name in state if not name.startswith("encoder.")})
        logger.info("left in the checkpoint, not needed here: %s", ", ".join(left) or "nothing")

    @property
    def encoder_frozen(self) -> bool:
        """Whether the encoder stays as it is at the present update."""
        limit = self.cfg.freeze_updates
        return limit < 0 or self.num_updates < limit

    def set_num_updates(self, num_updates: int):
        """A frozen encoder works as in evaluation: no dropout, no update of running statistics."""
        super().set_num_updates(num_updates)
        self.num_updates = num_updates
        self.encoder.train(self.training and not self.encoder_frozen)

    def embed(self, signal: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Embeddings `[B, E]`; no gradient enters a frozen encoder.

        The parameters keep `requires_grad`: those without it at the start would never enter the optimiser.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.encoder_frozen):
            return super().embed(signal, lengths, present)
