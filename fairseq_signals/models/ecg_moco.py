"""MoCo: a view of a window is to be told, by what a slow copy makes of the other view, from windows seen before.

Source: He et al. 2020 (https://arxiv.org/abs/1911.05722), section 3: query encoder, momentum copy for the keys, queue
of keys, 128 outputs of one linear layer ("linear", v1); Chen et al. 2020 (https://arxiv.org/abs/2003.04297): two
layers with ReLU ("mlp", v2). Nakamoto et al. 2022, used by the recipe of examples/nakamoto2022, compare the 128 numbers
of their encoder themselves ("none"). The public code of both versions keeps 65,536 keys and a momentum of 0.999.

Batch norm: a query and its key, normalised by the same batch, carry that batch's statistics, and all negatives carry
others; the publication shuffles keys between GPUs so that the network cannot read off which batch a key comes from,
and its public code refuses to run on one GPU. Here keys are computed as in evaluation, by statistics that follow the
query encoder's running ones (Cai et al. 2021, `modules.steady_copy`). A key is then a function of its own window: it
cannot tell with which queries it shares a batch, on however many ranks, and nothing has to be exchanged. Queries are
normalised by their own batch, that of their rank.

Differs: two ranks on half batches equal one process on the whole where the encoder has no batch norm over windows;
where it has, the queries' statistics are those of each rank, as with BYOL and SwAV here, and so are those that the
rank's keys are computed with. Empty places of the queue are no negatives, where the public code begins with random
vectors. Its size need not divide by the batch. Keys of an update, with all its micro-batches and ranks, enter the queue
together when it has succeeded.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from fairseq.dataclass import ChoiceEnum
from fairseq.models import register_model
from torch import Tensor, nn

from fairseq_signals.models.ecg_model import ECGModel, ECGModelConfig
from fairseq_signals.modules.feature_queue import FeatureQueue
from fairseq_signals.modules.heads import ProjectionHead
from fairseq_signals.modules.steady_copy import SteadyCopy
from fairseq_signals.transforms.views import view_samples

HEADS = ChoiceEnum(["none", "linear", "mlp"])


@dataclass
class ECGMoCoConfig(ECGModelConfig):
    """Settings of `ecg_moco`."""

    contrast_head: HEADS = field(
        default="linear",
        metadata={
            "help": "what queries and keys are: none (the embedding itself), linear (one layer, v1) or mlp (two, v2)"
        },
    )
    projection_hidden: int = field(
        default=2048,
        metadata={
            "help": "hidden units of the projection head; 0 (ecg_contrastive) compares the embeddings themselves"
        },
    )
    projection_dim: int = field(default=128, metadata={"help": "outputs of the projection head"})
    queued_keys: int = field(
        default=65536,
        metadata={
            "help": "keys of earlier updates that a query is told from; well below the windows of an epoch, or a "
            "window's own earlier key is among them"
        },
    )
    copy_momentum: float = field(default=0.999, metadata={"help": "share of itself that the copy keeps in an update"})


@register_model("ecg_moco", dataclass=ECGMoCoConfig)
class ECGMoCo(ECGModel):
    """Encoder and head, their slow copy, and the queue of the copy's keys."""

    def __init__(self, cfg: ECGMoCoConfig):
        """As every model.

        Raises:
            ValueError: a size or the momentum cannot be.
        """
        super().__init__(cfg)
        if not 0 <= cfg.copy_momentum <= 1:
            raise ValueError(f"copy_momentum must lie in 0 to 1, got {cfg.copy_momentum}")
        self.project, width = _head(str(cfg.contrast_head), self.encoder.embedding_dim, cfg)
        self.key_encoder, self.key_project = SteadyCopy(self.encoder), SteadyCopy(self.project)
        self.queue = FeatureQueue(cfg.queued_keys, width)

    @classmethod
    def resolve(cls, cfg, task):
        """As for every model.

        Raises:
            ValueError: windows do not come as two views.
        """
        super().resolve(cfg, task)
        views = task.views()
        if len(view_samples(views, float(task.cfg.window_seconds), float(task.cfg.rate))) != 2:
            raise ValueError(f"views of ecg_moco must be two of each window (task.views=augment), got {views!r}")

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """Named outputs for two views of each of `B` windows, `[2 * B, L, T]` in millivolts, first views first.

        Returns:
            A dictionary with

            - `query` float32 `[B, D]`, of the first views, and `key` `[B, D]`, of the second, without gradients;
            - `queued` `[Q, D]`: keys of earlier updates, without gradients, and `filled` boolean `[Q]`: which of its
              rows hold one; all of unit length;
            - `embedding` `[B, E]` of the first views;
            - `valid` boolean `[B]`: windows both of whose views hold at least one frame.
        """
        valid = self.valid_windows(signal, lengths)
        signal = self.prepared(signal, lengths, present)
        first, second = zip(*(_halves(rows) for rows in (signal, lengths, present, valid)), strict=True)
        embedding = self.encoder(*first[:3])
        query = F.normalize(self.project(embedding).float(), dim=1)
        key = F.normalize(self.key_project(self.key_encoder(*second[:3])).float(), dim=1)
        valid = first[3] & second[3]
        if self.training:
            self.queue.stage(key, valid)
        return {
            "query": query,
            "key": key,
            "queued": self.queue.features,
            "filled": self.queue.valid,
            "embedding": embedding,
            "valid": valid,
        }

    def before_update(self, update_num: int):
        """An update begins; keys of one before it that was skipped for an overflow are forgotten."""
        self.queue.discard()

    def after_update(self, update_num: int):
        """The copies follow, and the keys of this update enter the queue."""
        momentum = self.cfg.copy_momentum
        for copy, online in ((self.key_encoder, self.encoder), (self.key_project, self.project)):
            copy.advance(online, momentum)
            copy.advance_buffers(online, momentum, update_num)
        self.queue.commit()


def _head(kind: str, inputs: int, cfg: ECGMoCoConfig) -> tuple[nn.Module, int]:
    """What stands between embedding and query, and the width of the latter."""
    hidden, outputs = cfg.projection_hidden, cfg.projection_dim
    if kind == "none":
        return nn.Identity(), inputs
    if outputs < 1 or (kind == "mlp" and hidden < 1):
        raise ValueError(f"contrast_head {kind} must have hidden units and outputs, got {hidden} and {outputs}")
    return (nn.Linear(inputs, outputs) if kind == "linear" else ProjectionHead(inputs, hidden, outputs)), outputs


def _halves(rows: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
    """First and second views of what holds both, first views first."""
    return (None, None) if rows is None else rows.chunk(2)
