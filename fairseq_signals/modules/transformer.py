"""Transformer layers over frames, with PyTorch's fused attention."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SelfAttention(nn.Module):
    """Multi-head self-attention; queries, keys and values come from one matrix product."""

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim must be a multiple of heads, got dim {dim} and {heads} heads")
        self.heads, self.dropout = heads, dropout
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, frames: Tensor, attend: Tensor | None) -> Tensor:
        """Mixes frames `[B, F, D]`; `attend` is boolean `[B, 1, 1, F]`, or None where every frame is valid."""
        qkv = self.qkv(frames).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [3, B, H, F, D/H]
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(*qkv.unbind(0), attn_mask=attend, dropout_p=dropout)
        return self.out(mixed.transpose(1, 2).flatten(2))


class DropPath(nn.Module):
    """Leaves out the whole branch of some windows in training (Huang et al. 2016, https://arxiv.org/abs/1603.09382).

    What stays is divided by the share that stays, so that the mean is that of evaluation.
    """

    def __init__(self, probability: float):
        super().__init__()
        if not 0 <= probability < 1:
            raise ValueError(f"drop_path must be a probability from 0 to below 1, got {probability}")
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """Branch `[B, F, D]`, zero for the windows that leave it out."""
        if not self.training or self.probability == 0:
            return branch
        stays = 1 - self.probability
        return branch * branch.new_full((len(branch), 1, 1), stays).bernoulli().div(stays)


class TransformerLayer(nn.Module):
    """Attention and feed-forward with residuals; layer norm after each (BERT), or before (`norm_first`)."""

    def __init__(
        self,
        dim: int,
        heads: int,
        hidden: int,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        activation_dropout: float = 0.0,
        norm_first: bool = False,
        drop_path: float = 0.0,
        epsilon: float = 1e-5,
    ):
        super().__init__()
        self.norm_first = norm_first
        self.drop_path = DropPath(drop_path)
        self.attention = SelfAttention(dim, heads, attention_dropout)
        self.attention_norm = nn.LayerNorm(dim, eps=epsilon)
        self.widen, self.narrow = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.feed_norm = nn.LayerNorm(dim, eps=epsilon)
        self.dropout, self.activation_dropout = nn.Dropout(dropout), nn.Dropout(activation_dropout)

    def feed(self, frames: Tensor) -> Tensor:
        """The feed-forward half, without its residual."""
        return self.drop_path(self.dropout(self.narrow(self.activation_dropout(F.gelu(self.widen(frames))))))

    def attend_to(self, frames: Tensor, attend: Tensor | None) -> Tensor:
        """The attention half, without its residual."""
        return self.drop_path(self.dropout(self.attention(frames, attend)))

    def forward(self, frames: Tensor, attend: Tensor | None = None) -> Tensor:
        """Frames `[B, F, D]` to frames `[B, F, D]`."""
        if self.norm_first:
            frames = frames + self.attend_to(self.attention_norm(frames), attend)
            return frames + self.feed(self.feed_norm(frames))
        frames = self.attention_norm(frames + self.attend_to(frames, attend))
        return self.feed_norm(frames + self.feed(frames))


def initialise_bert(module: nn.Module):
    """Weights of linear layers from N(0, 0.02²), biases zero (Devlin et al. 2019)."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def initialise_xavier(module: nn.Module):
    """Weights of linear layers as Xavier's, uniform, biases zero; queries, keys and values are one matrix."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def attention_mask(valid: Tensor | None) -> Tensor | None:
    """Boolean `[B, 1, 1, F]` for fused attention from valid frames `[B, F]`.

    A window without any valid frame attends to its first one: a softmax over nothing would be NaN, and its
    output counts nowhere.
    """
    if valid is None:
        return None
    none = ~valid.any(dim=1, keepdim=True)
    first = torch.arange(valid.shape[1], device=valid.device) == 0
    return (valid | (none & first))[:, None, None, :]
