import pytest
import torch

from fairseq_signals.transforms.pipeline import Pipeline
from fairseq_signals.transforms.views import VIEWS, adjacent, augment, crops, single, view_samples, view_seconds
from fairseq_signals.transforms.windows import Windows

B, L = 3, 2
PRESENT = torch.tensor([[True, True], [True, False], [True, True]])


def _windows(samples=20, lengths=None):
    signal = torch.arange(1.0, B * L * samples + 1).view(B, L, samples) * PRESENT.unsqueeze(2)
    if lengths is not None:
        lengths = torch.tensor(lengths)
        signal = signal * (torch.arange(samples) < lengths[:, None, None])
    ids = {"window": torch.tensor([7, 8, 9]), "patient": torch.tensor([1, 1, 2])}
    return Windows(signal, PRESENT, lengths, ids, torch.zeros(B, dtype=torch.long))


def _check_numbering(views, number):
    assert views.view.tolist() == [v for v in range(number) for _ in range(B)]
    assert views.ids["window"].tolist() == [7, 8, 9] * number
    assert views.ids["patient"].tolist() == [1, 1, 2] * number
    assert torch.equal(views.present, PRESENT.repeat(number, 1))


def _padded(signal, size):
    return torch.nn.functional.pad(signal, (0, size - signal.shape[-1]))


def test_single_is_the_window_itself():
    windows = _windows()
    assert single(windows) is windows


@pytest.mark.parametrize("lengths", [None, [20, 7, 0]])
def test_augment_is_the_window_twice(lengths):
    windows = _windows(lengths=lengths)
    views = augment(windows)
    assert torch.equal(views.signal, torch.cat([windows.signal, windows.signal]))
    assert views.lengths is None if lengths is None else views.lengths.tolist() == lengths * 2
    _check_numbering(views, 2)
    views.signal[0] = 0
    assert views.signal[B].any() and windows.signal[0].any(), "views must not share memory"


@pytest.mark.parametrize("samples", [20, 21])
def test_adjacent_views_are_the_two_halves(samples):
    windows = _windows(samples)
    views = adjacent(windows)
    assert views.lengths is None
    assert torch.equal(views.signal[:B], windows.signal[:, :, :10])
    assert torch.equal(views.signal[B:], windows.signal[:, :, 10:20])
    _check_numbering(views, 2)


@pytest.mark.parametrize("samples", [20, 21])
@pytest.mark.parametrize("lengths", [[20, 7, 13], [1, 0, 2], [20, 20, 19]])
def test_padded_windows_are_halved_where_their_recording_has_its_middle(samples, lengths):
    windows = _windows(samples, lengths)
    views = adjacent(windows)
    assert views.signal.shape == (2 * B, L, 10)
    for b, n in enumerate(lengths):
        half = n // 2
        assert torch.equal(views.signal[b], _padded(windows.signal[b, :, :half], 10))
        assert torch.equal(views.signal[B + b], _padded(windows.signal[b, :, half : 2 * half], 10))
        assert views.lengths[b] == views.lengths[B + b] == half
    _check_numbering(views, 2)


def test_a_full_window_is_halved_alike_beside_padded_ones():
    alone, beside = adjacent(_windows()), adjacent(_windows(lengths=[20, 3, 5]))
    for row in (0, B):
        assert torch.equal(alone.signal[row], beside.signal[row])


@pytest.mark.parametrize("lengths", [None, [20, 7, 3]])
def test_crops_are_plain_slices_padded_to_the_longest(lengths):
    windows = _windows(lengths=lengths)
    starts, sizes = [torch.tensor([0, 5, 2]), torch.tensor([15, 0, 1]), torch.tensor([6, 6, 6])], [8, 5, 8]
    views = crops(windows, starts, sizes)
    _check_numbering(views, 3)
    for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        for b in range(B):
            valid = 20 if lengths is None else lengths[b]
            stop = min(int(start[b]) + size, valid)
            expected = windows.signal[b, :, int(start[b]) : max(stop, int(start[b]))]
            assert torch.equal(views.signal[number * B + b], _padded(expected, 8))
            assert views.lengths[number * B + b] == expected.shape[1]


def test_crops_of_one_length_from_full_windows_are_not_padded():
    views = crops(_windows(), [torch.tensor([0, 5, 12]), torch.tensor([1, 2, 3])], [8, 8])
    assert views.lengths is None and views.signal.shape == (2 * B, L, 8)


def test_views_do_not_modify_the_windows():
    for lengths in (None, [20, 7, 3]):
        windows = _windows(lengths=lengths)
        before = windows.signal.clone()
        for view in VIEWS.values():
            view(windows)
        crops(windows, [torch.tensor([0, 5, 2])], [8])
        assert torch.equal(windows.signal, before)


CROPS = {"_name": "crops", "seconds": [2.5, 1]}


@pytest.mark.parametrize("views", ["single", "augment", "adjacent", CROPS])
def test_view_samples_are_the_valid_lengths_of_the_views_that_are_cut(views):
    windows = Windows(torch.zeros(2, 12, 1000), torch.ones(2, 12, dtype=torch.bool), ids={"window": torch.arange(2)})
    cut = Pipeline(views, None, 100.0)(windows, torch.Generator().manual_seed(0))
    assert view_samples(views, 10.0, 100.0) == cut.valid_lengths[::2].tolist()


@pytest.mark.parametrize("views, seconds", [("single", 10), ("augment", 10), ("adjacent", 5), (CROPS, 2.5)])
def test_view_seconds_are_those_of_the_views_that_are_cut(views, seconds):
    windows = Windows(torch.zeros(2, 12, 1000), torch.ones(2, 12, dtype=torch.bool), ids={"window": torch.arange(2)})
    cut = Pipeline(views, None, 100.0)(windows, torch.Generator().manual_seed(0))
    assert view_seconds(views, 10.0) == seconds == cut.signal.shape[2] / 100
