from collections import Counter
from fractions import Fraction
from itertools import accumulate
from math import ceil, floor

import numpy as np
import pytest
import scipy.stats

from fairseq_signals.data.windows import centred_start, random_start, slot_bounds, tile_counts, tile_start, tile_starts
from fairseq_signals.data.windows import visits as visited

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


def _shared_out(weights, counts, offset):
    """Window of each slot, by fractions: one list of all windows' weights is walked along."""
    windows = [(row, number) for row, count in enumerate(counts) for number in range(count)]
    shares = [Fraction(weights[row]) for row, _ in windows]
    ends, found = list(accumulate(shares)), []
    for slot in range(len(windows)):
        place = (slot + Fraction(offset)) * ends[-1] / len(windows)
        found.append(windows[next(n for n, end in enumerate(ends) if end > place)])
    return found


SHARES = [
    ([1, 2, 3], [1, 1, 1]),
    ([0.5, 0, 4, 0.25, 0], [3, 2, 5, 1, 4]),
    ([0, 0, 1], [4, 1, 1]),
    ([1e-3, 1, 1e3], [7, 1, 2]),
    ([0.1, 0.7, 0.3, 0.9], [6, 5, 4, 3]),
    ([7], [9]),
]


def _slots(weights, counts, offset):
    weights, counts = np.array(weights, float), np.array(counts)
    firsts = np.concatenate([[0], np.cumsum(counts)])
    slots = np.arange(firsts[-1])
    found = visited(slot_bounds(weights, counts), firsts, slots, np.full(len(slots), offset))
    assert all(array.dtype == np.int64 for array in found)
    return list(zip(*(array.tolist() for array in found), strict=True))


@pytest.mark.parametrize("weights, counts", SHARES)
def test_slots_are_shared_out_as_by_fractions_one_by_one(weights, counts):
    for offset in (0.0, 0.1234567, 0.5 + 1e-9, 0.987654321, 1 - 1e-12):
        before: Counter[tuple[int, int]] = Counter()
        for found, expected in zip(_slots(weights, counts, offset), _shared_out(weights, counts, offset), strict=True):
            assert found == (*expected, before[expected])
            before[expected] += 1


@pytest.mark.parametrize("weights, counts", SHARES)
def test_a_window_is_visited_in_proportion_to_its_weight(weights, counts):
    total = sum(weight * count for weight, count in zip(weights, counts, strict=True))
    share = {row: sum(counts) * weight / total for row, weight in enumerate(weights)}
    sums: Counter[tuple[int, int]] = Counter()
    offsets = (np.arange(500) + 0.5) / 500
    for offset in offsets:
        times = Counter(window[:2] for window in _slots(weights, counts, offset))
        for row, count in enumerate(counts):
            for number in range(count):
                assert floor(share[row] - 1e-9) <= times[row, number] <= ceil(share[row] + 1e-9)
        sums.update(times)
    for (row, _), times in sums.items():
        assert abs(times / len(offsets) - share[row]) < 0.005


def test_rounding_loses_no_slot_among_a_million():
    generator = np.random.default_rng(0)
    weights, counts = generator.random(300_000) ** 8, generator.integers(1, 6, 300_000)
    weights[[0, 5, -1, -2]] = 0
    firsts = np.concatenate([[0], np.cumsum(counts)])
    slots, bounds = np.arange(firsts[-1]), slot_bounds(weights, counts)
    for offset in (0.0, 0.3, 1 - 2**-53):
        rows, numbers, visits = visited(bounds, firsts, slots, np.full(len(slots), offset))
        windows = firsts[rows] + numbers
        assert (np.diff(windows) >= 0).all() and (numbers < counts[rows]).all() and weights[rows].all()
        again = np.diff(windows, prepend=-1) == 0
        assert (visits[~again] == 0).all() and (visits[again] == visits[np.flatnonzero(again) - 1] + 1).all()
        share = np.repeat(weights, counts) * len(slots) / (weights * counts).sum()
        assert (np.abs(np.bincount(windows, minlength=len(slots)) - share) < 1 + 1e-6).all()
