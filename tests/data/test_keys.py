import subprocess
import sys

import numpy as np
import pytest
import scipy.stats

from fairseq_signals.data.keys import keyed_seed, keyed_uniform

N = 100_000
ROWS = np.arange(N)


@pytest.mark.parametrize("key", [(1, 0, ROWS), (1, ROWS, 0), (ROWS, 0, 0), (ROWS,), (-3, 2**40, ROWS), (0, ROWS, ROWS)])
def test_numbers_are_uniform(key):
    numbers = keyed_uniform(*key)
    assert numbers.min() >= 0 and numbers.max() < 1 and len(np.unique(numbers)) == N
    assert scipy.stats.kstest(numbers, "uniform").pvalue > 1e-4
    pairs = np.histogram2d(numbers[:-1], numbers[1:], bins=10)[0]
    assert scipy.stats.chisquare(pairs.ravel()).pvalue > 1e-4, "neighbouring keys must be independent"


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("other", [1, 2, 2**32, -1])
def test_numbers_of_different_seeds_epochs_and_rows_are_independent(place, other):
    keys = [ROWS, ROWS // 300, ROWS % 300]
    changed = list(keys)
    changed[place] = keys[place] + other if place != 2 else keys[place] + 300 * other
    one, two = keyed_uniform(*keys), keyed_uniform(*changed)
    assert abs(np.corrcoef(one, two)[0, 1]) < 4.5 / N**0.5
    assert scipy.stats.chisquare(np.histogram2d(one, two, bins=10)[0].ravel()).pvalue > 1e-4


def test_order_and_number_of_the_parts_matter():
    keys = [(1, 2, 3), (3, 2, 1), (2, 1, 3), (1, 2), (1, 2, 3, 0), (0, 1, 2, 3), (0,), (0, 0), (0, 0, 0), (-1,)]
    assert len({float(keyed_uniform(*key)) for key in keys}) == len(keys)
    assert len({keyed_seed(*key) for key in keys}) == len(keys)


def test_arrays_give_what_single_keys_give():
    seeds, rows = np.array([[1], [2]]), np.arange(50, dtype=np.int32)
    together = keyed_uniform(seeds, 7, rows)
    assert together.shape == (2, 50) and together.dtype == np.float64
    for i, seed in enumerate((1, 2)):
        for row in range(50):
            single = keyed_uniform(seed, 7, row)
            assert np.ndim(single) == 0 and single == together[i, row]
    assert keyed_uniform(1, np.array([5])).shape == (1,)
    assert keyed_uniform(1, np.zeros(0, np.int64)).shape == (0,)


def test_numbers_and_seeds_are_the_same_in_another_process():
    code = "from fairseq_signals.data.keys import *; print(keyed_uniform(1, 2, 3), keyed_seed(1, 'valid', 3))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split() == [str(keyed_uniform(1, 2, 3)), str(keyed_seed(1, "valid", 3))]


def test_seeds_are_spread_over_63_bits():
    seeds = np.array([keyed_seed(1, update, 0, rank) for update in range(2000) for rank in range(4)])
    assert len(np.unique(seeds)) == 8000 and seeds.min() >= 0
    assert scipy.stats.kstest(seeds / 2.0**63, "uniform").pvalue > 1e-4
    assert scipy.stats.chisquare(np.bincount(seeds % 16)).pvalue > 1e-4


def test_neighbouring_parts_of_a_seed_do_not_run_together():
    assert keyed_seed(1, 23) != keyed_seed(12, 3)
    assert keyed_seed("a", "b") != keyed_seed("ab") != keyed_seed("a", "b", "")
