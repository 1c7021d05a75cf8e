"""The arithmetic of a training's memory against what autograd keeps, and the figures that the text gives."""

from pathlib import Path

import pytest
import torch
from torch import nn

from fairseq_signals.encoders import build_encoder
from fairseq_signals.modules.transformer import TransformerLayer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def memory(monkeypatch):
    """The module, found as a script of that folder finds it."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import benchmarks.vit_memory as module

    return module


def _kept_by_autograd(module, *inputs):
    """Bytes of the tensors that wait for the backward pass, parameters left out, each storage once."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}
    storages = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            storages[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        module(*inputs).sum()
    return sum(storage.nbytes() for storage in storages.values())


@pytest.mark.parametrize("windows, tokens, dim, heads", [(2, 60, 64, 4), (3, 240, 32, 2)])
def test_a_layer_keeps_what_the_formula_says(memory, windows, tokens, dim, heads):
    layer = TransformerLayer(dim, heads, 4 * dim, 0.0, 0.0, norm_first=True).train()
    found = _kept_by_autograd(layer, torch.randn(windows, tokens, dim, requires_grad=True))
    expected = memory.Stack(1, dim, heads, 4 * dim).layer_bytes(windows * tokens, 4)
    assert found == pytest.approx(expected, rel=0.01)


def test_checkpointed_layers_keep_their_inputs_alone(memory):
    encoder = build_encoder(
        "vit", input_rate=20, layers=6, dim=64, heads=4, hidden=256, checkpoint_activations=True
    ).train()
    tokens = torch.randn(2, 240, 64, requires_grad=True)
    stack = memory.Stack(6, 64, 4, 256)
    inputs = stack.kept_bytes(480, 4, checkpointed=True) - stack.layer_bytes(480, 4)
    last_norm = 480 * (64 + 2) * 4

    class Context(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = encoder

        def forward(self, tokens):
            return self.encoder.context(tokens)

    assert _kept_by_autograd(Context(), tokens) == pytest.approx(inputs + last_norm, rel=0.03)


def test_parameters_are_those_of_the_network(memory):
    with torch.device("meta"):
        layers = build_encoder("vit_large").layers
    assert memory.Stack(24, 1024, 16, 4096).parameters == sum(p.numel() for p in layers.parameters())


def test_the_paper_s_batch_fits_one_gpu_of_80_gb_as_the_text_says(memory):
    cases = [(256, False), (512, False), (1024, False), (1024, True)]
    sums = [memory.mae_memory("vit_large", windows, checkpointed=slow)["together"] / 1e9 for windows, slow in cases]
    text = " ".join(memory.__doc__.split())
    assert f"together {' '.join(f'{gb:.1f}' for gb in sums)}" in text
    assert sums[0] < 80 and sums[1] < 80 < sums[2] and sums[3] < 80


def test_masking_saves_three_quarters_of_what_the_encoder_keeps(memory):
    whole, quarter = (memory.mae_memory("vit_base", 8, masked=share)["encoder"] for share in (0.0, 0.75))
    assert whole == 4 * quarter
