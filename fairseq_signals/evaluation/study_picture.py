"""A study's table as a picture, as a journal prints it: rules above and below, bold print, the paper's values in grey.

Conventions:
    Lengths are inches from the upper left corner. Widths are measured on the letters themselves, so the sheet is as
    large as what stands on it. The file's ending chooses the format (png, pdf, svg).
"""

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from fairseq_signals.evaluation.study_layout import Table, TableRow
from fairseq_signals.evaluation.study_text import cell_parts

_DPI = 150
_EDGE = 0.25
_LINE = 0.21  # from one line of words to the next
_GAP = 0.3  # between two columns
_NARROW = 0.08  # between our value and the paper's
_SHORTEST = 6.0  # inches of a title's or a note's line, however narrow the table
_TITLE = {"fontsize": 11, "weight": "bold"}
_HEAD = {"fontsize": 10, "weight": "bold"}
_HEADING = {"fontsize": 10, "style": "italic"}
_PLAIN = {"fontsize": 10, "weight": "normal"}
_PAPER = {"fontsize": 10, "color": "#707070"}
_NOTE = {"fontsize": 9, "color": "#333333"}

Style = dict[str, Any]


def draw_table(table: Table, path: str | Path) -> None:
    """Draws the table into a file; missing folders are made."""
    figure = table_figure(table)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def table_figure(table: Table) -> Figure:
    """The figure that `draw_table` writes."""
    sheet = _Sheet()
    places, end = _places(sheet, table)
    width = max(end - _EDGE, _SHORTEST)
    sheet.paragraph(table.layout.title, width, _TITLE)
    sheet.rule(1.2)
    heads = table.layout.columns.values()
    sheet.line((places[2 + number * 2], label, _HEAD) for number, label in enumerate(heads))
    sheet.rule(0.6)
    for row in table.layout.rows:
        if row.heading:
            sheet.line([(_EDGE, row.heading, _HEADING)])
        for words in _lines(table, row):
            sheet.line((place, text, style) for place, (text, style) in zip(places, words, strict=True))
        sheet.y += 0.05
    sheet.rule(1.2)
    for note in table.notes:
        sheet.paragraph(note, width, _NOTE)
    return sheet.finished(end)


def _lines(table: Table, row: TableRow) -> list[list[tuple[str, Style]]]:
    """A line per task: the row's label, the task's, and for each column our value and the paper's."""
    lines = []
    for task in table.layout.tasks:
        label = row.label if task is table.layout.tasks[0] else ""
        line = [(label, _PLAIN), (task.label, _PLAIN)]
        for column in table.layout.columns:
            cell = table.cells[row.name, task.name, column]
            ours, runs, paper = cell_parts(cell, table.layout.wanted(row))
            line += [(f"{ours} {runs}".rstrip(), _HEAD if cell.bold else _PLAIN), (paper, _PAPER)]
        lines.append(line)
    return lines


def _places(sheet: "_Sheet", table: Table) -> tuple[list[float], float]:
    """The left end of each part of a line, and the right end of the last."""
    lines = [line for row in table.layout.rows for line in _lines(table, row)]
    widths = [max(sheet.width(*words) for words in part) for part in zip(*lines, strict=True)]
    places, end = [_EDGE, _EDGE + widths[0] + _GAP], _EDGE + widths[0] + _GAP + widths[1]
    for label, ours, paper in zip(table.layout.columns.values(), widths[2::2], widths[3::2], strict=True):
        start = end + _GAP
        places += [start, start + ours + _NARROW]
        end = start + max(ours + (_NARROW + paper if paper else 0), sheet.width(label, _HEAD))
    return places, end


class _Sheet:
    """A figure that grows downwards: `y` is how far it has come."""

    def __init__(self):
        self.figure = Figure(dpi=_DPI)
        self.renderer = FigureCanvasAgg(self.figure).get_renderer()
        self.y = _EDGE
        self.words: list[tuple[float, float, Text]] = []
        self.rules: list[tuple[float, Line2D]] = []

    def width(self, text: str, style: Style) -> float:
        """How wide a text is."""
        return self._text(text, style).get_window_extent(self.renderer).width / _DPI

    def line(self, words: Iterable[tuple[float, str, Style]]) -> None:
        """Writes (left end, text, style) on one line."""
        self.y += _LINE
        for place, text, style in words:
            if text:
                self.words.append((place, self.y - 0.06, self._text(text, style)))

    def paragraph(self, text: str, width: float, style: Style) -> None:
        """Writes a text on as many lines as it needs."""
        letters = int(len(text) * width / max(self.width(text, style), width))
        for line in textwrap.wrap(text, letters):
            self.line([(_EDGE, line, style)])

    def rule(self, thickness: float) -> None:
        """Draws a rule across the table, with room on both sides."""
        self.y += 0.06
        self.rules.append((self.y, Line2D([], [], color="black", linewidth=thickness)))
        self.y += 0.04

    def finished(self, end: float) -> Figure:
        """The figure with all of it, as large as it needs to be; rules end at `end`."""
        ends = [place + text.get_window_extent(self.renderer).width / _DPI for place, _, text in self.words]
        width, height = max([end, *ends]) + _EDGE, self.y + _EDGE
        self.figure.set_size_inches(width, height)
        for place, y, text in self.words:
            text.set_position((place / width, 1 - y / height))
            self.figure.add_artist(text)
        for y, line in self.rules:
            line.set_data([_EDGE / width, end / width], [1 - y / height] * 2)
            self.figure.add_artist(line)
        return self.figure

    def _text(self, text: str, style: Style) -> Text:
        words = Text(0, 0, text, parse_math=False, **style)
        words.set_figure(self.figure)
        return words
