"""Tables as pictures: what stands on the figure is measured, and the file's margins are white."""

import matplotlib.image
import numpy as np
import pytest

from fairseq_signals.evaluation.study_layout import TableLayout, TableRow, TableTask
from fairseq_signals.evaluation.study_picture import draw_table, table_figure
from fairseq_signals.evaluation.study_table import fill

TASKS = (TableTask("diagnosis", "Dx.", "cinc_score"), TableTask("identification", "Id.", "rank1"))
METRIC = {task.name: task.metric for task in TASKS}
COLUMNS = {"12": "12-lead", "P-6": "P-6-lead", "1": "1"}


def filled(title="Table 1", columns=COLUMNS, notes=(), rows=("w2v", "cmsc", "both"), published=True):
    labels = tuple(TableRow(row, f"{row.upper()} ($p$ = 0.5)", "Baselines" if row == "w2v" else "") for row in rows)
    places = [(row, task, column) for row in rows for task in METRIC for column in columns]
    generator = np.random.default_rng(0)
    runs = [
        {"table": "t", "row": row, "task": task, "column": column, "metric": METRIC[task], "seed": seed, "value": value}
        for row, task, column in places
        if (row, column) != ("cmsc", "1")
        for seed, value in enumerate(generator.uniform(-0.2, 1, 1 if row == "both" else 3))
    ]
    paper = {("t", *place, METRIC[place[1]]): (0.5, 0.01) for place in places} if published else {}
    return fill(TableLayout("t", title, labels, columns, TASKS, notes=notes), runs, paper)


def extents(figure):
    """Left, lower, right and upper end of every text and line, in pixels; the figure's size."""
    renderer = figure.canvas.get_renderer()
    texts = [(text.get_text(), text.get_window_extent(renderer).extents) for text in figure.texts_and_lines[0]]
    lines = [(line, line.get_window_extent(renderer).extents) for line in figure.texts_and_lines[1]]
    return texts, lines, figure.bbox.size


@pytest.fixture
def figure_of():
    from matplotlib.lines import Line2D
    from matplotlib.text import Text

    def make(table):
        figure = table_figure(table)
        figure.texts_and_lines = figure.findobj(Text), figure.findobj(Line2D)
        return figure

    return make


@pytest.mark.parametrize(
    "table",
    [
        filled(),
        filled(title="Test performances of a single model on 12, 6 and 1 leads, the others filled with zero. " * 4),
        filled(columns={"12": "a column with a very long label", "1": "1"}, rows=("w2v", "cmsc")),
        filled(notes=("WWWW " * 80, "Supercalifragilistic" * 12), columns={"12": "12"}, published=False),
    ],
    ids=["usual", "long title", "long label", "long notes"],
)
def test_nothing_is_cut_off_and_nothing_overlaps(figure_of, table):
    texts, lines, (width, height) = extents(figure_of(table))
    for text, (left, lower, right, upper) in texts + lines:
        assert 20 < left and right < width - 20 and 20 < lower and upper < height - 20, text
    boxes = [(text, *box) for text, box in texts]
    for text, _, lower, _, upper in boxes:
        assert not any(lower <= rule <= upper for _, (_, rule, _, _) in lines), text
    for number, (text, left, lower, right, upper) in enumerate(boxes):
        for other, left2, lower2, right2, upper2 in boxes[number + 1 :]:
            assert right <= left2 or right2 <= left or upper <= lower2 or upper2 <= lower, (text, other)


def test_every_number_is_there_and_looks_as_it_should(figure_of):
    table = filled()
    figure = figure_of(table)
    texts = {}
    for text in figure.texts_and_lines[0]:
        texts.setdefault(text.get_text(), []).append(text)
    best = [f"{cell.mean:.3f}" for cell in table.cells.values() if cell.bold]
    assert len(best) == 6
    bold = [name for name, found in texts.items() for text in found if text.get_weight() == "bold"]
    numbers = sorted(name.split()[0] for name in bold if name[0] in "0-" and " " in name)
    assert numbers == sorted(best)
    assert len(texts["(0.500)"]) == 3 * 2 * 3 and {text.get_color() for text in texts["(0.500)"]} == {"#707070"}
    assert len(texts["-"]) == 2 and len(texts["Baselines"]) == 1
    assert not any(text.get_parse_math() for text in figure.texts_and_lines[0])  # a dollar in a label is a dollar
    assert "W2V ($p$ = 0.5)" in texts and set(COLUMNS.values()) <= set(texts)
    assert sum(name.endswith("[1]") for name in texts) == 2 * 3


def test_three_rules_enclose_header_and_rows(figure_of):
    figure = figure_of(filled())
    texts, lines, _ = extents(figure)
    top, below_header, bottom = sorted((box[1] for _, box in lines), reverse=True)
    places = {text: box for text, box in texts}
    assert top > places["12-lead"][3] and places["12-lead"][1] > below_header > places["Baselines"][3]
    assert places["Table 1"][1] > top and places["BOTH ($p$ = 0.5)"][1] > bottom > places[texts[-1][0]][3]


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_the_file_is_a_picture(tmp_path, ending):
    draw_table(filled(), tmp_path / "new" / f"table.{ending}")
    assert (tmp_path / "new" / f"table.{ending}").stat().st_size > 5000


def test_the_margins_of_the_file_are_white(tmp_path):
    draw_table(filled(), tmp_path / "table.png")
    picture = matplotlib.image.imread(tmp_path / "table.png")[..., :3]
    inside = picture[20:-20, 20:-20].copy()
    assert inside.min() < 0.2
    picture[20:-20, 20:-20] = 1
    assert picture.min() == 1
