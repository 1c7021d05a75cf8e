"""What models of tasks share: an encoder that starts from a checkpoint, frozen for a while if asked."""

import logging
from dataclasses import dataclass, field
from typing import Any

import torch
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from omegaconf import MISSING, open_dict
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from fairseq_signals.data.units import units_misfit
from fairseq_signals.models.ecg_model import ECGModel, encoder_leads, plain, refuse_other_leads
from fairseq_signals.models.parameter_groups import forget_earlier_groups, label_parameters
from fairseq_signals.modules.checkpoint import load_part, read_checkpoint, units_of_training

logger = logging.getLogger(__name__)

RANDOM = "random"
STATISTICS = ChoiceEnum(["fixed", "updating"])


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
    frozen_statistics: STATISTICS = field(
        default="fixed",
        metadata={
            "help": "running statistics of a frozen encoder's batch norms: fixed (it works as in evaluation), or "
            "updating (each batch is normalised by itself and moves them, while no weight moves and dropout is off)"
        },
    )


class DownstreamModel(ECGModel):
    """An encoder, and a head in subclasses."""

    def __init__(self, cfg: DownstreamConfig):
        super().__init__(cfg)
        label_parameters(self.encoder)
        if cfg.freeze_updates < 0:  # so that neither optimiser nor distribution has to know of it
            self.encoder.requires_grad_(False)
        self._norms = [module for module in self.encoder.modules() if isinstance(module, _BatchNorm)]
        if cfg.freeze_updates and self._updates_statistics and not self._norms:
            raise ValueError(
                f"frozen_statistics must be fixed for an encoder without batch norm ({type(self.encoder).__name__}), "
                f"got updating"
            )
        self.set_num_updates(0)

    @classmethod
    def resolve(cls, cfg, task):
        """Takes what the configuration leaves open from the pre-trained checkpoint, then writes every setting.

        Data in other units than the checkpoint's is warned of: adapting may make up for it.

        Raises:
            ValueError: a random start without an encoder, an encoder that does not fit, or one of other leads.
        """
        forget_earlier_groups()
        saved = None if cfg.pretrained == RANDOM else read_checkpoint(cfg.pretrained)
        encoder, preprocess = plain(cfg.encoder), plain(cfg.preprocess)
        unnamed = not encoder or (isinstance(encoder, dict) and "_name" not in encoder)
        if saved is None:
            if unnamed:
                raise ValueError(f"encoder must be named for a random start, got {encoder!r}")
        else:
            model = saved["cfg"]["model"]
            refuse_other_leads(encoder_leads(saved["cfg"]["task"]), encoder_leads(task.cfg), cfg.pretrained)
            if unnamed:
                encoder = {**model["encoder"], **(encoder or {})}
            preprocess = model["preprocess"] if preprocess is None else preprocess
        with open_dict(cfg):
            cfg.encoder, cfg.preprocess = encoder, preprocess
            cls.resolve_head(cfg, task, saved)
        super().resolve(cfg, task)
        if saved is not None:
            scale_free = plain(cfg.preprocess)["normalise"] == "window"
            if misfit := units_misfit(units_of_training(saved), task.units, scale_free):
                logger.warning("%s (%s, pretrained %s)", misfit.text, task.cfg.data, cfg.pretrained)

    @classmethod
    def resolve_head(cls, cfg, task, saved: dict[str, Any] | None):
        """Writes what a subclass's head needs to know into `cfg`; `saved` is the checkpoint to start from, if any."""

    def load_pretrained(self):
        """Loads the weights that the configuration names; called for new runs, not for checkpoints.

        Raises:
            ValueError: a tensor is missing, not expected or of another shape.
        """
        if self.cfg.pretrained == RANDOM:
            logger.info("the encoder starts from random weights, as asked for by pretrained=random")
            return
        state = read_checkpoint(self.cfg.pretrained)["model"]
        for name in self.pretrained_parts():
            load_part(getattr(self, name), state, name, self.cfg.pretrained)
        left = sorted({name.split(".")[0] for name in state} - set(self.pretrained_parts()))
        logger.info("left in the checkpoint, not needed here: %s", ", ".join(left) or "nothing")

    def pretrained_parts(self) -> tuple[str, ...]:
        """The parts of the model that start from the checkpoint."""
        return ("encoder",)

    @property
    def _updates_statistics(self) -> bool:
        # Checkpoints from before there was the setting have None.
        return str(getattr(self.cfg, "frozen_statistics", None)) == "updating"

    @property
    def encoder_frozen(self) -> bool:
        """Whether the encoder stays as it is at the present update."""
        limit = self.cfg.freeze_updates
        return limit < 0 or self.num_updates < limit

    def set_num_updates(self, num_updates: int):
        """Takes note of the update, which says whether the encoder is frozen."""
        super().set_num_updates(num_updates)
        self.num_updates = num_updates
        self.train(self.training)

    def train(self, mode: bool = True):
        """A frozen encoder works as in evaluation, but for its running statistics where these are to go on."""
        super().train(mode)
        if self.encoder_frozen:
            self.encoder.eval()
            for norm in self._norms if self._updates_statistics else ():
                norm.train(mode)
        return self

    def embed(self, signal: Tensor, lengths: Tensor | None = None, present: Tensor | None = None) -> Tensor:
        """Embeddings `[B, E]`; no gradient enters a frozen encoder.

        The parameters of one that will be trained later keep `requires_grad`: those without it at the start would
        never enter the optimiser.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.encoder_frozen):
            return super().embed(signal, lengths, present)
