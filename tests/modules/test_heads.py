import math

import numpy as np
import pytest
import torch

from fairseq_signals.modules.heads import (
    CosineHead,
    HiddenHead,
    LinearHead,
    ProjectionHead,
    classification_head,
)


def test_linear_head_starts_with_a_zero_bias_and_xavier_weights():
    head = LinearHead(300, 200)
    assert not head.bias.any()
    assert head.weight.abs().max().item() <= math.sqrt(6 / 500) * 1.00001
    assert head.weight.std().item() == pytest.approx(math.sqrt(2 / 500), rel=0.03)


def inputs_of(layer):
    """What a layer is given from now on, one tensor per call."""
    seen = []
    layer.register_forward_pre_hook(lambda _, given: seen.append(given[0].detach()))
    return seen


def normalised(values, mean, variance, norm):
    scale, shift = norm.weight.detach().double().numpy(), norm.bias.detach().double().numpy()
    return (values - mean) / np.sqrt(variance + 1e-5) * scale + shift


def shaken(head):
    """The same head with parameters and running statistics that are no round numbers."""
    torch.manual_seed(3)
    with torch.no_grad():
        for tensor in head.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(torch.rand_like(tensor))
    return head


@pytest.mark.parametrize("training", [True, False])
def test_hidden_head_is_norm_linear_relu_norm_linear(training):
    head, embedding = shaken(HiddenHead(6, 5, 3, dropout=0.0)).train(training), torch.randn(8, 6)
    values = embedding.double().numpy()
    for norm, layer in ((head.norm, head.hidden), (head.hidden_norm, head.output)):
        mean, variance = (t.double().numpy().copy() for t in (norm.running_mean, norm.running_var))
        if training:
            mean, variance = values.mean(axis=0), values.var(axis=0)
        values = normalised(values, mean, variance, norm)
        values = values @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        values = values if layer is head.output else np.maximum(values, 0)
    np.testing.assert_allclose(head(embedding).detach().numpy(), values, atol=1e-5)


def test_hidden_head_drops_half_as_much_before_the_hidden_layer_as_before_the_last():
    head = HiddenHead(64, 64, 2, dropout=0.5)
    before, behind = inputs_of(head.hidden), inputs_of(head.output)
    head(torch.randn(500, 64))
    for (values,), share in ((before, 0.25), (behind, 0.5)):
        assert (values == 0).float().mean().item() == pytest.approx(share, abs=0.02)
    head.eval()(torch.randn(500, 64))
    assert not (before[1] == 0).any() and not (behind[1] == 0).any()  # batch norm moved the ReLU's zeros


def test_linear_head_drops_what_it_is_told_to_and_in_training_only():
    head, embedding = LinearHead(1000, 1, dropout=0.3), torch.ones(200, 1000)
    with torch.no_grad():
        head.weight.fill_(0.001)
    kept = head(embedding) * 0.7  # share of the numbers that were kept
    assert kept.mean().item() == pytest.approx(0.7, abs=0.01) and kept.std() > 0.005
    torch.testing.assert_close(head.eval()(embedding), torch.ones(200, 1))
    torch.testing.assert_close(LinearHead(1000, 1).train()(embedding).std(), torch.zeros(()), atol=1e-5, rtol=0)


def test_a_single_window_is_normalised_by_the_running_statistics():
    head, embedding = shaken(HiddenHead(6, 5, 3, dropout=0.0)), torch.randn(1, 6)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    training = head.train()(embedding)
    torch.testing.assert_close(training, head.eval()(embedding))
    assert training.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())


def test_statistics_of_the_hidden_head_stay_in_float32_under_half_models():
    head = HiddenHead(6, 5, 3, dropout=0.0)
    whole = head(torch.randn(50, 6, generator=torch.Generator().manual_seed(1)))
    half = HiddenHead(6, 5, 3, dropout=0.0)
    half.load_state_dict(head.state_dict())
    half = half.to(torch.bfloat16)
    logits = half(torch.randn(50, 6, generator=torch.Generator().manual_seed(1)).bfloat16())
    assert logits.dtype == torch.bfloat16 and half.hidden_norm.running_var.dtype == torch.float32
    assert (logits.float() - whole).abs().max() < 0.05


def test_the_published_head_has_as_many_parameters_as_its_layers():
    head = classification_head(3 * 512, 71, hidden=512)
    expected = 2 * 1536 + 1536 * 512 + 512 + 2 * 512 + 512 * 71 + 71
    assert sum(p.numel() for p in head.parameters()) == expected == 827_463
    assert head.dropout == 0.5 and head.class_bias.shape == (71,) and not head.class_bias.any()


