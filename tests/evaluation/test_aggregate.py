"""Windows to recordings against plain loops, whatever the order; and everything that may be missing."""

import numpy as np
import pytest

from fairseq_signals.evaluation.aggregate import aggregate_windows, complete_windows


@pytest.fixture
def windows():
    random = np.random.default_rng(0)
    expected = random.integers(1, 5, size=20)
    rows = np.repeat(np.arange(20), expected)
    places = np.concatenate([np.arange(n) for n in expected])
    return random.normal(size=(len(rows), 3)).astype(np.float32), rows, places, expected


def test_output_is_the_mean_of_the_windows(windows):
    outputs, rows, _, _ = windows
    by_loops = [
        [np.mean([float(x[c]) for x, r in zip(outputs, rows, strict=True) if r == row]) for c in range(3)]
        for row in range(20)
    ]
    result = aggregate_windows(*windows)
    assert result.dtype == np.float64
    assert result == pytest.approx(np.array(by_loops), abs=1e-14)


def test_order_and_copies_change_nothing(windows):
    outputs, rows, places, expected = windows
    plain = aggregate_windows(*windows)
    shuffled = np.random.default_rng(1).permutation(len(rows))
    assert (aggregate_windows(outputs[shuffled], rows[shuffled], places[shuffled], expected) == plain).all()
    copies = np.concatenate([np.arange(len(rows)), [0, 5, 5]])
    other = outputs[copies]
    other[-3:] += 7  # what comes second does not count
    assert (aggregate_windows(other, rows[copies], places[copies], expected) == plain).all()


def test_missing_windows_are_counted_and_named(windows):
    outputs, rows, places, expected = windows
    ids = [f"rec{row:02d}" for row in range(20)]
    kept = (rows != 3) & (rows != 11) & ~((rows == 17) & (places == 0))
    n_missing = (~kept).sum()
    message = rf"got {n_missing} of {len(rows)} windows missing in 3 recordings \(first: rec03, rec11, rec17\)"
    with pytest.raises(ValueError, match=message):
        aggregate_windows(outputs[kept], rows[kept], places[kept], expected, ids)
    with pytest.raises(ValueError, match=r"1 windows missing in 1 recordings \(first: row 19\)|first: row 19"):
        complete_windows(rows[rows != 19], places[rows != 19], expected)
    with pytest.raises(ValueError, match=r"got 2 of 2 windows missing"):
        complete_windows([], [], [1, 1])


@pytest.mark.parametrize(
    ("rows", "places", "expected", "message"),
    [
        ([0, 2], [0, 0], [1, 1], "rows must lie between 0 and 1, got 2"),
        ([0, -1], [0, 0], [1, 1], "rows must lie between 0 and 1, got -1"),
        ([0, 1], [0, 1], [1, 1], "window of row 1 must lie between 0 and 0, got 1"),
        ([0, 1], [0, 0], [1, 0], "at least one window, got row 1 with 0"),
        ([0], [0, 0], [1], "rows and windows must be as many as each other"),
        ([0.0], [0.0], [1], "must be lists of whole numbers"),
        ([], [], [], "at least one window, got no recording"),
    ],
)
def test_places_outside_what_is_expected_are_refused(rows, places, expected, message):
    with pytest.raises(ValueError, match=message):
        complete_windows(rows, places, expected)


def test_outputs_must_be_finite_and_as_many_as_the_windows(windows):
    outputs, rows, places, expected = windows
    with pytest.raises(ValueError, match="outputs must be as many as the windows"):
        aggregate_windows(outputs[1:], rows, places, expected)
    outputs[rows == 7] = np.nan
    message = rf"outputs must be finite, got {(rows == 7).sum()} windows that are not \(first: r7\)"
    with pytest.raises(ValueError, match=message):
        aggregate_windows(outputs, rows, places, expected, [f"r{row}" for row in range(20)])
