"""Half precision passes by what must stay in float32; devices and wider precision do not."""

import pytest
import torch
from torch import nn

from fairseq_signals.modules.float32 import StaysFloat32


class Steady(StaysFloat32, nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.register_buffer("mean", torch.tensor([1.001, 2.0]))
        self.register_buffer("count", torch.tensor(3))


@pytest.mark.parametrize("cast", ["half", "bfloat16"])
def test_parameters_buffers_and_children_keep_their_last_bit(cast):
    model = nn.Sequential(Steady(), nn.Linear(2, 2))
    before = {name: value.clone() for name, value in model[0].state_dict().items()}
    getattr(model, cast)()
    assert model[1].weight.dtype == getattr(torch, "float16" if cast == "half" else cast)
    assert all(torch.equal(value, before[name]) for name, value in model[0].state_dict().items())
    assert model[0].count.dtype == torch.long
    model.to(getattr(torch, "float16" if cast == "half" else cast))
    assert model[0].mean.dtype == torch.float32


def test_devices_and_double_precision_are_followed():
    assert Steady().double().layer.weight.dtype == torch.float64
    moved = nn.Sequential(Steady()).half().to("meta")
    assert moved[0].mean.device.type == "meta" and moved[0].mean.dtype == torch.float32
    both = nn.Sequential(Steady()).to("meta", torch.bfloat16)[0].layer.weight
    assert both.device.type == "meta" and both.dtype == torch.float32
