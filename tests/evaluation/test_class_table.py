"""The classes of a data set, drawn from counts made by hand."""

from collections import Counter
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairseq_signals.evaluation.class_table import draw_class_table, named, shortened
from fairseq_signals.evaluation.data_counts import DataCounts, ManifestCounts


def drawn(classes, **splits):
    """Lines of the table by class; each split is (present, unknown)."""
    counts = DataCounts(Path(), {}, {name: ManifestCounts(9) for name in splits}, tuple(classes))
    for name, (present, unknown) in splits.items():
        counts.present[name], counts.unknown[name] = Counter(present), Counter(unknown)
    figure = Figure(figsize=(16.5, 11.7))
    FigureCanvasAgg(figure)
    draw_class_table(figure, counts)
    figure.canvas.draw()
    lines = {}
    for axes in figure.axes:
        names = [text.get_text() for text in axes.get_yticklabels()]
        widths = [bar.get_width() for bar in axes.patches]
        for text in axes.texts:
            line = text.get_position()[1]
            key = ("head", None) if line < 0 else (names[line], widths[line]) if names else (text.get_text(), None)
            lines.setdefault(key, []).append(text.get_text())
    return lines, figure


def test_numbers_stand_beside_their_class_and_bar():
    lines, _ = drawn(
        ["B", "A", "NEVER"],
        train=({"A": 5, "B": 1200}, {"A": 2, "NEVER": 9}),
        test=({"A": 1}, {"NEVER": 9}),
    )
    assert list(lines.items()) == [
        (("head", None), ["all", "train", "test", "unknown"]),
        (("B", 1200), ["1,200", "1,200", "0", ""]),
        (("A", 6), ["6", "5", "1", "2"]),
        (("NEVER", 0), ["0", "0", "0", "18"]),
    ]


def test_one_split_is_not_told_twice():
    lines, _ = drawn(["A"], train=({"A": 5}, {}))
    assert lines == {("head", None): ["all", "unknown"], ("A", 5): ["5", ""]}


def test_no_classes_are_an_empty_table():
    lines, figure = drawn([], train=({}, {}))
    assert lines == {("no labels", None): ["no labels"]} and len(figure.axes) == 1


@pytest.mark.parametrize(("number", "columns", "told"), [(40, 1, 40), (41, 2, 41), (81, 2, 80)])
def test_classes_fill_columns(number, columns, told):
    names = [f"C{place:02d}" for place in range(number)]
    lines, figure = drawn(names, train=(dict(zip(names, range(number, 0, -1), strict=True)), {}))
    shown = [name for name, _ in lines if name != "head"]
    assert len(figure.axes) == columns and shown == names[:told]
    assert ("not shown: 1 rarer classes with 1 labels" in figure.texts[0].get_text()) == (number > 80)


def test_long_names_are_shortened():
    assert shortened("426783006", 9) == "426783006" and shortened("4267830061", 9) == "42678300…"


def test_codes_of_the_challenge_come_with_their_abbreviation():
    assert [named(code) for code in ("426783006", "63593006", "427172004|17338001", "NORM", "1")] == [
        "NSR 426783006", "PAC 63593006", "PVC 427172004|17338001", "NORM", "1",
    ]  # fmt: skip
    lines, _ = drawn(["427393009"], train=({"427393009": 3}, {}))
    assert lines["SA 427393009", 3] == ["3", ""]
