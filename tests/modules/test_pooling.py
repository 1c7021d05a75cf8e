import math

import pytest
import torch

from fairseq_signals.modules.pooling import last_pool, max_pool, mean_pool, segment_means, valid_frames


def test_mean_over_valid_frames_against_a_plain_loop():
    frames, counts = torch.randn(5, 9, 3), torch.tensor([9, 1, 0, 4, 8])
    frames[3, 2] = 0  # a frame that is zero is not padding
    expected = [
        [sum(float(frames[b, f, d]) for f in range(n)) / max(n, 1) for d in range(3)]
        for b, n in enumerate(counts.tolist())
    ]
    torch.testing.assert_close(mean_pool(frames, counts), torch.tensor(expected))
    torch.testing.assert_close(mean_pool(frames), mean_pool(frames, torch.full((5,), 9)))


def test_what_padding_holds_does_not_count():
    frames, counts = torch.randn(2, 6, 3), torch.tensor([2, 5])
    changed = frames.masked_fill(~valid_frames(counts, 6).unsqueeze(2), torch.inf)
    assert torch.equal(mean_pool(frames, counts), mean_pool(changed, counts))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype):
    frames = torch.full((1, 4000, 1), 33.0, dtype=dtype)  # the sum is beyond float16, and bfloat16 would stall
    pooled = mean_pool(frames, torch.tensor([3999]))
    assert pooled.dtype == dtype and float(pooled) == 33.0


def test_gradient_reaches_valid_frames_only():
    frames = torch.randn(2, 4, 1, requires_grad=True)
    mean_pool(frames, torch.tensor([1, 4])).sum().backward()
    assert frames.grad[..., 0].tolist() == [[1, 0, 0, 0], [0.25] * 4]


def test_the_maximum_is_over_valid_frames_also_below_zero():
    frames = torch.tensor([[[-3.0], [-1.0], [5.0]], [[-3.0], [-1.0], [5.0]], [[4.0], [1.0], [5.0]]])
    assert max_pool(frames, torch.tensor([2, 3, 0])).tolist() == [[-1], [5], [0]]
    assert max_pool(frames).tolist() == [[5], [5], [5]]


def test_valid_frames_counts_from_the_first():
    assert valid_frames(torch.tensor([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_the_last_frame_is_the_last_valid_one():
    frames = torch.tensor([[[-3.0], [0.0], [5.0]], [[-3.0], [-1.0], [5.0]], [[torch.nan], [1.0], [5.0]]])
    assert last_pool(frames, torch.tensor([2, 3, 0])).tolist() == [[0], [5], [0]]
    assert last_pool(frames).tolist() == [[5], [5], [5]]
    frames.requires_grad_()
    last_pool(frames, torch.tensor([2, 1, 0])).sum().backward()
    assert frames.grad[..., 0].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("segments", [1, 3, 5, 8])
def test_means_of_equal_stretches_equal_a_plain_loop_and_pytorch_s_own(segments):
    frames, counts = torch.randn(4, 5, 2), torch.tensor([5, 3, 1, 0])
    padded = frames.masked_fill((torch.arange(5) >= counts[:, None]).unsqueeze(2), torch.nan)
    means = segment_means(padded, segments, counts)
    assert means.shape == (4, segments, 2) and not means[3].any()
    for b, n in enumerate(counts[:3].tolist()):
        for i in range(segments):
            stretch = frames[b, math.floor(i * n / segments) : math.ceil((i + 1) * n / segments)]
            torch.testing.assert_close(means[b, i], stretch.sum(dim=0) / len(stretch))
        torch.testing.assert_close(means[b : b + 1], segment_means(frames[b : b + 1, :n], segments))
