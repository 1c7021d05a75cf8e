"""Groups of PTB-XL's statements, against the paper's counts and the data set's own table."""

import csv
from collections import Counter

import pytest

from fairseq_signals.evaluation import statement_groups
from fairseq_signals.evaluation.statement_groups import GROUPS, group_of

TABLE = statement_groups.Path(statement_groups.__file__).with_name("ptbxl_statements.tsv")


def statements():
    return [line.split("\t") for line in TABLE.read_text().splitlines() if not line.startswith("#")][1:]


def test_there_are_as_many_statements_of_each_kind_as_the_paper_says():
    rows = statements()
    assert len(rows) == 71
    assert [sum(bool(row[column]) for row in rows) for column in (1, 3, 4)] == [44, 19, 12]
    assert sum(bool(row[1]) and bool(row[3]) for row in rows) == 4
    assert Counter(group_of(row[0]) for row in rows) == {
        "NORM": 1, "CD": 11, "MI": 14, "HYP": 5, "STTC": 13, "form": 15, "rhythm": 12
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "group"),
    [("NORM", "NORM"), ("AFIB", "rhythm"), ("PVC", "form"), ("NDT", "STTC"), ("LAO/LAE", "HYP"), ("INJAS", "MI"),
     ("CD", "CD"), ("_AVB", "CD"), ("ISCA", "STTC"), ("164889003", "other")],
)  # fmt: skip
def test_a_class_has_the_group_that_a_cardiologist_expects(name, group):
    assert group_of(name) == group and group in GROUPS


@pytest.mark.real
@pytest.mark.parametrize("part", ["ptbxl"])
def test_the_groups_are_those_of_the_data_set(real_ecgs, part):
    with (real_ecgs(part) / "scp_statements.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row[""] for row in rows} == {row[0] for row in statements()}
    for row in rows:
        expected = row["diagnostic_class"] or ("form" if row["form"] else "rhythm")
        assert group_of(row[""]) == expected and bool(row["form"] or row["rhythm"] or row["diagnostic_class"])
