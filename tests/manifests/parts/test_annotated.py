import csv

import pytest

from fairseq_signals.data.row import Row
from fairseq_signals.evaluation.cinc2021 import CLASSES
from manifests.parts.annotated import annotates, mask_unannotated, official_counts

AF, AFL, RBBB = "164889003", "164890007", "713427006|59118001"
PARTS = {
    "cpsc_2018": "CPSC",
    "cpsc_2018_extra": "CPSC_Extra",
    "st_petersburg_incart": "StPetersburg",
    "ptb": "PTB",
    "ptb-xl": "PTB_XL",
    "georgia": "Georgia",
    "chapman_shaoxing": "Chapman_Shaoxing",
    "ningbo": "Ningbo",
}


def _row(name, source, labels=(), **more):
    return Row(name, "s:0", 0, 10, 500.0, ("I",), name, labels, extra={"source": source}, **more)


def test_silence_of_a_source_that_does_not_look_is_unknown():
    rows = [_row("a", "ningbo", (AFL,)), _row("b", "georgia"), _row("c", "cpsc_2018", (RBBB,))]
    masked, nowhere = mask_unannotated(rows, [AF, AFL, RBBB])
    assert [row.unknown for row in masked] == [(AF,), (), (AFL,)] and nowhere == []
    assert [row.labels for row in masked] == [(AFL,), (), (RBBB,)]


def test_one_member_of_a_merged_class_is_enough():
    """Chapman codes right bundle branch block as 59118001 only, the challenge scores it with 713427006."""
    assert annotates("chapman_shaoxing", "713427006") is False
    assert annotates("chapman_shaoxing", RBBB) is True
    assert annotates("ptb", RBBB) is False


def test_what_a_row_carries_is_known_and_nothing_is_known_of_the_unlabelled():
    rows = [_row("a", "ningbo", (AF,)), _row("b", "ningbo", unlabelled=True), _row("c", "ningbo", unknown=(AF,))]
    masked, nowhere = mask_unannotated(rows, [AF])
    assert [row.unknown for row in masked] == [(), (), (AF,)] and nowhere == []


def test_classes_that_no_source_annotates_are_told_once():
    rows = [_row("a", "ningbo", (AFL,)), _row("b", "ningbo"), _row("c", "ningbo", unlabelled=True)]
    masked, nowhere = mask_unannotated(rows, [AF, AFL])
    assert nowhere == [AF] and not any(row.unknown for row in masked)


def test_a_code_that_the_tables_do_not_list_is_annotated_where_it_occurs():
    rows = [_row("a", "ningbo", ("X",)), _row("b", "ningbo"), _row("c", "georgia")]
    masked, _ = mask_unannotated(rows, ["X"])
    assert [row.unknown for row in masked] == [(), (), ("X",)]


def test_labels_that_are_not_the_challenges_are_annotated_where_they_occur():
    rows = [_row("a", "ningbo", (AF,)), _row("b", "ningbo"), _row("c", "cpsc_2018", (RBBB,))]
    masked, _ = mask_unannotated(rows, [AF, AFL, RBBB], by_occurrence=True)
    assert [row.unknown for row in masked] == [(), (), (AFL,)]
    masked, _ = mask_unannotated(rows, [AF, AFL, RBBB])
    assert [row.unknown for row in masked] == [(), (AF,), (AFL,)]


@pytest.mark.real
def test_counts_are_those_of_the_official_tables(real_ecgs):
    expected = {}
    for name in ("scored", "unscored"):
        with open(real_ecgs("cinc2021") / "official" / f"dx_mapping_{name}.csv", newline="") as file:
            for row in csv.DictReader(file):
                expected[row["SNOMEDCTCode"]] = {part: int(row[column]) for part, column in PARTS.items()}
                assert sum(expected[row["SNOMEDCTCode"]].values()) == int(row["Total"])
    assert official_counts() == expected and len(expected) == 133
    scored = {code for name in CLASSES for code in name.split("|")}
    assert scored <= expected.keys() and len(scored) == 30
