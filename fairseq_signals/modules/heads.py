"""What turns embeddings into the outputs of a task or an objective."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LinearHead(nn.Linear):
    """One linear layer from embeddings `[B, E]` to logits `[B, C]` (Oh et al. 2022, section 4)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs)
        nn.init.xavier_uniform_(self.weight)
        nn.init.zeros_(self.bias)


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
