"""SwAV: crops of a window are to be assigned to the same prototypes.

Source: Caron et al. 2020 (https://arxiv.org/abs/2006.09882), section 3; used by Mehari & Strodthoff 2022
(https://arxiv.org/abs/2103.12676), whose public code projects to 128 through 2,048 hidden units and keeps 3,000
prototypes and a queue of eight batches from epoch 15 on.

Differs: prototypes are normalised whenever they are used instead of after each step, because under fp16 the optimiser
would go on from a float32 copy of them that nobody normalised; their lengths, which say nothing, grow a little, and
their directions turn a little slower for it. They are held fixed in the first updates by gradients of zero. The queue
is the same on all ranks (one for each in the publication) and used from its first features on, instead of when it is
full. Crops of one length pass the encoder together, without padding, as in the publication.
"""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from fairseq.models import register_model
from omegaconf import open_dict
from torch import Tensor, nn

from fairseq_signals.models.ecg_model import ECGModel, ECGModelConfig
from fairseq_signals.modules.feature_queue import FeatureQueue
from fairseq_signals.modules.gradient import scale_gradient
from fairseq_signals.modules.projection import BatchNormProjection
from fairseq_signals.transforms.views import view_samples

CODE_CROPS = 2


@dataclass
class ECGSwAVConfig(ECGModelConfig):
    """Settings of `ecg_swav`."""

    projection_hidden: int = field(
        default=2048,
        metadata={
            "help": "hidden units of the projection head; 0 (ecg_contrastive) compares the embeddings themselves"
        },
    )
    projection_dim: int = field(default=128, metadata={"help": "outputs of the projection head"})
    prototypes: int = field(default=3000, metadata={"help": "number of prototypes"})
    fixed_prototype_updates: int = field(
        default=0, metadata={"help": "updates in which prototypes stay as they were drawn (the paper's first epoch)"}
    )
    queue_size: int = field(
        default=0, metadata={"help": "windows of earlier updates whose features take part in the codes; 0 for none"}
    )
    queue_from_update: int = field(default=0, metadata={"help": "update from which on the queue is filled"})
    crop_samples: Any = field(
        default=None, metadata={"help": "samples of each crop of a window; taken from the task's views"}
    )


@register_model("ecg_swav", dataclass=ECGSwAVConfig)
class ECGSwAV(ECGModel):
    """Encoder, projection, prototypes and the queue of the crops that give codes."""

    def __init__(self, cfg: ECGSwAVConfig):
        super().__init__(cfg)
        width = cfg.projection_dim
        self.project = BatchNormProjection(self.encoder.embedding_dim, cfg.projection_hidden, width)
        self.prototypes = nn.Parameter(F.normalize(torch.randn(cfg.prototypes, width), dim=1))
        self.queue = FeatureQueue(cfg.queue_size, CODE_CROPS, width) if cfg.queue_size else None
        self.set_num_updates(0)

    @classmethod
    def resolve(cls, cfg, task):
        """As for every model; how a window is cropped is the task's.

        Raises:
            ValueError: windows come as fewer than two views, or the first two are not the longest.
        """
        super().resolve(cfg, task)
        samples = view_samples(task.views(), float(task.cfg.window_seconds), float(task.cfg.rate))
        if len(samples) < CODE_CROPS or min(samples[:CODE_CROPS]) < max(samples):
            raise ValueError(
                f"views of ecg_swav must be two or more crops of a window, the longest first, got {task.views()!r}"
            )
        with open_dict(cfg):
            cfg.crop_samples = samples

    def set_num_updates(self, num_updates: int):
        """Says which update it is: the first ones leave the prototypes as they are and keep nothing in the queue."""
        super().set_num_updates(num_updates)
        self.num_updates = num_updates

    def forward(
        self,
        signal: Tensor,
        lengths: Tensor | None = None,
        present: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> dict[str, Any]:
        """Named outputs for `V` crops of each of `B` windows, `[V * B, L, T]` in millivolts, one crop after the other.

        Returns:
            A dictionary with

            - `scores` float32 `[V, B, K]`: cosines of features and prototypes;
            - `queued_scores` `[2, R, K]` and `queued` boolean `[R]`: the same, without gradients, for this rank's share
              of the queue, and which of its rows are filled; no rows without a queue;
            - `features` float32 `[V * B, D]`, normalised, and `embedding` `[V * B, E]`;
            - `valid` boolean `[V * B]`: crops that hold at least one frame.
        """
        signal = self.prepared(signal, lengths, present)
        valid = self.valid_windows(signal, lengths)
        embedding = self._embedded(signal, lengths, present)
        features = F.normalize(self.project(embedding, valid).float(), dim=1)
        crops = features.unflatten(0, (len(self.cfg.crop_samples), -1))  # [V, B, D]
        fixed = self.num_updates < self.cfg.fixed_prototype_updates
        prototypes = F.normalize(scale_gradient(self.prototypes, 0.0 if fixed else 1.0).float(), dim=1)
        queued_scores, queued = self._queued(prototypes.detach())
        self._stage(crops, valid.unflatten(0, crops.shape[:2]))
        return {
            "scores": crops @ prototypes.T,
            "queued_scores": queued_scores,
            "queued": queued,
            "features": features,
            "embedding": embedding,
            "valid": valid,
        }

    def _embedded(self, signal: Tensor, lengths: Tensor | None, present: Tensor | None) -> Tensor:
        """Embeddings `[V * B, E]`; crops of one length pass together, unpadded where all of them are whole."""
        if lengths is None:
            return self.encoder(signal, None, present)
        windows, parts, first = len(signal) // len(self.cfg.crop_samples), [], 0
        for size, crops in groupby(self.cfg.crop_samples):
            rows = slice(first, first + windows * len(list(crops)))
            whole = bool((lengths[rows] == size).all())
            there = None if present is None else present[rows]
            parts.append(self.encoder(signal[rows, :, :size], None if whole else lengths[rows], there))
            first = rows.stop
        return torch.cat(parts)

    def _queued(self, prototypes: Tensor) -> tuple[Tensor, Tensor]:
        if self.queue is None:
            return prototypes.new_zeros(CODE_CROPS, 0, len(prototypes)), prototypes.new_zeros(0, dtype=torch.bool)
        features, filled = self.queue.share()  # [R, 2, D]
        return features.transpose(0, 1) @ prototypes.T, filled

    def _stage(self, crops: Tensor, valid: Tensor):
        if self.queue is not None and self.training and self.num_updates >= self.cfg.queue_from_update:
            self.queue.stage(crops[:CODE_CROPS].transpose(0, 1), valid[:CODE_CROPS].all(dim=0))

    def before_update(self, update_num: int):
        """An update begins; what one before it staged, and was skipped for an overflow, is forgotten."""
        if self.queue is not None:
            self.queue.discard()

    def after_update(self, update_num: int):
        """The features of all crops that give codes enter the queue."""
        if self.queue is not None:
            self.queue.commit()