def test_a_head_without_hidden_layer_is_the_linear_one_with_its_names():
    for head in (classification_head(4, 3), classification_head(4, 3, hidden=None), classification_head(4, 3, 0, 0.2)):
        assert isinstance(head, LinearHead) and set(head.state_dict()) == {"weight", "bias"}
        assert head.class_bias is head.bias
    assert classification_head(4, 3).dropout == 0.0 and head.dropout == 0.2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": -1}, "head_hidden must be a whole number of units, 0 for a linear layer, got -1"),
        ({"hidden": 2.5}, "head_hidden must be a whole number of units, 0 for a linear layer, got 2.5"),
        ({"dropout": 1.0}, "head_dropout must be a probability from 0 to below 1, got 1.0"),
        ({"hidden": 5, "dropout": -0.1}, "head_dropout must be a probability from 0 to below 1, got -0.1"),
    ],
)
def test_sizes_and_probabilities_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        classification_head(4, 3, **settings)


def test_projection_head_is_two_products_with_a_relu_between():
    head, embedding = ProjectionHead(4, 6, 3), torch.randn(5, 4)
    hidden = (embedding @ head[0].weight.T + head[0].bias).clamp(min=0)
    torch.testing.assert_close(head(embedding), hidden @ head[2].weight.T + head[2].bias)


def test_cosine_head_against_angles_by_a_plain_loop():
    head, embedding = CosineHead(4, 3), torch.randn(5, 4)
    cosine = head(embedding)
    for b in range(5):
        for c in range(3):
            a, w = embedding[b].tolist(), head.weight[c].tolist()
            dot = sum(x * y for x, y in zip(a, w, strict=True))
            assert cosine[b, c].item() == pytest.approx(dot / math.hypot(*a) / math.hypot(*w), abs=1e-6)


def test_cosine_head_works_in_float32_under_half_models_and_of_any_length():
    head = CosineHead(64, 3).to(torch.bfloat16)
    with torch.no_grad():
        head.weight[0] = 1.0
    cosine = head(torch.full((1, 64), 1e-2, dtype=torch.bfloat16))
    assert cosine.dtype == torch.float32 and cosine[0, 0].item() == pytest.approx(1, abs=1e-6)
    torch.testing.assert_close(head(1000 * torch.ones(1, 64)), head(torch.ones(1, 64)))


def test_windows_that_are_all_padding_make_no_statistics():
    torch.manual_seed(5)
    rows, empty = torch.randn(6, 7) * 3 + 1, torch.full((2, 7), 9.0)
    counted = torch.tensor([True] * 6 + [False] * 2)
    alone, padded = (HiddenHead(7, 5, 3, dropout=0.0).train() for _ in range(2))
    padded.load_state_dict(alone.state_dict())
    expected = alone(rows)
    torch.testing.assert_close(padded(torch.cat([rows, empty]), counted)[:6], expected, rtol=1e-5, atol=1e-6)
    for name, tensor in alone.state_dict().items():
        torch.testing.assert_close(padded.state_dict()[name], tensor, rtol=1e-5, atol=1e-6)


def test_a_layer_norm_and_one_linear_layer():
    head, embedding = shaken(classification_head(6, 3, norm="layer")), torch.randn(5, 6)
    values = embedding.double().numpy()
    mean, variance = values.mean(axis=1, keepdims=True), values.var(axis=1, keepdims=True)
    values = normalised(values, mean, variance, head.norm)
    values = values @ head.weight.detach().double().numpy().T + head.bias.detach().double().numpy()
    np.testing.assert_allclose(head(embedding).detach().numpy(), values, atol=1e-5)
    assert set(head.state_dict()) == {"weight", "bias", "norm.weight", "norm.bias"}


def test_two_plain_layers_without_norm_and_dropout():
    head, embedding = shaken(classification_head(6, 2, 4, norm="none")).train(), torch.randn(5, 6)
    first, last = ([t.detach().double().numpy() for t in layer.parameters()] for layer in (head.hidden, head.output))
    values = np.maximum(embedding.double().numpy() @ first[0].T + first[1], 0) @ last[0].T + last[1]
    np.testing.assert_allclose(head(embedding).detach().numpy(), values, atol=1e-5)
    assert set(head.state_dict()) == {"hidden.weight", "hidden.bias", "output.weight", "output.bias"}


@pytest.mark.parametrize(("hidden", "norm"), [(0, "batch"), (8, "layer"), (0, "Layer")])
def test_a_norm_that_a_head_does_not_have_is_refused(hidden, norm):
    with pytest.raises(ValueError, match=f"head_norm must be none or layer .* got '{norm}'"):
        classification_head(6, 2, hidden, norm=norm)
