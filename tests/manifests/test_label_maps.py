"""The shipped tables, against the challenge's own merging and against recordings that two data sets both have."""

import ast
import csv
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from fairseq_signals.data.combination.label_space import label_space, read_meanings
from fairseq_signals.evaluation.cinc2021 import CLASSES, merge_codes
from manifests import label_maps
from manifests.label_maps import challenge_meanings, meanings_of


def _part(source, classes):
    card = {"classes": list(classes), "unannotated": [], "source": source}
    return SimpleNamespace(card=card, part=SimpleNamespace(name="x"))


def _labelled(space, part, labels):
    told = space.translated(part, tuple(labels), (), False)
    return set(told["labels"]), set(told["unknown"])


def _table(name):
    return read_meanings(label_maps._table(name))


def test_the_challenges_codes_mean_what_its_score_merges():
    meanings = challenge_meanings()
    assert len({meaning.code for meaning in meanings}) == len(meanings) == 26 + 2 * 4
    assert all(merge_codes([meaning.code]) == (meaning.name,) for meaning in meanings)
    space = label_space([_part("a", CLASSES), _part("b", ["59118001", "427172004", "1"])], meanings_of((), "cinc2021"))
    assert space.classes == list(CLASSES) and space.unannotated == []
    assert _labelled(space, 0, CLASSES[:3]) == (set(CLASSES[:3]), set())
    known = {"713427006|59118001", "427172004|17338001"}
    assert _labelled(space, 1, ["59118001", "1"]) == ({"713427006|59118001"}, set(CLASSES) - known)


def test_the_six_classes_of_code_are_six_of_the_challenges():
    space = label_space(
        [_part("CODE-15", ["1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"]), _part("c", CLASSES)],
        meanings_of(["code"], "cinc2021"),
    )
    names = ["270492004", "713427006|59118001", "733534002|164909002", "426177001", "427084000", "164889003"]
    for code, name in zip(["1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"], names, strict=True):
        assert _labelled(space, 0, [code]) == ({name}, set(CLASSES) - set(names))


def test_names_of_tables_and_classes():
    assert meanings_of((), "all").only is None and meanings_of((), "all").closed is None
    assert meanings_of((), "A, B,A").only == ("A", "B")
    with pytest.raises(ValueError, match=r"table must be one of code, ptbxl or a .csv file, got 'ptb'"):
        meanings_of(["ptb"])
    with pytest.raises(ValueError, match=r"classes must be all, cinc2021, a .csv file or codes, got ','"):
        meanings_of((), ",")
    with pytest.raises(FileNotFoundError, match="table of classes must be a file"):
        meanings_of((), "none.csv")


@pytest.mark.parametrize("name", ["ptbxl", "code"])
def test_no_line_stands_twice_and_common_codes_are_snomeds(name):
    meanings = _table(name)
    assert len(set(meanings)) == len(meanings)
    assert all(re.fullmatch(r"\d{6,18}", meaning.name) and meaning.source for meaning in meanings)


@pytest.mark.real
def test_ptbxl_and_its_copy_in_cinc2021_agree(real_ecgs):
    """HRnnnnn is ecg_id nnnnn: a class that the table decides must be as the challenge's header says."""
    with open(real_ecgs("ptbxl") / "ptbxl_database.csv", encoding="utf-8", newline="") as file:
        statements = {int(row["ecg_id"]): tuple(ast.literal_eval(row["scp_codes"])) for row in csv.DictReader(file)}
    with open(real_ecgs("ptbxl") / "scp_statements.csv", encoding="utf-8", newline="") as file:
        known = [row[""] for row in csv.DictReader(file)]
    assert {meaning.code for meaning in _table("ptbxl")} <= set(known)
    space = label_space([_part("PTB-XL", known)], meanings_of(["ptbxl"]))
    snomed = [name for name in space.classes if name.isdigit()]
    compared, positive = 0, set()
    for header in sorted(real_ecgs("cinc2021").rglob("HR*.hea")):
        number = int(header.stem[2:])
        told = set(re.search(r"#\s*Dx:(.*)", header.read_text())[1].replace(" ", "").split(","))
        labels, unknown = _labelled(space, 0, statements[number])
        for name in snomed:
            if name not in unknown:
                assert (name in labels) == (name in told), (number, name)
        compared, positive = compared + 1, positive | labels & set(snomed)
    assert compared >= 39 and len(positive) >= 14


@pytest.mark.real
def test_statements_are_as_frequent_as_the_challenge_counts_them_in_ptbxl(real_ecgs):
    """A class is decided by statements that are at least about as many; the doubtful ones may make up the rest."""
    with open(real_ecgs("ptbxl") / "ptbxl_database.csv", encoding="utf-8", newline="") as file:
        rows = [set(ast.literal_eval(row["scp_codes"])) for row in csv.DictReader(file)]
    official = Path(label_maps.__file__).parents[1] / "parts" / "cinc2021_counts.tsv"
    with open(official, encoding="utf-8", newline="") as file:
        table = csv.DictReader((line for line in file if not line.startswith("#")), delimiter="\t")
        counts = {row["code"]: int(row["ptb-xl"]) for row in table}
    meanings, dropped = _table("ptbxl"), 21837 - len(rows)  # recordings that PTB-XL 1.0.3 no longer has
    assert dropped == 38
    for name in {meaning.name for meaning in meanings if not meaning.doubtful}:
        certain = {meaning.code for meaning in meanings if meaning.name == name and not meaning.doubtful}
        every = {meaning.code for meaning in meanings if meaning.name == name}
        fewest, most = (sum(bool(codes & row) for row in rows) for codes in (certain, every))
        assert fewest <= counts[name] <= most + dropped, (name, fewest, counts[name], most)
