"""Against plain slices and dictionaries."""

import numpy as np
import pytest

from fairseq_signals.data import byte_spans


def _cells(cells: list[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells between separators, in an order of their own, and where they stand."""
    parts = [cell.encode() for cell in cells]
    stops = np.cumsum([len(part) + 1 for part in parts]) - 1
    return np.frombuffer(b"\t".join(parts) + b"\t", np.uint8), stops - [len(part) for part in parts], stops


def _random(number: int) -> list[str]:
    generator = np.random.default_rng(number)
    pool = [
        "",
        "a",
        "aa",
        "aaa",
        "ab",
        "ba",
        "é",
        "e",
        "\u0000",
        "\u0000\u0000",
        "x" * 5000,
        "x" * 4999 + "y",
        "0",
        "00",
    ]
    pool += [str(n) for n in generator.integers(0, 10**6, 100)]
    return [pool[n] for n in generator.integers(0, len(pool), 600)]


def _plain(cells: list[str]) -> tuple[list[int], list[int]]:
    seen: dict[str, int] = {}
    places = [seen.setdefault(cell, len(seen)) for cell in cells]
    return [cells.index(cell) for cell in seen], places


@pytest.mark.parametrize("block", [1, 13, 5000, 1 << 18])
@pytest.mark.parametrize("number", [0, 1])
def test_cells_are_read_and_told_apart_as_by_a_plain_loop(monkeypatch, block, number):
    monkeypatch.setattr(byte_spans, "_BLOCK", block)
    cells = _random(number)
    spans = _cells(cells)
    assert byte_spans.texts(*spans) == cells
    first, places = byte_spans.distinct(*spans)
    assert (first.tolist(), places.tolist()) == _plain(cells)
    order = np.random.default_rng(number).permutation(len(cells))  # stretches need not stand in order
    raw, starts, stops = spans
    assert byte_spans.texts(raw, starts[order], stops[order]) == [cells[place] for place in order]


def test_cells_that_share_a_hash_are_told_apart_all_the_same(monkeypatch):
    monkeypatch.setattr(byte_spans, "_WEIGHTS", np.zeros(4096, np.uint64))
    cells = _random(2)
    first, places = byte_spans.distinct(*_cells(cells))
    assert (first.tolist(), places.tolist()) == _plain(cells)
    cells = ["ab", "ba", "ab", "cd"]  # of one length and one hash
    first, places = byte_spans.distinct(*_cells(cells))
    assert (first.tolist(), places.tolist()) == ([0, 1, 3], [0, 1, 0, 2])
    first, places = byte_spans.distinct(*_cells(["aa", "a", "aaa"]))  # whose bytes are as those of aa, aa, aa
    assert (first.tolist(), places.tolist()) == ([0, 1, 2], [0, 1, 2])


@pytest.mark.parametrize("cells", [[], ["same"] * 5, [""] * 3, ["one"], ["", "x"], ["same", "sane", "same"]])
def test_columns_that_hold_one_thing_or_nothing(cells):
    first, places = byte_spans.distinct(*_cells(cells))
    assert (first.tolist(), places.tolist()) == _plain(cells)
    assert byte_spans.texts(*_cells(cells)) == cells


def test_blank_is_what_python_strips():
    cells = [
        "",
        " ",
        "\x0b\x0c",
        "\x1c\x1d",
        "\x85",
        "\u00a0 ",
        "\u3000",
        "\u200b",
        "\x00",
        "\x7f",
        "a",
        " a",
        "é",
        "\u3042 ",
        "-",
    ]
    found = byte_spans.blank(*_cells(cells))
    assert found.tolist() == [not cell.strip() for cell in cells]
    assert found.sum() == 7
