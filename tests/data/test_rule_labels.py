"""Labels out of a manifest's numbers, beside the plain reading of each cell."""

import numpy as np
import pytest

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.number_rules import parse_rule
from fairseq_signals.data.rule_labels import rule_doubts, rule_findings

HEADER = "id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels\tef\tk"
CELLS = ["35", "40", "40.0", "39.99", "", "35 %", "n/a", "-1", "999", "62", "6e1", "nan", "<40", "45"]
POTASSIUM = ["4.1", "", "6.2", "5.5", "5.6", "x", "3.9", "4", "4", "4", "", "7", "5", "6"]


@pytest.fixture
def manifest(tmp_path):
    lines = [
        f"r{place}\tr{place}.hea\t0\t1000\t100\t12\tp{place}\t{'MI' if place % 3 == 0 else '?MI' if place == 1 else ''}"
        f"\t{ef}\t{k}"
        for place, (ef, k) in enumerate(zip(CELLS, POTASSIUM, strict=True))
    ]
    (tmp_path / "test.tsv").write_text("\n".join([HEADER, *lines]) + "\n")
    return Manifest(tmp_path / "test.tsv")


def plain(cells, applies, missing=()):
    """(label, known) of each cell by Python's own reading of numbers."""
    found = []
    for cell in cells:
        sound = cell not in ("", "nan") and cell.replace(".", "").replace("-", "").replace("e", "").isdigit()
        value = float(cell) if sound else None
        known = sound and value not in missing
        found.append((known and applies(value), known))
    return np.array(found, bool)


def test_rules_stand_beside_codes_in_the_order_asked_for(manifest):
    classes = ["lvsd: ef < 40 missing 31 and 45", "MI", "low: ef <= 35", "high: k > 5.5"]
    labels, known = label_matrix(manifest, classes)
    assert labels.shape == known.shape == (14, 4)
    missing = (-1, 999, 45)  # 45 is told once, and true of every rule of the column
    expected = {
        0: plain(CELLS, lambda value: value < 40, missing),
        2: plain(CELLS, lambda value: value <= 35, missing),
        3: plain(POTASSIUM, lambda value: value > 5.5),
    }
    for column, table in expected.items():
        assert (labels[:, column] == table[:, 0]).all() and (known[:, column] == table[:, 1]).all()
    assert labels[:, 1].tolist() == [place % 3 == 0 for place in range(14)]
    assert known[:, 1].tolist() == [place != 1 for place in range(14)]
    assert known[:, 0].sum() == 6 and labels[:, 0].sum() == 2


def test_rules_alone_ask_nothing_of_the_labels(manifest):
    labels, known = label_matrix(manifest, ["lvsd: ef < 40"])
    assert labels[:, 0].sum() == 2 and known[:, 0].sum() == 7  # -1 and 999 are no ejection fractions


def test_in_another_column_every_number_is_one(manifest, tmp_path):
    text = (tmp_path / "test.tsv").read_text()
    (tmp_path / "other.tsv").write_text(text.replace("\tef\tk\n", "\tef_days\tk\n"))
    labels, known = label_matrix(Manifest(tmp_path / "other.tsv"), ["near: ef_days < 40"])
    assert labels[:, 0].sum() == 3 and known[:, 0].sum() == 9


def test_a_missing_column_is_told_with_those_that_are_there(manifest):
    with pytest.raises(
        ValueError, match=r"column lvef, of which the class lvsd is made, must be .* got the columns id, ecg, .*, ef, k"
    ):
        label_matrix(manifest, ["lvsd: lvef < 40"])
    with pytest.raises(ValueError, match="classes must differ in name, got MI, MI"):
        label_matrix(manifest, ["MI", "MI: ef < 40"])


def test_what_was_found_is_told_and_what_is_odd(manifest):
    told = rule_findings(manifest, [parse_rule("lvsd: ef < 40 missing 999")])
    assert told[0] == (
        "ef: from 35 to 62; unknown: 1 empty, 1 missing, 1 implausible (such as -1), 4 that are no numbers (such as "
        "'35 %', 'n/a', 'nan'); lvsd 2 positive, 5 negative"
    )
    doubts = rule_doubts(manifest, ["MI", "lvsd: ef < 40 missing 999"])
    assert doubts == [
        "ef: 1 of 8 numbers is not from 5 to 90, as an ejection fraction in per cent is, such as -1 (1 time): unknown",
        "ef: 2 of 10 measured cells are no plain number, such as '35 %', '<40': unknown, and whoever is left may be a "
        "biased choice: write them as numbers, such as 35.5",
    ]
    assert len(told) == 1 and rule_doubts(manifest, ["MI"]) == []


def test_a_column_without_any_number_is_refused_with_the_file(manifest):
    with pytest.raises(ValueError, match=r"column labels must hold numbers, got none; .*test\.tsv"):
        rule_findings(manifest, [parse_rule("odd: labels < 40")])
    assert rule_doubts(manifest, ["odd: labels < 40"]) == []
    with pytest.raises(ValueError, match=r"column lvef, .* must be in the manifest"):
        rule_doubts(manifest, ["MI", "lvsd: lvef < 40"])


def test_another_scale_than_the_rules_is_refused(manifest):
    with pytest.raises(
        ValueError,
        match=r"column ef must hold ejection fractions from 0\.05 to 0\.9, the scale of the rules' 0\.4, got none; "
        r"unknown: 1 empty, 0 missing, 9 implausible \(such as 40, 35, 39\.99\)",
    ):
        rule_findings(manifest, [parse_rule("lvsd: ef < 0.4")])
    assert not label_matrix(manifest, ["lvsd: ef < 0.4"])[1].any()
