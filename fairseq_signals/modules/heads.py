"""What turns embeddings into the outputs of a task or an objective."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fairseq_signals.modules.gather import world_size
from fairseq_signals.modules.padded_convolution import by_running_statistics
from fairseq_signals.modules.rank_batch_norm import RankBatchNorm


class LinearHead(nn.Linear):
    """One linear layer from embeddings `[B, E]` to logits `[B, C]` (Oh et al. 2022, section 4).

    Behind a layer norm it is the head of Sawano et al. 2022 ("a normalization layer and a fully connected layer").
    """

    def __init__(self, inputs: int, outputs: int, dropout: float = 0.0, norm: str = "none"):
        """Args: `dropout` is the probability of dropping a number of the embedding in training; `norm`: none, layer."""
        super().__init__(inputs, outputs)
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)
        self.dropout = dropout
        self.norm = nn.LayerNorm(inputs) if norm == "layer" else nn.Identity()

    def forward(self, embedding: Tensor, counted: Tensor | None = None) -> Tensor:
        """Logits `[B, C]` of embeddings `[B, E]`; which of them are `counted` makes no difference here."""
        return super().forward(F.dropout(self.norm(embedding), self.dropout, self.training))

    @property
    def class_bias(self) -> nn.Parameter:
        """What is added to each class's logit at the end, `[C]`."""
        return self.bias


class HiddenHead(nn.Module):
    """One hidden layer between embeddings `[B, E]` and logits `[B, C]`, each layer behind batch norm and dropout.

    Without the norms it is the head of Nakamoto et al. 2022 ("two fully connected layers"), who give neither its width
    nor what stands between the layers: a ReLU here.

    Source: Mehari & Strodthoff 2022 (https://arxiv.org/abs/2103.12676), section 2.2.2: a hidden layer of 512 units with
    batch norm and dropout. Their public code gives the rest: batch norm, dropout, linear, ReLU, batch norm, dropout,
    linear; the dropout is 0.5 before the last layer and half of that before the hidden one.

    Differs: weights start as Xavier's, as in the linear head, biases at zero; the public code leaves both to PyTorch's
    default. A batch of a single window, which has no statistics, is normalised by the running ones; the public code
    drops an epoch's last batch instead. Statistics are those of all processes together, in float32 whatever the
    network's precision.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float = 0.5, norm: str = "batch"):
        """One hidden layer of so many units.

        Args:
            inputs: E.
            hidden: units.
            outputs: C.
            dropout: probability before the last layer; before the hidden one it is half of that.
            norm: before each layer: batch or none.
        """
        super().__init__()
        new_norm = RankBatchNorm if norm == "batch" else nn.Identity
        self.norm, self.hidden = new_norm(inputs), nn.Linear(inputs, hidden)
        self.hidden_norm, self.output = new_norm(hidden), nn.Linear(hidden, outputs)
        for layer in (self.hidden, self.output):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.dropout = dropout

    def forward(self, embedding: Tensor, counted: Tensor | None = None) -> Tensor:
        """Logits `[B, C]` of embeddings `[B, E]`.

        Args:
            embedding: of windows.
            counted: boolean `[B]`, windows that hold signal, which alone make the statistics; None where all do.
        """
        values = F.dropout(_normalised(self.norm, embedding, counted), self.dropout / 2, self.training)
        values = _normalised(self.hidden_norm, self.hidden(values).relu(), counted)
        return self.output(F.dropout(values, self.dropout, self.training))

    @property
    def class_bias(self) -> nn.Parameter:
        """What is added to each class's logit at the end, `[C]`."""
        return self.output.bias


def _normalised(norm: nn.Module, values: Tensor, counted: Tensor | None) -> Tensor:
    if isinstance(norm, nn.Identity):
        return values
    if norm.training and len(values) == 1 and world_size() == 1:  # ranks must all go the same way
        return by_running_statistics(norm, values)
    return norm(values, counted)


HEAD_NORMS = {"linear": ("none", "layer"), "hidden": ("batch", "none")}
"""What a head of either kind may normalise by, the usual first."""


def usual_norm(hidden: int | None) -> str:
    """The norm of a head where none is given: batch with a hidden layer, as published, and none without."""
    return HEAD_NORMS["hidden" if hidden else "linear"][0]


def usual_dropout(hidden: int | None, norm: str | None = None) -> float:
    """The dropout of a head where none is given: 0.5 with a hidden layer and batch norm, as published, and 0 else."""
    return 0.5 if hidden and norm in (None, "batch") else 0.0


def classification_head(
    inputs: int, outputs: int, hidden: int | None = 0, dropout: float | None = None, norm: str | None = None
) -> nn.Module:
    """The head of a diagnosis model, from embeddings `[B, E]` to logits `[B, C]`.

    Args:
        inputs: E.
        outputs: C.
        hidden: units of the hidden layer; 0 or None (checkpoints from before there was one) for a linear layer.
        dropout: probability before the last layer; None for `usual_dropout`.
        norm: none or layer (before a linear layer alone), batch or none (with a hidden layer); None (checkpoints from
            before there was a choice) for `usual_norm`.

    Raises:
        ValueError: a number of units, a probability or a norm that cannot be.
    """
    if not (isinstance(hidden, int | None) and (hidden or 0) >= 0):
        raise ValueError(f"head_hidden must be a whole number of units, 0 for a linear layer, got {hidden!r}")
    norm = usual_norm(hidden) if norm is None else norm
    if norm not in HEAD_NORMS["hidden" if hidden else "linear"]:
        raise ValueError(
            f"head_norm must be none or layer for one linear layer, batch or none with a hidden layer, got {norm!r} "
            f"(head_hidden={hidden or 0})"
        )
    dropout = usual_dropout(hidden, norm) if dropout is None else dropout
    if not 0 <= dropout < 1:
        raise ValueError(f"head_dropout must be a probability from 0 to below 1, got {dropout!r}")
    if hidden:
        return HiddenHead(inputs, hidden, outputs, dropout, norm)
    return LinearHead(inputs, outputs, dropout, norm)


class ProjectionHead(nn.Sequential):
    """Two linear layers with a ReLU between them, from embeddings `[B, E]` to `[B, D]` (Chen et al. 2020)."""

    def __init__(self, inputs: int, hidden: int, outputs: int):
        super().__init__(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


class CosineHead(nn.Module):
    """Cosine between embeddings and one weight vector per class; the class weights of ArcFace (Deng et al. 2019)."""

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, inputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, embedding: Tensor) -> Tensor:
        """Cosines `[B, C]`, float32, of embeddings `[B, E]`."""
        return F.normalize(embedding.float(), dim=1) @ F.normalize(self.weight.float(), dim=1).T
