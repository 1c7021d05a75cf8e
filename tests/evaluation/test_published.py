"""Published values: read strictly; those of Oh et al. 2022 agree with each other and with the paper's sentences."""

import math
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from fairseq_signals.evaluation.published import read_published

OH2022 = Path(__file__).resolve().parents[2] / "examples" / "oh2022" / "published.tsv"
HEADER = "table\trow\ttask\tcolumn\tmetric\tvalue\tspread\n"
METRICS = {"diagnosis_segments": "cinc_score_windows", "identification": "rank1"}


@pytest.fixture(scope="module")
def oh2022():
    return read_published(OH2022)


def test_every_table_has_its_cells(oh2022):
    # Tables 1 and 2 without their last column, which the text at hand lacks; the six P-1 cells of table 1 for W2V,
    # CMSC and W2V+CMSC+RLM are those of tables 3 and 4.
    assert Counter(key[0] for key in oh2022) == {
        "table1": 7 * 2 * 4 + 6,
        "table2": 5 * 2 * 4,
        "table3": 4 * 2 * 5,
        "table4": 5 * 2 * 5,
    }
    assert {(key[2], key[4]) for key in oh2022} == set(METRICS.items())
    assert all(0.2 < value < 0.8 and 0 <= spread < 0.03 for value, spread in oh2022.values())


def test_tables_agree_on_the_cells_that_they_share(oh2022):
    cells = defaultdict(dict)
    for (table, *place, _), cell in oh2022.items():
        cells[tuple(place)][table] = cell
    shared = {place: tables for place, tables in cells.items() if len(tables) > 1}
    # W2V, CMSC and W2V+CMSC+RLM with all their columns, Random Init. and W2V+CMSC with 12 leads, on both tasks
    assert len(shared) == 2 * (3 * 5 + 2)
    unlike = {place: tables for place, tables in shared.items() if len(set(tables.values())) > 1}
    assert unlike == {("w2v_cmsc", "identification", "12"): {"table1": (0.550, 0.009), "table2": (0.550, 0.008)}}


@pytest.mark.parametrize(
    ("task", "row", "improvement"),
    [
        ("diagnosis_segments", "w2v", 0.0298),
        ("diagnosis_segments", "cmsc", 0.1366),
        ("identification", "w2v", 0.064),
        ("identification", "cmsc", 0.0667),
    ],
)
def test_means_over_table_1_are_those_of_the_text(oh2022, task, row, improvement):
    # Section 5.3: by how much W2V+CMSC+RLM is better on average "across all lead combinations".
    columns = ("12", "P-6", "P-3", "P-2", "P-1")

    def mean(name):
        return sum(oh2022["table1", name, task, column, METRICS[task]][0] for column in columns) / 5

    assert mean("w2v_cmsc_rlm") - mean(row) == pytest.approx(improvement, abs=1.5e-4)


def test_three_lead_scores_are_higher_as_the_text_says(oh2022):
    # Section 5.3: "the performances on P-3-lead are consistently higher than P-2-lead or P-6-lead for all methods".
    for (table, row, task, column, metric), (value, _) in oh2022.items():
        if column in ("P-6", "P-2"):
            assert oh2022[table, row, task, "P-3", metric][0] > value, (table, row, task, column)


def test_a_value_without_a_spread(tmp_path):
    (tmp_path / "p.tsv").write_text(HEADER + "t\tr\td\tc\tm\t0.5\t\n")
    (value, spread) = read_published(tmp_path / "p.tsv")["t", "r", "d", "c", "m"]
    assert value == 0.5 and math.isnan(spread)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("table\tvalue\n", "published values must have the columns table, row, .*, got table, value"),
        ("", "published values must have the columns"),
        (HEADER + "t\tr\td\tc\tm\t0.5\t0\n" * 2, r"published cells must differ, got t r d c m twice .*line 3"),
        (HEADER + "t\tr\td\tc\tm\tlow\t0\n", r"published value must be a number, got 'low' .*line 2"),
        (HEADER + "t\tr\td\tc\tm\n", r"published value must be a number, got '' .*line 2"),
        (HEADER + "t\tr\td\tc\tm\tnan\t0\n", r"published value must be finite, got 'nan'"),
        (HEADER + "t\tr\td\tc\tm\t1\t0\t0\n", r"published cell must have 7 fields, got more .*line 2"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path, text, message):
    (tmp_path / "p.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_published(tmp_path / "p.tsv")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"published values must be a file, got .*none\.tsv"):
        read_published(tmp_path / "none.tsv")
