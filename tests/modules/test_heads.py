import math

import pytest
import torch

from fairseq_signals.modules.heads import CosineHead, LinearHead, ProjectionHead


def test_linear_head_starts_with_a_zero_bias_and_xavier_weights():
    head = LinearHead(300, 200)
    assert not head.bias.any()
    assert head.weight.abs().max().item() <= math.sqrt(6 / 500) * 1.00001
    assert head.weight.std().item() == pytest.approx(math.sqrt(2 / 500), rel=0.03)


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
