"""How much memory a masked autoencoder needs in training, by arithmetic.

Counted for each token (one patch of one window) and layer, in numbers of the working precision, are the tensors that
the backward pass needs of a layer with norms first, without dropout: the input of each norm (2 D), the input of each of
the four linear layers (D, D, D and hidden), queries, keys and values (3 D), and the input of the GELU (hidden). With
hidden = 4 D these are 16 D. Fused attention keeps no table of F x F weights, only one float32 for each head; a norm
keeps two. A layer with checkpointed activations keeps its input (D) alone, and the layer that is just being computed
again keeps everything.

Sawano et al. 2022: ViT-Large, 240 patches of which the encoder sees 60, He et al.'s decoder (8 layers, 512 wide, 16
heads) on all 240, batch 1,024 on four GPUs of 80 GB. `mae_memory("vit_large", windows)` in bf16 or fp16 says, in 10^9
bytes:

    windows on one GPU              256    512   1,024   1,024 with checkpoint_activations in the encoder
    weights, gradients, Adam        6.6    6.6     6.6     6.6
    encoder                        12.1   24.2    48.4     5.0
    decoder                         8.1   16.2    32.4    32.4
    patches and what works          0.8    1.6     3.3     3.3
    together                       27.6   48.6    90.6    47.2

So the paper's batch on its four GPUs needs 28 GB of each. On a single GPU of 80 GB it fits with checkpointed
activations, which cost one more forward pass of the encoder, or without them in two halves (`update_freq: [2]`), which
gives the same update.

Not counted: what CUDA and the allocator take (some GB), and the gradients that travel between GPUs.
"""

from typing import NamedTuple

import torch

from fairseq_signals.encoders import build_encoder

BYTES = {"bf16": 2, "fp16": 2, "fp32": 4}
STATE_BYTES = {"bf16": 20, "fp16": 20, "fp32": 16}
"""Per parameter: weight, gradient, Adam's two moments; in half precision fairseq's float32 weight and gradient too."""


class Stack(NamedTuple):
    """Transformer layers of one size."""

    layers: int
    dim: int
    heads: int
    hidden: int

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers."""
        attention = 4 * (self.dim**2 + self.dim)
        feed = 2 * self.dim * self.hidden + self.dim + self.hidden
        return self.layers * (attention + feed + 4 * self.dim)

    def layer_bytes(self, tokens: int, width: int) -> int:
        """What one layer keeps for its gradient, with numbers of `width` bytes."""
        kept = (8 * self.dim + 2 * self.hidden) * width
        return tokens * (kept + 4 * self.heads + 4 * 4)

    def kept_bytes(self, tokens: int, width: int, checkpointed: bool = False) -> int:
        """What all layers keep for their gradients."""
        if not checkpointed:
            return self.layers * self.layer_bytes(tokens, width)
        return self.layers * tokens * self.dim * width + self.layer_bytes(tokens, width)

    def working_bytes(self, tokens: int, width: int) -> int:
        """The largest gradients at one time: of both sides of the GELU, and of a layer's input."""
        return tokens * (2 * self.hidden + 2 * self.dim) * width


DECODER = Stack(8, 512, 16, 2048)  # He et al. 2022, appendix A.1


def mae_memory(
    encoder: str,
    windows: int,
    seconds: float = 10.0,
    rate: float = 500.0,
    leads: int = 12,
    masked: float = 0.75,
    precision: str = "bf16",
    checkpointed: bool = False,
    decoder: Stack = DECODER,
) -> dict[str, int]:
    """Bytes by what they hold, of one training step on one GPU.

    Args:
        encoder: a preset of `vit`.
        windows: at a time on this GPU.
        seconds: length of a window.
        rate: its Hz.
        leads: number of its leads.
        masked: share of the patches that the encoder does not see.
        precision: "bf16", "fp16" or "fp32".
        checkpointed: whether the encoder has `checkpoint_activations`.
        decoder: size of the decoder's layers.

    Returns:
        Bytes of "states" (weights, gradients, Adam), "encoder", "decoder", "patches" (samples, predictions and their
        differences, float32 in the loss), "working" (the largest gradients at one time), and "together".
    """
    with torch.device("meta"):
        network = build_encoder(encoder, input_rate=rate, input_leads=leads)
    settings, width, patch = network.settings, BYTES[precision], network.stride
    stack = Stack(settings.layers, settings.dim, settings.heads, settings.hidden)
    patches = windows * leads * (round(seconds * rate) // patch)
    seen = windows * round(leads * (round(seconds * rate) // patch) * (1 - masked))
    between = (stack.dim + 1) * decoder.dim + decoder.dim + 2 * decoder.dim + (decoder.dim + 1) * patch
    parameters = sum(parameter.numel() for parameter in network.parameters()) + decoder.parameters + between
    parts = {
        "states": parameters * STATE_BYTES[precision],
        "encoder": stack.kept_bytes(seen, width, checkpointed),
        "decoder": decoder.kept_bytes(patches, width),
        "patches": patches * patch * (2 * width + 2 * 4),
        "working": max(stack.working_bytes(seen, width), decoder.working_bytes(patches, width)),
    }
    return {**parts, "together": sum(parts.values())}
