import numpy as np
import pytest
import torch

from fairseq_signals.modules.masking import draw_fixed_starts, draw_starts, span_mask

P, LENGTH, F = 0.065, 10, 40
DEVICE = torch.device("cpu")


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("length", [1, 2, 5, 10, 60])
@pytest.mark.parametrize("padded", [False, True])
def test_spans_are_what_a_plain_loop_marks(length, padded):
    starts = torch.rand(50, F, generator=_generator()) < 0.05
    frames = torch.randint(0, F + 1, (50,), generator=_generator()) if padded else None
    expected = np.zeros((50, F), bool)
    for b, t in starts.nonzero().tolist():
        expected[b, t : t + length] = True
    for b in range(50):
        expected[b, F if frames is None else int(frames[b]) :] = False
    assert span_mask(starts, length, frames).tolist() == expected.tolist()


def test_probability_at_every_position_is_the_closed_form():
    n = 40_000
    mask = span_mask(draw_starts((n, F), P, _generator(), DEVICE), LENGTH)
    expected = 1 - (1 - P) ** np.minimum(np.arange(F) + 1, LENGTH)
    bound = 4.5 * np.sqrt(expected * (1 - expected) / n)  # one of 40 positions beyond: 3 in 10,000
    assert (np.abs(mask.double().mean(0).numpy() - expected) < bound).all()


def test_share_masked_of_156_frames_is_the_paper_s_48_percent():
    mask = span_mask(draw_starts((20_000, 156), P, _generator(), DEVICE), LENGTH)
    expected = np.mean(1 - (1 - P) ** np.minimum(np.arange(156) + 1, LENGTH))
    assert expected == pytest.approx(0.48, abs=0.005)
    # Frames of one window depend on each other, windows do not: the bound comes from windows.
    shares = mask.double().mean(1)
    assert abs(float(shares.mean()) - expected) < 4.5 * float(shares.std()) / 20_000**0.5


def test_padding_is_never_masked_and_does_not_change_the_valid_frames():
    starts = draw_starts((500, F), 0.2, _generator(), DEVICE)
    frames = torch.randint(0, F + 1, (500,), generator=_generator(1))
    mask, free = span_mask(starts, LENGTH, frames), span_mask(starts, LENGTH)
    for row, free_row, count in zip(mask, free, frames.tolist(), strict=True):
        assert not row[count:].any() and torch.equal(row[:count], free_row[:count])


def _runs(row) -> list[int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], row.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


def test_one_fixed_span_has_exactly_its_length_and_lies_in_the_valid_frames():
    frames = torch.randint(LENGTH, F + 1, (2000,), generator=_generator(1))
    # A probability of 1.5 / F gives one or two spans where nothing is padded.
    starts = draw_fixed_starts((2000, F), 1.5 / F, LENGTH, _generator(), DEVICE, frames)
    mask = span_mask(starts, LENGTH, frames).numpy()
    numbers = starts.sum(1).tolist()
    for row, number, count in zip(mask, numbers, frames.tolist(), strict=True):
        assert number in (int(1.5 / F * count), int(1.5 / F * count) + 1)
        assert not row[count:].any()
        if number == 1:
            assert _runs(row) == [LENGTH]
    assert numbers.count(1) > 500


def test_fixed_starts_are_uniform_over_the_places_that_fit():
    n = 20_000
    starts = draw_fixed_starts((n, 15), 1 / 15, 10, _generator(), DEVICE).double()
    assert torch.equal(starts.sum(1), torch.ones(n).double())
    assert (starts.mean(0)[6:] == 0).all()
    assert ((starts.mean(0)[:6] - 1 / 6).abs() < 4.5 * (5 / 36 / n) ** 0.5).all()


@pytest.mark.parametrize("probability", [0.0, 0.2, 1.0])
def test_windows_shorter_than_a_span_get_none(probability):
    frames = torch.tensor([0, 1, 9, 10])
    starts = draw_fixed_starts((4, F), probability, 10, _generator(), DEVICE, frames)
    assert not starts[:3].any() and starts[3].sum() <= 1


def test_fixed_spans_mask_as_many_frames_as_fairseq_does():
    compute_mask_indices = pytest.importorskip("fairseq.data.data_utils").compute_mask_indices
    n, frames = 4000, 156
    np.random.seed(0)
    # fairseq seeds each row from these, so that the test is repeatable.
    seeds = {"seed": 1, "epoch": 1, "indices": torch.arange(n)}
    theirs = compute_mask_indices((n, frames), None, 10 * P, LENGTH, require_same_masks=False, **seeds)
    starts = draw_fixed_starts((n, frames), P, LENGTH, _generator(), DEVICE)
    ours = span_mask(starts, LENGTH).numpy()
    shares = [mask.mean(1) for mask in (ours, theirs)]
    # fairseq's own last start is one place earlier, which moves the share by 0.1 % of it.
    error = np.hypot(*(share.std() / n**0.5 for share in shares))
    assert abs(shares[0].mean() - shares[1].mean()) < 4.5 * error + 0.001
    assert shares[0].mean() == pytest.approx(0.49, abs=0.01)
    assert shares[0].std() == pytest.approx(shares[1].std(), rel=0.1)
    numbers = starts.sum(1).double()
    assert set(numbers.tolist()) == {10, 11}  # 0.065 * 156 = 10.14
    assert abs(float(numbers.mean()) - P * frames) < 4.5 * (0.14 * 0.86 / n) ** 0.5


def test_equal_generators_draw_equal_starts_and_others_do_not():
    for draw in (
        lambda g: draw_starts((4, 100), P, g, DEVICE),
        lambda g: draw_fixed_starts((4, 100), P, LENGTH, g, DEVICE),
    ):
        assert torch.equal(draw(_generator(1)), draw(_generator(1)))
        assert not torch.equal(draw(_generator(1)), draw(_generator(2)))
