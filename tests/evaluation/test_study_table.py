"""A study's table, filled: means by hand, bold print as the paper's own, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest

from fairseq_signals.evaluation.published import read_published
from fairseq_signals.evaluation.study_layout import Cell, TableLayout, TableRow, TableTask
from fairseq_signals.evaluation.study_table import fill

OH2022 = Path(__file__).resolve().parents[2] / "examples" / "oh2022" / "published.tsv"
TASKS = (TableTask("diagnosis", "Dx.", "cinc_score"), TableTask("identification", "Id.", "rank1"))
DIAGNOSIS = TASKS[:1]


def layout(rows=("w2v", "cmsc", "both"), columns=("12", "P-1"), tasks=DIAGNOSIS, **settings):
    rows = tuple(row if isinstance(row, TableRow) else TableRow(row, row.upper()) for row in rows)
    return TableLayout("table1", "A table", rows, {name: f"{name}-lead" for name in columns}, tasks, **settings)


def run(row, value, seed=1, column="12", **changes):
    run = {"table": "table1", "row": row, "task": "diagnosis", "column": column, "metric": "cinc_score"}
    return run | {"seed": seed, "value": value} | changes


def bold(table):
    return {place for place, cell in table.cells.items() if cell.bold}


def test_a_cell_is_its_runs_and_the_paper():
    runs = [run("w2v", value, seed) for seed, value in enumerate((0.70, 0.72, 0.71))]
    runs += [run("w2v", 0.9, table="table2"), run("cmsc", 0.5, column="P-1") | {"path": "runs/1"}]
    published = {
        ("table1", "w2v", "diagnosis", "12", "cinc_score"): (0.714, 0.011),
        ("table2", "w2v", "diagnosis", "P-1", "cinc_score"): (0.3, 0.1),
    }
    table = fill(layout(), runs, published)
    assert list(table.cells) == [
        (row, "diagnosis", column) for row in ("w2v", "cmsc", "both") for column in ("12", "P-1")
    ]
    cell = table.cells["w2v", "diagnosis", "12"]
    # standard deviation 0.01, t 4.303, sqrt(3)
    assert (cell.n, cell.published, cell.published_spread) == (3, 0.714, 0.011)
    assert (cell.mean, cell.half_width) == pytest.approx((0.71, 0.02484), abs=5e-6)
    single = table.cells["cmsc", "diagnosis", "P-1"]
    assert (single.n, single.mean) == (1, 0.5) and math.isnan(single.half_width) and math.isnan(single.published)
    empty = table.cells["w2v", "diagnosis", "P-1"]
    assert empty.n == 0 and np.isnan([empty.mean, empty.half_width, empty.published]).all()
    assert not bold(table)  # one value in a column is not the best of anything


def test_the_best_of_each_column_and_task_is_bold():
    runs = [run("w2v", 0.6), run("w2v", 0.8, 2), run("cmsc", 0.69), run("both", 0.9, column="P-1")]
    runs += [
        run("cmsc", 0.2, task="identification", metric="rank1"),
        run("w2v", 0.1, task="identification", metric="rank1"),
    ]
    table = fill(layout(tasks=TASKS), runs)
    assert bold(table) == {("w2v", "diagnosis", "12"), ("cmsc", "identification", "12")}


def test_equal_means_are_bold_together():
    # 0.1 + 0.2 and 0.3 differ in the last digit, and so would the bold print
    runs = [
        run("w2v", 0.1),
        run("w2v", 0.2, 2),
        run("cmsc", 0.15),
        run("both", 0.15 - 1e-6),
        run("both", math.nan, column="P-1"),
    ]
    assert bold(fill(layout(), runs)) == {("w2v", "diagnosis", "12"), ("cmsc", "diagnosis", "12")}


def test_a_run_without_a_score_is_not_averaged_away():
    runs = [
        run("w2v", 0.9),
        run("w2v", math.nan, 2),
        run("cmsc", 0.3),
        run("both", 0.2),
        run("both", None, column="P-1"),
    ]
    table = fill(layout(), runs)
    cell = table.cells["w2v", "diagnosis", "12"]
    assert cell.n == 2 and math.isnan(cell.mean)
    assert table.cells["both", "diagnosis", "P-1"].n == 1 and math.isnan(table.cells["both", "diagnosis", "P-1"].mean)
    assert bold(table) == {("cmsc", "diagnosis", "12")}
    assert "nan: a run without a score" in " ".join(table.notes)


def test_improvement_is_over_the_rows_own_baseline():
    rows = (
        "w2v",
        TableRow("w2v_rlm", "W2V+RLM", baseline="w2v"),
        "cmsc",
        TableRow("cmsc_rlm", "CMSC+RLM", baseline="cmsc"),
    )
    runs = [run("w2v", 0.8), run("w2v_rlm", 0.7), run("cmsc", 0.3), run("cmsc_rlm", 0.4)]
    runs += [run("w2v", 0.5, column="P-1"), run("w2v_rlm", 0.5, column="P-1"), run("cmsc_rlm", 0.4, column="P-1")]
    table = fill(layout(rows, highlight="improvement"), runs)
    assert bold(table) == {("cmsc_rlm", "diagnosis", "12")}  # equal is no improvement, nor is anything over nothing
    assert "bold: a higher mean (W2V+RLM over W2V, CMSC+RLM over CMSC)" in " ".join(table.notes)


# Rows in bold print in the paper, by table, task and column; its tables 1 and 2 without their last column.
PRINTED_BOLD = {
    ("table1", "diagnosis_segments"): {column: ["w2v_cmsc_rlm"] for column in ("12", "P-6", "P-3", "P-2")},
    ("table1", "identification"): {column: ["w2v_cmsc_rlm"] for column in ("12", "P-6", "P-3", "P-2")},
    ("table2", "diagnosis_segments"): {"12": ["w2v_cmsc_rlm"], "6": ["w2v"], "3": ["w2v"], "2": ["w2v"]},
    ("table2", "identification"): {"12": ["w2v_cmsc_rlm"], "6": ["w2v_cmsc"], "3": ["w2v_cmsc"], "2": ["w2v_cmsc"]},
    ("table3", "diagnosis_segments"): {
        column: ["cmsc_rlm", "w2v_rlm"] for column in ("12", "P-6", "P-3", "P-2", "P-1")
    },
    ("table3", "identification"): {
        "12": ["cmsc_rlm"],
        "P-6": ["cmsc_rlm", "w2v_rlm"],
        "P-3": ["cmsc_rlm"],
        "P-2": ["cmsc_rlm"],
        "P-1": ["cmsc_rlm", "w2v_rlm"],
    },
    # Not P-1 of the diagnosis: the paper prints 0.554 of RLM in bold, though RLM+Physio(4) has 0.562.
    ("table4", "diagnosis_segments"): {column: ["w2v_cmsc_rlm"] for column in ("12", "P-6", "P-3", "P-2")},
    ("table4", "identification"): {
        "12": ["w2v_cmsc_rlm"],
        "P-6": ["w2v_cmsc_rlm_physio3"],
        "P-3": ["w2v_cmsc_rlm"],
        "P-2": ["w2v_cmsc_rlm_physio3"],
        "P-1": ["w2v_cmsc_rlm_physio3"],
    },
}


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4"])
def test_the_papers_numbers_are_bold_where_the_paper_prints_them_so(name):
    published = read_published(OH2022)
    cells = {key: value for key, (value, _) in published.items() if key[0] == name}
    baselines = {"w2v_rlm": "w2v", "cmsc_rlm": "cmsc"} if name == "table3" else {}
    rows = tuple(TableRow(row, row, baseline=baselines.get(row, "")) for row in dict.fromkeys(key[1] for key in cells))
    columns = {key[3]: key[3] for key in cells}
    highlight = "improvement" if baselines else "best"
    runs = [
        dict(zip(("table", "row", "task", "column", "metric"), key, strict=True), seed=1, value=value)
        for key, value in cells.items()
    ]
    tasks = (TableTask("diagnosis_segments", "Dx.", "cinc_score_windows"), TASKS[1])
    table = fill(TableLayout(name, name, rows, columns, tasks, highlight, seeds=1), runs, published)
    for (printed_table, task), columns in PRINTED_BOLD.items():
        for column, printed in columns.items() if printed_table == name else ():
            assert sorted(row for row, *place in bold(table) if place == [task, column]) == printed, (task, column)
    assert all(cell.mean == cell.published or cell.n == 0 for cell in table.cells.values())


def test_a_published_value_in_another_metric_is_not_shown_and_said_so():
    published = {("table1", "w2v", "diagnosis", "12", "cinc_score"): (0.714, 0.011)}
    tasks = (TableTask("diagnosis", "Dx.", "macro_auc"),)
    runs = [run("w2v", 0.9, metric="macro_auc"), run("w2v", 0.4, metric="cinc_score")]
    table = fill(layout(tasks=tasks), runs, published)
    cell = table.cells["w2v", "diagnosis", "12"]
    assert cell.mean == 0.9 and cell.n == 1 and math.isnan(cell.published) and math.isnan(cell.published_spread)
    assert table.notes[-1] == (
        "Dx. is macro_auc (the paper's cinc_score is not comparable with it and not shown; "
        "runs in cinc_score are not shown)"
    )


def test_notes_explain_the_signs_that_occur_and_no_others():
    rows = ("w2v", TableRow("median_beat", "Median beat", seeds=1))
    runs = [
        run(row, 0.5 if row == "w2v" else 0.6, column=column)
        for row in ("w2v", "median_beat")
        for column in ("12", "P-1")
    ]
    short = fill(layout(rows, notes=("Synthetic ECGs.",)), runs)
    assert short.notes == (
        "Synthetic ECGs.",
        "bold: the highest mean of a column and task; [n]: n runs where 3 are wanted",
        "Dx. is cinc_score",
    )
    runs += [run("w2v", 0.5, seed, column) for seed in (2, 3) for column in ("12", "P-1")]
    whole = fill(layout(rows), runs, {("table1", "w2v", "diagnosis", "12", "cinc_score"): (0.7, math.nan)})
    assert whole.notes == (
        "±: half-width of the mean's 95 % confidence interval over seeds (Student's t); (value): the paper's, on the "
        "paper's data; bold: the highest mean of a column and task",
        "Dx. is cinc_score",
    )
    assert fill(layout(rows), []).notes == ("-: no run", "Dx. is cinc_score")


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (
            [run("w2v", 0.5), run("w2v", 0.6, "1")],
            r"runs of a cell must differ in their seed, got 1 twice \(table1, w2v ",
        ),
        (
            [run("moco", 0.5)],
            r"run must belong to a row, task and column of its table, got none \(table1, moco diagnosis",
        ),
        ([run("w2v", 0.5, column="6")], r"got none \(table1, w2v diagnosis 6\)"),
        ([run("w2v", math.inf)], "value of a run must be a finite number, NaN or None, got inf"),
        ([run("w2v", "0.5")], "value of a run must be a finite number, NaN or None, got '0.5'"),
        (
            [{"table": "table1", "row": "w2v"}],
            "run must have table, row, .*, got none of task, column, metric, seed, value",
        ),
    ],
)
def test_runs_that_fit_no_cell_are_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        fill(layout(), runs)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"highlight": "worst"}, r"highlight must be best or improvement, got 'worst' \(table1\)"),
        ({"rows": ("w2v", "w2v")}, r"rows must be at least one and differ in name, got \['w2v', 'w2v'\]"),
        ({"columns": ()}, r"columns must be at least one and differ in name, got \[\]"),
        ({"tasks": ()}, r"tasks must be at least one"),
        ({"rows": (TableRow("a", "A", baseline="b"),)}, "baseline of a must be another row, got b"),
        ({"rows": (TableRow("a", "A", baseline="a"),)}, "baseline of a must be another row, got a"),
        ({"seeds": 0}, r"seeds must be at least 1, got 0 \(table1, w2v\)"),
    ],
)
def test_a_layout_that_contradicts_itself_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        layout(**changes)


def test_an_empty_cell_has_nothing():
    cell = Cell()
    assert cell.n == 0 and not cell.bold and math.isnan(cell.mean)


def test_the_runs_deviation_stands_where_the_layout_says_so():
    runs = [run("w2v", value, seed) for seed, value in enumerate((0.70, 0.72, 0.71))]
    table = fill(layout(spread="deviation"), runs)
    assert table.cells["w2v", "diagnosis", "12"].half_width == pytest.approx(0.01)
    assert any("±: standard deviation of the runs" in note for note in table.notes)
    assert not any("confidence" in note for note in table.notes)
