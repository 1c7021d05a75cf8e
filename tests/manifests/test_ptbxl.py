import ast
import csv
import hashlib
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import wfdb

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.store import Store
from manifests import ptbxl

COLUMNS = "ecg_id,patient_id,age,sex,scp_codes,strat_fold,filename_lr,filename_hr"


@pytest.fixture
def source(tmp_path, write_wfdb):
    """24 recordings: patients 1 to 4 have three each (folds 1, 2, 9, 10), the others one."""
    folder = tmp_path / "ptb-xl"
    lines = [COLUMNS]
    for n in range(1, 25):
        patient = (n - 1) // 3 + 1 if n <= 12 else n
        fold = [1, 2, 9, 10][patient - 1] if n <= 12 else [9, 10, 8][n % 3]
        codes = "{'NORM': 100.0, 'SR': 0.0}" if n % 2 else "{'AFIB': 0.0}"
        files = f"records100/00000/{n:05d}_lr,records500/00000/{n:05d}_hr"
        lines.append(
            f'{n},{patient}.0,{"300.0" if n == 5 else "" if n == 6 else f"{n}.0"},{n % 2},"{codes}",{fold},{files}'
        )
        write_wfdb(folder / "records100" / "00000", f"{n:05d}_lr", n, samples=1000)
    (folder / "ptbxl_database.csv").write_text("\n".join(lines) + "\n")
    (folder / "scp_statements.csv").write_text(",description\nNORM,normal\nAFIB,fibrillation\nSR,sinus\n")
    return folder


def _main(source, dest, *more):
    arguments = ["--source", str(source), "--dest", str(dest), "--records", "100", "--workers", "1", *more]
    return ptbxl.main(arguments)


