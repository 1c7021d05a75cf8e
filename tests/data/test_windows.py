import numpy as np
import pytest
import scipy.stats

from fairseq_signals.data.windows import centred_start, random_start, tile_counts, tile_start, tile_starts

LENGTHS = [*range(1, 64), 100, 999, 1000, 1001, 5000]
TILES = [(1, 1), (10, 10), (10, 5), (10, 3), (10, 1), (7, 10), (16, 16), (500, 250)]


def _plain(length, window, stride):
    """Windows one after the other as long as they fit, and one flush with the end for a rest of half a stride."""
    starts = [0]
    while starts[-1] + stride + window <= length:
        starts.append(starts[-1] + stride)
    rest = length - (starts[-1] + window)
    return [*starts, length - window] if rest > 0 and rest >= stride / 2 else starts


@pytest.mark.parametrize("window, stride", TILES)
def test_tiles_against_a_plain_loop_one_by_one_and_all_at_once(window, stride):
    counts = tile_counts(np.array(LENGTHS), window, stride)
    assert counts.dtype == np.int64
    for length, count in zip(LENGTHS, counts.tolist(), strict=True):
        expected = _plain(length, window, stride)
        assert tile_starts(length, window, stride).tolist() == expected
        assert count == len(expected)
        numbers = np.arange(count)
        assert tile_start(np.full(count, length), numbers, window, stride).tolist() == expected


@pytest.mark.parametrize("window, stride", [tile for tile in TILES if tile[1] <= tile[0]])
def test_every_sample_is_covered_but_a_rest_shorter_than_half_a_stride(window, stride):
    for length in LENGTHS:
        covered = np.zeros(length, bool)
        for start in tile_starts(length, window, stride):
            assert start == 0 or start + window <= length, "only a short recording is padded"
            covered[start : start + window] = True
        left = np.flatnonzero(~covered)
        assert len(left) < stride / 2
        assert not len(left) or left[0] == length - len(left)


def test_examples_of_the_rule():
    assert tile_starts(5000, 2500, 2500).tolist() == [0, 2500]
    assert tile_starts(5002, 2500, 2500).tolist() == [0, 2500]  # two samples too long do not count twice
    assert tile_starts(6250, 2500, 2500).tolist() == [0, 2500, 3750]  # half a window does
    assert tile_starts(6249, 2500, 2500).tolist() == [0, 2500]
    assert tile_starts(100, 2500, 2500).tolist() == [0]


def test_random_starts_keep_the_window_inside_and_are_equally_likely():
    n = 50_000
    uniform = np.random.default_rng(0).random(n)
    starts = random_start(np.full(n, 17), 10, uniform)
    assert starts.dtype == np.int64
    counts = np.bincount(starts)
    assert len(counts) == 8 and scipy.stats.chisquare(counts).pvalue > 1e-4
    assert (random_start(np.full(n, 9), 10, uniform) == 0).all()


def test_the_largest_and_smallest_draw_stay_inside():
    lengths = np.array([1, 10, 11, 2**20, 2**31, 2**40])
    slack = np.maximum(lengths - 10, 0)
    assert (random_start(lengths, 10, np.full(6, 1 - 2.0**-53)) <= slack).all()
    assert random_start(lengths, 10, np.full(6, 1 - 2.0**-53))[:4].tolist() == slack[:4].tolist()
    assert (random_start(lengths, 10, np.zeros(6)) == 0).all()


def test_centred_windows_leave_equally_much_on_both_sides():
    for length in range(1, 60):
        start = int(centred_start(np.array([length]), 10)[0])
        if length <= 10:
            assert start == 0
        else:
            assert 0 <= (length - start - 10) - start <= 1
