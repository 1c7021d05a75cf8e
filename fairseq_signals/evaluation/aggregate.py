"""From windows to recordings: every recording exactly one output, or an error that says which have none.

Conventions:
    Outputs are float `[M, C]`, one row per window: probabilities of C classes, or embeddings. `rows` says to
    which recording a window belongs (its row in the manifest, from 0), `windows` which window of it (from 0),
    and `expected` how many windows each of the N recordings has. Windows may come in any order. A window that
    comes twice, as when several processes share a set that does not divide evenly, counts once: the first.
"""

from collections.abc import Sequence

import numpy as np

from fairseq_signals.evaluation.arrays import finite_table


def aggregate_windows(outputs, rows, windows, expected, ids: Sequence[str] | None = None) -> np.ndarray:
    """Mean output of each recording's windows, float64 `[N, C]`, after the check that all of them are there.

    The sum runs over windows in their own order, so that the result does not depend on batches or processes.

    Args:
        outputs: float `[M, C]`.
        rows: int `[M]`.
        windows: int `[M]`.
        expected: int `[N]`, each at least 1.
        ids: N names for messages; without them recordings are named by their row.

    Raises:
        ValueError: a window is missing or outside what is expected, an output is not finite, lengths differ.
    """
    order = complete_windows(rows, windows, expected, ids)
    outputs = np.asarray(outputs)
    if len(outputs) != len(rows):
        raise ValueError(f"outputs must be as many as the windows ({len(rows)}), got {len(outputs)}")
    outputs, owner = outputs[order], np.asarray(rows)[order]
    odd = owner[~np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)]
    if odd.size:
        first = f"row {odd[0]}" if ids is None else ids[odd[0]]
        raise ValueError(f"outputs must be finite, got {odd.size} windows that are not (first: {first})")
    outputs = finite_table(outputs, "outputs")
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    return np.add.reduceat(outputs, starts, axis=0) / np.asarray(expected)[:, None]


def complete_windows(rows, windows, expected, ids: Sequence[str] | None = None) -> np.ndarray:
    """Positions of the first copy of every window, ordered by recording and window, int `[sum(expected)]`.

    Arguments and errors as in `aggregate_windows`.
    """
    rows, windows, expected = (_integers(values) for values in (rows, windows, expected))
    names = [f"row {row}" for row in range(len(expected))] if ids is None else [str(name) for name in ids]
    _check_places(rows, windows, expected, names)
    offsets = np.cumsum(expected) - expected
    places, first = np.unique(offsets[rows] + windows, return_index=True)
    if len(places) < expected.sum():
        absent = np.setdiff1d(np.arange(expected.sum()), places)
        owners = np.unique(np.searchsorted(offsets, absent, side="right") - 1)
        shown = ", ".join(names[owner] for owner in owners[:5])
        raise ValueError(
            f"predictions must cover every window of the {len(expected)} recordings, got {len(absent)} of "
            f"{expected.sum()} windows missing in {len(owners)} recordings (first: {shown})"
        )
    return first


def _check_places(rows: np.ndarray, windows: np.ndarray, expected: np.ndarray, names: list[str]) -> None:
    if len(rows) != len(windows) or len(names) != len(expected):
        raise ValueError(
            f"rows and windows must be as many as each other and ids as many as the recordings, "
            f"got {len(rows)} rows, {len(windows)} windows, {len(names)} ids, {len(expected)} recordings"
        )
    if not len(expected) or expected.min() < 1:
        found = f"{names[int(expected.argmin())]} with {expected.min()}" if len(expected) else "no recording"
        raise ValueError(f"every recording must have at least one window, got {found}")
    outside = (rows < 0) | (rows >= len(expected))
    if outside.any():
        raise ValueError(f"rows must lie between 0 and {len(expected) - 1}, got {rows[outside][0]}")
    odd = (windows < 0) | (windows >= expected[rows])
    if odd.any():
        row = rows[odd][0]
        last = expected[row] - 1
        raise ValueError(f"window of {names[row]} must lie between 0 and {last}, got {windows[odd][0]}")


def _integers(values) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1 or (values.size and values.dtype.kind not in "iu"):
        raise ValueError(
            f"rows, windows and expected must be lists of whole numbers, got {values.dtype} {values.shape}"
        )
    return values.astype(np.int64)
