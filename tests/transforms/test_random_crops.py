import pytest
import torch

from fairseq_signals.transforms.random_crops import RandomCrops
from fairseq_signals.transforms.windows import Windows


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _ramp(batch, samples, lengths=None):
    """Windows whose samples are their own places, counted from 1."""
    signal = torch.arange(1.0, samples + 1).expand(batch, 1, samples)
    lengths = None if lengths is None else torch.tensor(lengths)
    return Windows(signal, torch.ones(batch, 1, dtype=torch.bool), lengths)


def test_every_place_is_equally_likely_and_crops_have_places_of_their_own():
    n = 20_000
    views = RandomCrops([0.08, 0.04], rate=100.0)(_ramp(n, 12), _generator())
    assert views.signal.shape == (2 * n, 1, 8) and views.lengths.unique().tolist() == [4, 8]
    for number, size in enumerate((8, 4)):
        signal = views.signal[number * n : (number + 1) * n, 0]
        starts = signal[:, 0].long() - 1
        assert torch.equal(signal[:, :size], starts[:, None] + torch.arange(1.0, size + 1))
        assert not signal[:, size:].any()
        places = 12 - size + 1
        shares = starts.bincount(minlength=places).double() / n
        assert len(shares) == places
        assert ((shares - 1 / places).abs() < 4.5 * (1 / places * (1 - 1 / places) / n) ** 0.5).all()
    both = torch.stack([views.signal[:n, 0, 0], views.signal[n:, 0, 0]])
    assert abs(float(torch.corrcoef(both)[0, 1])) < 4.5 / n**0.5


def test_crops_stay_inside_the_recording_where_it_is_long_enough():
    lengths = [12, 9, 8, 5, 0] * 200
    views = RandomCrops([0.08], rate=100.0)(_ramp(1000, 12, lengths), _generator())
    for row, n in zip(views.signal[:, 0], lengths, strict=True):
        assert int((row > 0).sum()) == min(8, n) and float(row.max()) <= n


def test_equal_generators_give_equal_crops():
    cut, windows = RandomCrops([0.03, 0.05], rate=100.0), _ramp(20, 12)
    assert torch.equal(cut(windows, _generator(1)).signal, cut(windows, _generator(1)).signal)
    assert not torch.equal(cut(windows, _generator(1)).signal, cut(windows, _generator(2)).signal)


@pytest.mark.parametrize("seconds", [[], None, [0.0], [1.0, -1.0], 2.0, "2", ["a"]])
def test_lengths_must_be_positive_numbers(seconds):
    with pytest.raises(ValueError, match="seconds of crops must hold positive numbers, got"):
        RandomCrops(seconds, rate=100.0)


def test_crops_must_fit_into_the_window():
    with pytest.raises(ValueError, match="crops must fit into windows of 12 samples, got 13"):
        RandomCrops([0.05, 0.13], rate=100.0)(_ramp(2, 12), _generator())
