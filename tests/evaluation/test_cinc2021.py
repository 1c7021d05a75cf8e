"""The challenge's score against golden values of the official program and against plain loops."""

import numpy as np
import pytest

from fairseq_signals.evaluation.cinc2021 import (
    CLASSES,
    SHORT_NAMES,
    WEIGHTS,
    challenge_score,
    class_index,
    expand,
    is_scored,
    merge_codes,
)


def table(*rows: str) -> np.ndarray:
    """Boolean rows from abbreviations: table("AF RBBB", "") is one recording with two classes, one with none."""
    return np.array([[name in row.split() for name in SHORT_NAMES] for row in rows])


def score_by_loops(labels, decisions) -> float:
    def credit(outputs):
        total = 0.0
        for label_row, output_row in zip(labels, outputs, strict=True):
            positive = [j for j in range(26) if label_row[j]]
            chosen = [k for k in range(26) if output_row[k]]
            for j in positive:
                for k in chosen:
                    total += WEIGHTS[j][k] / max(len(set(positive) | set(chosen)), 1)
        return total

    sinus = [[name == "NSR" for name in SHORT_NAMES]] * len(labels)
    highest, lowest = credit(labels), credit(sinus)
    return (credit(decisions) - lowest) / (highest - lowest) if highest != lowest else 0.0


# Numbers of the challenge's own program (evaluation-2021, commit e2a75fc).
GOLDEN = {
    "another arrhythmia": (["AF"], ["AFL"], 0.142857),
    "silence": (["AF"], [""], -0.142857),
    "sinus rhythm": (["AF"], ["NSR"], 0.0),
    "one of two": (["AF RBBB"], ["AF"], 0.416667),
    "one too many": (["AF"], ["AF AFL"], 0.714286),
    "three recordings": (["AF", "NSR", "PVC SB"], ["AF", "NSR PAC", "PVC"], 0.503086),
    "all positive": (list(SHORT_NAMES), [" ".join(SHORT_NAMES)] * 26, 0.271321),
    "nothing but sinus rhythm": (["NSR", "NSR"], ["AF", "NSR"], 0.0),
    "no labels": (["", ""], ["AF", ""], 0.0),
}


@pytest.mark.parametrize(("labels", "decisions", "expected"), GOLDEN.values(), ids=GOLDEN.keys())
def test_score_is_the_official_one(labels, decisions, expected):
    assert challenge_score(table(*labels), table(*decisions)) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("seed", range(10))
def test_score_equals_plain_loops(seed):
    random = np.random.default_rng(seed)
    labels = random.random((30, 26)) < random.choice([0.02, 0.1, 0.5])
    decisions = random.random((30, 26)) < random.choice([0.02, 0.1, 0.5])
    assert challenge_score(labels, decisions) == pytest.approx(score_by_loops(labels, decisions), abs=1e-12)


def test_weights_are_the_published_table():
    assert WEIGHTS.shape == (26, 26) and len(set(CLASSES)) == 26
    assert WEIGHTS.sum() == pytest.approx(286.075, abs=1e-9) and WEIGHTS.min() == 0.15
    assert (WEIGHTS == WEIGHTS.T).all() and (np.diag(WEIGHTS) == 1).all()
    assert CLASSES[14] == "426783006" and SHORT_NAMES[14] == "NSR"
    assert [name for name in CLASSES if "|" in name] == [
        "733534002|164909002",
        "713427006|59118001",
        "284470004|63593006",
        "427172004|17338001",
    ]


def test_deciding_as_labelled_scores_one():
    labels = np.random.default_rng(0).random((50, 26)) < 0.1
    assert challenge_score(labels, labels) == 1.0
    assert challenge_score(labels.astype(int), labels.astype(float)) == 1.0


def test_unknown_cells_are_absent_from_labels_and_decisions():
    labels, decisions = table("AF RBBB", "NSR"), table("AF AFL", "NSR TAb")
    known = ~table("RBBB AFL", "TAb")
    assert challenge_score(labels, decisions, known) == challenge_score(table("AF", "NSR"), table("AF", "NSR"))


def test_members_of_a_merged_class_share_its_place():
    assert class_index("733534002") == class_index("164909002") == class_index("733534002|164909002") == 4
    assert SHORT_NAMES[class_index("17338001")] == "PVC"
    assert merge_codes(["59118001", "164889003", "713427006", "999"]) == (
        "713427006|59118001",
        "164889003",
        "999",
    )


def test_expand_places_known_classes_and_joins_members():
    labels = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]])
    expanded = expand(labels, ["59118001", "713427006", "426783006"])
    assert (expanded == table("RBBB", "RBBB", "NSR", "")).all()


def test_other_classes_are_refused_unless_dropped():
    labels = np.ones((1, 2), dtype=bool)
    assert is_scored(["164889003", "17338001"]) and not is_scored(["164889003", "10"])
    with pytest.raises(ValueError, match=r"class must be one of the 26 .* got '10'"):
        expand(labels, ["164889003", "10"])
    assert (expand(labels, ["164889003", "10"], drop_others=True) == table("AF")).all()


@pytest.mark.parametrize("classes", [["164889003"], ["164889003", "164889003"]])
def test_expand_wants_one_name_per_column(classes):
    with pytest.raises(ValueError, match="classes must be 2 different names"):
        expand(np.ones((1, 2), dtype=bool), classes)


@pytest.mark.parametrize(
    ("labels", "decisions", "message"),
    [
        (np.ones((2, 8)), np.ones((2, 8)), "labels must have the challenge's 26 classes .* got 8"),
        (np.ones((2, 26)), np.ones((3, 26)), r"decisions must be shaped like the labels \(2, 26\)"),
        (np.ones((2, 26)), np.full((2, 26), 0.7), "decisions must be boolean .* got 0.7"),
        (np.full((2, 26), np.nan), np.ones((2, 26)), "labels must be boolean .* got nan"),
        (np.ones((0, 26)), np.ones((0, 26)), "labels must be a table .* at least one recording"),
    ],
)
def test_bad_tables_are_refused(labels, decisions, message):
    with pytest.raises(ValueError, match=message):
        challenge_score(labels, decisions)
