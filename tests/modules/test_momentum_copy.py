"""A copy moves by its momentum alone, in float32 whatever the model becomes."""

import math
from copy import deepcopy

import pytest
import torch
from torch import nn

from fairseq_signals.encoders import build_encoder
from fairseq_signals.modules.momentum_copy import MomentumCopy, cosine_momentum

TINY = {"blocks": [1, 1], "width": 4, "stem": [4, 4]}


class Model(nn.Module):
    """As models hold one: the online module, its copy, and what only the online module has."""

    def __init__(self, online=None):
        super().__init__()
        torch.manual_seed(0)
        self.online = online or nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        self.copy = MomentumCopy(self.online)
        self.predict = nn.Linear(2, 2)


def shift(module, by=1.0):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += by


def test_each_step_is_the_formula():
    model = Model()
    start = [p.clone().double() for p in model.copy.parameters()]
    expected, momenta = start, (0.996, 0.5, 1.0, 0.0)
    for momentum in momenta:
        shift(model.online)
        expected = [momentum * e + (1 - momentum) * p for e, p in zip(expected, model.online.parameters(), strict=True)]
        model.copy.advance(model.online, momentum)
        for found, wanted in zip(model.copy.parameters(), expected, strict=True):
            torch.testing.assert_close(found.double(), wanted, rtol=0, atol=1e-6)
    assert all(map(torch.equal, model.copy.parameters(), model.online.parameters()))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_small_steps_add_up_in_a_half_precision_model(dtype):
    model = Model().to(dtype)
    assert {value.dtype for value in model.copy.state_dict().values()} == {torch.float32, torch.int64}
    before = [p.clone() for p in model.copy.parameters()]
    with torch.no_grad():
        for parameter in model.online.parameters():
            parameter.copy_(torch.full_like(parameter, 4.0))
    for _ in range(100):
        model.copy.advance(model.online, 0.999)
    for found, old in zip(model.copy.parameters(), before, strict=True):
        torch.testing.assert_close(found, 4 - (4 - old) * 0.999**100, rtol=1e-5, atol=1e-5)


def test_no_gradient_reaches_it_and_no_optimiser_takes_it():
    model, inputs = Model(), torch.randn(5, 3, requires_grad=True)
    assert not any(parameter.requires_grad for parameter in model.copy.parameters())
    output = model.copy(inputs)
    assert not output.requires_grad
    trained = [p for p in model.parameters() if p.requires_grad]  # as fairseq's trainer chooses them
    assert len(trained) == len(list(model.online.parameters())) + 2


def test_its_running_statistics_are_its_own():
    model, rows = Model(), torch.randn(50, 3)
    shift(model.online[0])
    mean = (rows @ model.copy.module[0].weight.T + model.copy.module[0].bias).mean(dim=0)
    model.train()
    model.copy(rows)
    torch.testing.assert_close(model.copy.module[1].running_mean, 0.1 * mean)
    assert torch.equal(model.online[1].running_mean, torch.zeros(4))
    model.copy.advance(model.online, 0.0)
    torch.testing.assert_close(model.copy.module[1].running_mean, 0.1 * mean)
    before = model.copy.module[1].running_mean.clone()
    model.eval().copy(rows)
    assert torch.equal(model.copy.module[1].running_mean, before)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["xresnet1d", "wav2vec2_tiny"])
@pytest.mark.parametrize("lengths", [None, [300, 200, 120]])
def test_an_encoder_s_copy_computes_in_the_precision_of_its_input(name, lengths, dtype):
    encoder = build_encoder(name, input_rate=100.0, **(TINY if name == "xresnet1d" else {"dropout": 0.0}))
    model, signal = Model(encoder).eval(), torch.randn(3, 12, 300)
    lengths = None if lengths is None else torch.tensor(lengths)
    expected = model.copy(signal, lengths)
    torch.testing.assert_close(expected, model.online(signal, lengths))
    model.to(dtype)
    found = model.copy(signal.to(dtype), lengths)
    limit = 0.1 * float(expected.abs().max())
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=limit)
    torch.testing.assert_close(found.float(), model.online(signal.to(dtype), lengths).float(), rtol=0, atol=limit)
    model.train().copy(signal.to(dtype), lengths)


@pytest.mark.parametrize("cast", ["half", "bfloat16"])
def test_a_state_restores_the_last_bit_into_a_half_precision_model(cast):
    model = getattr(Model(), cast)()
    shift(model.online, 0.25)
    model.copy.advance(model.online, 0.9)
    restored = getattr(Model(), cast)()
    restored.load_state_dict(deepcopy(model.state_dict()))
    assert all(map(torch.equal, model.copy.parameters(), restored.copy.parameters()))
    assert restored.copy.module[0].weight.dtype == torch.float32


def test_a_deep_copy_of_the_model_is_on_its_own_and_casts_alike():
    model = Model()
    twin = deepcopy(model).half()
    shift(twin.online)
    twin.copy.advance(twin.online, 0.5)
    assert twin.copy.module[0].weight.dtype == torch.float32
    torch.testing.assert_close(twin.copy.module[0].weight, model.copy.module[0].weight + 0.5, rtol=0, atol=1e-3)
    assert torch.equal(model.copy.module[0].weight, model.online[0].weight)


def test_another_module_and_a_momentum_outside_0_to_1_are_refused():
    model = Model()
    with pytest.raises(ValueError, match=r"must be the one it was made of \(6 parameters\), got Linear with 2"):
        model.copy.advance(model.predict, 0.9)
    for momentum in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="momentum of a copy must lie in 0 to 1, got"):
            model.copy.advance(model.online, momentum)


def test_the_cosine_begins_and_ends_where_the_paper_says():
    # Grill et al. 2020: 1 - (1 - start) * (cos(pi k / K) + 1) / 2
    assert cosine_momentum(0, 0.996, 100) == pytest.approx(0.996, abs=1e-12)
    assert cosine_momentum(50, 0.996, 100) == pytest.approx(0.998, abs=1e-12)
    assert cosine_momentum(100, 0.996, 100) == cosine_momentum(250, 0.996, 100) == 1
    rising = [cosine_momentum(update, 0.9, 30) for update in range(31)]
    assert rising == sorted(rising) and len(set(rising)) == 31
    assert cosine_momentum(10, 0.9, 30) == pytest.approx(1 - 0.1 * 0.75)
    for start, total in ((1.5, 10), (-0.1, 10), (0.9, 0)):
        with pytest.raises(ValueError, match="momentum must start in 0 to 1 and rise over some updates, got"):
            cosine_momentum(0, start, total)
