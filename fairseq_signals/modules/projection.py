"""The two-layer network with batch norm that BYOL and SwAV put behind an encoder.

Source: Grill et al. 2020 (https://arxiv.org/abs/2006.07733), section 3.3: a linear layer, batch norm, ReLU, and a
linear layer whose output is not normalised; Caron et al. 2020 (https://arxiv.org/abs/2006.09882) use the same.
"""

from torch import Tensor, nn

from fairseq_signals.modules.rank_batch_norm import RankBatchNorm


class BatchNormProjection(nn.Module):
    """From embeddings `[N, E]` to `[N, D]`; batch norm counts the windows of all ranks and no padding."""

    def __init__(self, inputs: int, hidden: int, outputs: int):
        """Args: widths of embeddings, of the hidden layer and of what comes out."""
        super().__init__()
        if hidden < 1 or outputs < 1:
            raise ValueError(f"a projection must have hidden units and outputs, got {hidden} and {outputs}")
        self.widen = nn.Linear(inputs, hidden, bias=False)  # batch norm would take a bias away again
        self.norm = RankBatchNorm(hidden)
        self.narrow = nn.Linear(hidden, outputs)

    def forward(self, embedding: Tensor, counted: Tensor | None = None) -> Tensor:
        """`counted` boolean `[N]` says which windows are no padding; None where none is."""
        return self.narrow(self.norm(self.widen(embedding), counted).relu())