def test_official_folds_statements_and_columns(source, tmp_path):
    card = _main(source, tmp_path / "out")
    assert card["classes"] == ["NORM", "AFIB", "SR"] and card["rate"] == 100.0 and card["version"] is None
    folds = {"train": set("12345678"), "valid": {"9"}, "test": {"10"}}
    rows = [(row, name) for name in folds for row in Manifest(tmp_path / "out" / f"{name}.tsv")]
    assert sorted(int(row.id) for row, _ in rows) == list(range(1, 25))
    for row, name in rows:
        n = int(row.id)
        assert row.extra["fold"] in folds[name]
        assert row.labels == (("NORM", "SR") if n % 2 else ("AFIB",))
        assert row.extra["age"] == {5: "90", 6: ""}.get(n, str(n))
        assert row.extra["sex"] == ("female" if n % 2 else "male")
        assert row.patient == str((n - 1) // 3 + 1 if n <= 12 else n)


def test_everybody_with_two_recordings_is_identified_and_not_pretrained_on(source, tmp_path):
    _main(source, tmp_path / "out")
    gallery, probe, valid_gallery, valid_probe, train, pretrain = (
        list(Manifest(tmp_path / "out" / f"{name}.tsv"))
        for name in ("gallery", "probe", "valid_gallery", "valid_probe", "train", "pretrain")
    )
    assert [row.patient for row in gallery] == [row.patient for row in probe] == ["1", "2", "3", "4"]
    assert all(one.id != other.id and one.length == 500 for one, other in zip(gallery, probe, strict=True))
    assert [row.id for row in pretrain] == [row.id for row in train if int(row.patient) > 4]
    assert len(train) - len(pretrain) == 6
    assert {row.patient for row in valid_gallery} == {"15", "18", "21", "24"}, "fold 9 without patient 3"
    for one, other in zip(valid_gallery, valid_probe, strict=True):
        assert (one.id, one.start, one.length, other.start, other.length) == (other.id, 0, 500, 500, 500)


@pytest.mark.parametrize(
    ("find", "put", "message"),
    [
        (
            "'AFIB'",
            "'XYZ'",
            r"row must be one of PTB-XL, got statements XYZ that scp_statements.csv lacks \(.*row 3",
        ),
        ("'NORM': 100.0", "__import__('os').getcwd(): 1", r"row must be one of PTB-XL, got malformed node .*row 2\)"),
        (",1,records100/00000/00001", ",11,records100/00000/00001", r"got fold '11' and sex '1'.*row 2\)"),
        ("strat_fold", "fold", r"ptbxl_database\.csv must have the columns .*strat_fold.*, got .*, fold"),
        (",1.0,", ",x,", r"row must be one of PTB-XL, got could not convert .*row 2\)"),
    ],
)
def test_tables_that_are_not_those_of_ptbxl_are_refused(source, tmp_path, find, put, message):
    path = source / "ptbxl_database.csv"
    text = path.read_text()
    assert find in text
    path.write_text(text.replace(find, put, 1))
    with pytest.raises(ValueError, match=message):
        _main(source, tmp_path / "out")


def test_missing_parts_are_named(source, tmp_path):
    with pytest.raises(FileNotFoundError, match="source must have the folder records500, got none"):
        _main(source, tmp_path / "out", "--records", "500")
    (source / "scp_statements.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"table scp_statements\.csv must be a file, got none"):
        _main(source, tmp_path / "out")


def test_a_hole_in_the_download_is_listed(source, tmp_path):
    (source / "records100" / "00000" / "00007_lr.dat").unlink()
    card = _main(source, tmp_path / "out")
    assert card["counts"]["rejected"] == {"missing": 1}
    assert "7\trecords100/00000/00007_lr\tmissing" in (tmp_path / "out" / "rejected.tsv").read_text()


STATEMENTS = """,description,diagnostic,form,rhythm,diagnostic_class,diagnostic_subclass
NDT,,1.0,1.0,,STTC,STTC
NORM,,1.0,,,NORM,NORM
IMI,,1.0,,,MI,IMI
AMI,,1.0,,,MI,AMI
LVOLT,,,1.0,,,
SR,,,,1.0,,
AFIB,,,,1.0,,
"""
CASES = {  # ecg_id: what stands in its row
    1: "{'NORM': 100.0, 'SR': 0.0}",
    2: "{'IMI': 15.0, 'AMI': 100.0, 'AFIB': 0.0}",
    3: "{'IMI': 15.0, 'LVOLT': 0.0}",
    4: "{'NDT': 50.0}",
    5: "{'SR': 0.0}",
    6: "{}",
}


@pytest.fixture
def cases(source):
    """The same folder with the statements of `CASES` in its first rows."""
    (source / "scp_statements.csv").write_text(STATEMENTS)
    path = source / "ptbxl_database.csv"
    lines = path.read_text().splitlines()
    for n, codes in CASES.items():
        head, _, tail = lines[n].partition('"')
        lines[n] = f'{head}"{codes}{tail[tail.index("}") + 1 :]}'
    path.write_text("\n".join(lines) + "\n")
    return source


@pytest.mark.parametrize(
    ("task", "classes", "cells"),
    [
        (
            "all",
            ["NDT", "NORM", "IMI", "AMI", "LVOLT", "SR", "AFIB"],
            ["NORM,SR", "IMI,AMI,AFIB", "IMI,LVOLT", "NDT", "SR", "-"],
        ),
        ("diagnostic", ["NDT", "NORM", "IMI", "AMI"], ["NORM", "IMI,AMI", "IMI", "NDT", "-", "-"]),
        ("subdiagnostic", ["STTC", "NORM", "IMI", "AMI"], ["NORM", "IMI,AMI", "IMI", "STTC", "-", "-"]),
        ("superdiagnostic", ["STTC", "NORM", "MI"], ["NORM", "MI", "MI", "STTC", "-", "-"]),
        ("form", ["NDT", "LVOLT"], ["-", "-", "LVOLT", "NDT", "-", "-"]),
        ("rhythm", ["SR", "AFIB"], ["SR", "AFIB", "-", "-", "SR", "-"]),
    ],
)
def test_a_recording_without_a_statement_of_the_task_is_no_example_of_it(cases, tmp_path, task, classes, cells):
    """Rows in the files themselves: `-` is nothing known, an empty cell would be none of the classes."""
    card = _main(cases, tmp_path / "out", "--task", task)
    assert card["classes"] == classes and card["options"]["task"] == task
    table = _table(tmp_path / "out")
    assert [table[str(n)] for n in CASES] == cells


@pytest.mark.parametrize(
    ("task", "least", "cells"),
    [
        ("all", 50, ["NORM,SR", "AMI,AFIB,?IMI", "LVOLT,?IMI", "NDT", "SR", "-"]),
        ("all", 51, ["NORM,SR", "AMI,AFIB,?IMI", "LVOLT,?IMI", "?NDT", "SR", "-"]),
        ("superdiagnostic", 50, ["NORM", "MI", "?MI", "STTC", "-", "-"]),
    ],
)
def test_an_unlikely_statement_is_unknown_and_an_unstated_likelihood_counts(cases, tmp_path, task, least, cells):
    _main(cases, tmp_path / "out", "--task", task, "--min-likelihood", str(least))
    table = _table(tmp_path / "out")
    assert [table[str(n)] for n in CASES] == cells


def _table(dest):
    rows = {}
    for name in ("train", "valid", "test"):
        with open(dest / f"{name}.tsv", newline="") as file:
            rows |= {row["id"]: row["labels"] for row in csv.DictReader(file, delimiter="\t")}
    return rows


def test_a_likelihood_is_a_percentage(source, tmp_path):
    with pytest.raises(ValueError, match=r"likelihood must be 0 to 100 per cent, got 101 \(--min-likelihood\)"):
        _main(source, tmp_path, "--min-likelihood", "101")


@pytest.mark.parametrize(("more", "kept"), [([], False), (["--duplicates", "keep"], True)])
def test_recordings_that_version_103_dropped_are_rejected(source, tmp_path, more, kept):
    path = source / "ptbxl_database.csv"
    text = path.read_text()
    path.write_text(text.replace("\n7,3.0,", "\n137,3.0,"))
    card = _main(source, tmp_path / "out", *more)
    assert card["counts"]["offered"] == 24 and card["counts"]["recordings"] == 23 + kept
    rejected = (tmp_path / "out" / "rejected.tsv").read_text()
    assert ("137\trecords100/00000/00007_lr\tunlisted\trecording must be one of PTB-XL 1.0.3" in rejected) != kept
    assert card["checks"][0] == "the source publishes 21799 recordings, got 24: is the download complete?"


def test_files_of_the_other_rate_are_no_silent_mistake(source, tmp_path):
    (source / "records100").rename(source / "records500")
    path = source / "ptbxl_database.csv"
    path.write_text(path.read_text().replace("records500/00000/", "hr/").replace("records100/", "records500/"))
    path.write_text(path.read_text().replace("filename_lr,filename_hr", "filename_hr,filename_lr"))
    with pytest.raises(ValueError, match="at least one recording must be usable, got none of 24"):
        _main(source, tmp_path / "out", "--records", "500")
    assert "rate must agree with the header's 100 Hz, got 500" in (tmp_path / "out" / "rejected.tsv").read_text()


@pytest.mark.real
@pytest.mark.parametrize("task", list(ptbxl.TASKS))
def test_every_task_against_the_table_itself(real_ecgs, task):
    """Recordings per class, and those without a statement of the task, counted by pandas."""
    folder = real_ecgs("ptbxl")
    statements = pd.read_csv(folder / "scp_statements.csv", index_col=0)
    marked = (
        statements if task == "all" else statements[statements[task.removeprefix("sub").removeprefix("super")] == 1]
    )
    names = {"subdiagnostic": "diagnostic_subclass", "superdiagnostic": "diagnostic_class"}
    names = marked[names[task]] if task in names else pd.Series(marked.index, marked.index)
    table = pd.read_csv(folder / "ptbxl_database.csv", index_col=0)
    long = table.scp_codes.map(ast.literal_eval).map(list).explode()
    long = long[long.isin(names.index)].map(names)
    expected = long.reset_index().drop_duplicates().scp_codes.value_counts()
    classes = list(dict.fromkeys(ptbxl.task_classes(folder, task).values()))
    items = ptbxl.read_items(folder, 100, task)
    assert len(classes) == ptbxl.TASKS[task] == len(expected)
    assert Counter(code for item in items for code in item.labels) == expected.to_dict()
    assert sum(not item.unlabelled for item in items) == long.index.nunique()
    assert [item.id for item in items if item.unlabelled] == [*map(str, table.index[~table.index.isin(long.index)])]


@pytest.mark.real
@pytest.mark.slow
def test_the_whole_of_ptbxl(real_ecgs, tmp_path):
    """Counts against the table itself; samples against the wfdb package."""
    folder = real_ecgs("ptbxl")
    card = _main(folder, tmp_path)
    with open(folder / "ptbxl_database.csv", newline="") as file:
        table = {row["ecg_id"]: row for row in csv.DictReader(file)}
    assert card["counts"]["offered"] == len(table) == 21799 and len(card["classes"]) == 71
    assert card["counts"]["rejected"] == {"implausible": 1}  # 20045 reaches 20.032 mV
    del table["20045"]
    rows = {row.id: row for name in ("train", "valid", "test") for row in Manifest(tmp_path / f"{name}.tsv")}
    assert rows.keys() == table.keys()
    test = Manifest(tmp_path / "test.tsv")
    labels, known = label_matrix(test, card["classes"])
    assert known.all()
    for code, count in zip(card["classes"], labels.sum(0), strict=True):
        assert count == sum(row["strat_fold"] == "10" and f"'{code}'" in row["scp_codes"] for row in table.values()), (
            code
        )
    repeated = {name for name, number in Counter(row["patient_id"] for row in table.values()).items() if number > 1}
    assert {f"{row.patient}.0" for row in Manifest(tmp_path / "gallery.tsv")} == repeated and len(repeated) == 2110
    assert not repeated & {f"{row.patient}.0" for row in Manifest(tmp_path / "pretrain.tsv")}
    store = Store(tmp_path / "store")
    for name in np.random.default_rng(0).choice(sorted(rows), 50):
        digital = wfdb.rdrecord(str(folder / table[name]["filename_lr"]), physical=False)
        assert [lead.upper() for lead in rows[name].leads] == digital.sig_name
        np.testing.assert_array_equal(store.read(*rows[name].stored), digital.d_signal.T)
    assert hashlib.sha256((tmp_path / "test.tsv").read_bytes()).hexdigest() == card["files"]["test.tsv"]
