"""Tables as text and as a file: read by eye, and read back."""

import csv
import math

import pytest

from fairseq_signals.evaluation.study_layout import TableLayout, TableRow, TableTask
from fairseq_signals.evaluation.study_table import fill
from fairseq_signals.evaluation.study_text import table_text, write_table_tsv

TASKS = (TableTask("diagnosis", "Dx.", "macro_auc"), TableTask("identification", "Id.", "rank1"))
METRIC = {task.name: task.metric for task in TASKS}
PUBLISHED = {
    ("table1", "w2v", "identification", "12", "rank1"): (0.492, 0.004),
    ("table1", "w2v", "diagnosis", "12", "cinc_score"): (0.714, 0.011),
}


def layout(**settings):
    rows = (TableRow("w2v", "W2V", heading="Baselines"), TableRow("both", "W2V+CMSC", heading="Our methods"))
    return TableLayout("table1", "Table 1: leads", rows, {"12": "12-lead", "P-1": "P-1-lead"}, TASKS, **settings)


def runs():
    cells = [
        ("w2v", "diagnosis", "12", (0.70, 0.72, 0.71)),
        ("w2v", "identification", "12", (0.5, 0.5, 0.5)),
        ("both", "diagnosis", "12", (0.9,)),
        ("both", "identification", "12", (0.4, math.nan, 0.4)),
        ("both", "diagnosis", "P-1", (0.6, 0.6)),
    ]
    return [
        {
            "table": "table1",
            "row": row,
            "task": task,
            "column": column,
            "metric": METRIC[task],
            "seed": seed,
            "value": value,
        }
        for row, task, column, values in cells
        for seed, value in enumerate(values)
    ]


def test_the_table_by_eye():
    assert table_text(fill(layout(), runs(), PUBLISHED)).splitlines() == [
        "Table 1: leads",
        "",
        "                   12-lead                  P-1-lead",
        "Baselines",
        "  W2V       Dx.    0.710 ± 0.025            -",
        "            Id.    0.500 ± 0.000 (0.492)    -",
        "Our methods",
        "  W2V+CMSC  Dx.  **0.900** [1]              0.600 ± 0.000 [2]",
        "            Id.    nan                      -",
        "",
        "±: half-width of the mean's 95 % confidence interval over seeds (Student's t); (value): the paper's, on the",
        "paper's data; bold: the highest mean of a column and task; -: no run; nan: a run without a score; [n]: n runs",
        "where 3 are wanted",
        "Dx. is macro_auc (the paper's cinc_score is not comparable with it and not shown); Id. is rank1",
    ]


def test_a_terminal_gets_bold_print_for_asterisks():
    styled = table_text(fill(layout(), runs(), PUBLISHED), styled=True)
    assert "\033[1m0.900\033[0m [1]" in styled and "**" not in styled
    bare = styled.replace("\033[1m", "").replace("\033[0m", "").splitlines()
    starts = {
        line.index(number)
        for line, number in zip(bare[4:9], ("0.710", "0.500", "Our", "0.900", "nan"), strict=True)
        if number != "Our"
    }
    assert len(starts) == 1  # digits stand below digits


def test_a_table_without_bold_print_headings_or_paper_is_bare():
    rows = (TableRow("w2v", "W2V"),)
    bare = TableLayout("table1", "Leads", rows, {"12": "12-lead"}, TASKS[:1], seeds=1)
    run = {"table": "table1", "row": "w2v", "task": "diagnosis", "column": "12", "metric": "macro_auc", "seed": 1}
    text = table_text(fill(bare, [run | {"value": 0.9996}]))
    assert text.splitlines() == ["Leads", "", "          12-lead", "W2V  Dx.  1.000", "", "Dx. is macro_auc"]


def test_the_file_says_what_the_table_holds(tmp_path):
    table = fill(layout(), runs(), PUBLISHED)
    other = fill(TableLayout("table3", "RLM", (TableRow("w2v", "W2V"),), {"12": "12"}, TASKS[1:]), [])
    write_table_tsv(tmp_path / "new" / "tables.tsv", [table, other])
    with (tmp_path / "new" / "tables.tsv").open() as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    header = "table row task column metric n mean half_width bold published published_spread"
    assert list(lines[0]) == header.split()
    assert len(lines) == 2 * 2 * 2 + 1
    assert list(lines[2].values()) == [
        "table1", "w2v", "identification", "12", "rank1", "3", "0.5", "0", "0", "0.492", "0.004",
    ]  # fmt: skip
    assert [line["bold"] for line in lines].count("1") == 1
    assert list(lines[-1].values())[:6] == ["table3", "w2v", "identification", "12", "rank1", "0"]
    for line in lines[:-1]:
        cell = table.cells[line["row"], line["task"], line["column"]]
        read = [float(line[name]) for name in ("n", "mean", "half_width", "bold", "published", "published_spread")]
        held = [cell.n, cell.mean, cell.half_width, float(cell.bold), cell.published, cell.published_spread]
        assert read == pytest.approx(held, rel=1e-5, nan_ok=True)
