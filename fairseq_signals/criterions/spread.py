"""Whether embeddings have collapsed: how widely they spread over the sphere.

Source: Chen & He 2021 (https://arxiv.org/abs/2011.10566), section 4.1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from fairseq_signals.modules.gather import sum_over_ranks


@torch.no_grad()
def spread(embedding: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Standard deviation of the normalised embeddings of all ranks, as (sum, count) to log.

    The mean over dimensions of the deviation of `z / |z|`, times the root of their number: 0 where all embeddings have
    one direction, about 1 where directions are spread evenly.

    Args:
        embedding: `[N, D]` of this rank.
        counted: boolean `[N]`, rows that are no padding.

    Returns:
        The deviation times this rank's number of counted rows, and that number.
    """
    unit = F.normalize(embedding.float(), dim=1).masked_fill(~counted.unsqueeze(1), 0.0)
    number = sum_over_ranks(counted.sum().float()).clamp(min=1)
    centred = (unit - sum_over_ranks(unit.sum(dim=0)) / number).masked_fill(~counted.unsqueeze(1), 0.0)
    variance = sum_over_ranks(centred.square().sum(dim=0)) / number
    deviation = variance.sqrt().mean() * embedding.shape[1] ** 0.5
    return deviation * counted.sum(), counted.sum()
