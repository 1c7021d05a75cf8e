"""Many stretches of one text's bytes, read and told apart without a Python step for each.

Conventions: `raw` is uint8, the bytes of the whole text; stretch n is `raw[starts[n] : stops[n]]`, with `starts` and
`stops` int64 `[N]`. No stretch holds a line's end.
"""

from collections.abc import Iterator

import numpy as np

_BLOCK = 1 << 18  # bytes gathered together, so that memory stays bounded
_NEWLINE, _BLANK, _DELETE = 10, 32, 127
_WEIGHTS = np.random.default_rng(1).integers(1, 2**64, 4096, dtype=np.uint64) | np.uint64(1)


def texts(raw: np.ndarray, starts: np.ndarray, stops: np.ndarray, errors: str = "strict") -> list[str]:
    """The stretches as text.

    Raises:
        UnicodeDecodeError: one of them is not UTF-8, with `errors` "strict".
    """
    found: list[str] = []
    for rows, data, widths in _gathered(raw, starts, stops):
        lines = np.full(len(data) + len(widths), _NEWLINE, np.uint8)
        lines[np.arange(len(data)) + np.repeat(np.arange(len(widths)), widths)] = data
        found += lines.tobytes().decode("utf-8", errors).split("\n")[: rows.stop - rows.start]
    return found


def blank(raw: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Which stretches are empty or hold white space alone: bool `[N]`."""
    found = stops == starts
    heads = raw[np.where(found, 0, starts)]
    suspects = np.flatnonzero(found | (heads <= _BLANK) | (heads >= _DELETE))  # white space may be beyond ASCII
    found[suspects] = [not text.strip() for text in texts(raw, starts[suspects], stops[suspects], "replace")]
    return found


def distinct(raw: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which stretches are the same.

    Returns:
        first int64 `[D]`: where each different stretch comes first, ascending; and places int32 `[N]`: which of
        them every stretch is, so that stretch n equals stretch `first[places[n]]`.
    """
    if _all_the_same(raw, starts, stops):
        return np.zeros(1, np.int64), np.zeros(len(starts), np.int32)
    hashes = np.empty(len(starts), np.uint64)
    for rows, data, widths in _gathered(raw, starts, stops):
        ends = np.cumsum(widths)
        position = np.arange(len(data)) - np.repeat(ends - widths, widths)
        terms = (data.astype(np.uint64) + np.uint64(1)) * _WEIGHTS[position & (len(_WEIGHTS) - 1)]
        sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)])
        hashes[rows] = sums[ends] - sums[ends - widths]
    _, first, places = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order))
    first, places = first[order], ranks[places]
    same = first[places]
    if _equal(raw, starts, stops, starts[same], stops[same]):
        return first, places
    return _distinct_one_by_one(raw, starts, stops)  # two of them share a hash


def _all_the_same(raw, starts, stops) -> bool:
    widths = stops - starts
    if not len(widths) or (widths != widths[0]).any():
        return False
    return all((raw[starts + place] == raw[starts[0] + place]).all() for place in range(widths[0]))


def _equal(raw, starts, stops, other_starts, other_stops) -> bool:
    moved = np.flatnonzero(starts != other_starts)  # the others are compared with themselves
    starts, stops, other_starts, other_stops = (a[moved] for a in (starts, stops, other_starts, other_stops))
    if not np.array_equal(stops - starts, other_stops - other_starts):
        return False
    pairs = zip(_gathered(raw, starts, stops), _gathered(raw, other_starts, other_stops), strict=True)
    return all(np.array_equal(one, other) for (_, one, _), (_, other, _) in pairs)


def _distinct_one_by_one(raw, starts, stops) -> tuple[np.ndarray, np.ndarray]:
    seen: dict[bytes, int] = {}
    first, places = [], np.empty(len(starts), np.int32)
    for row, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        places[row] = seen.setdefault(raw[start:stop].tobytes(), len(seen))
        if len(first) < len(seen):
            first.append(row)
    return np.array(first, np.int64), places


def _gathered(raw, starts, stops) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Blocks of stretches: which, their bytes one after the other, and the number of bytes of each."""
    ends = np.cumsum(stops - starts)
    cuts = np.searchsorted(ends, np.arange(_BLOCK, ends[-1] + 1, _BLOCK) if len(ends) else [], "right")
    cuts = np.unique(np.concatenate([[0], cuts, [len(starts)]]).astype(np.int64))
    for begin, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        rows = slice(begin, end)
        widths = stops[rows] - starts[rows]
        shifts = np.repeat(starts[rows] - (np.cumsum(widths) - widths), widths)
        yield rows, raw[shifts + np.arange(len(shifts))], widths
