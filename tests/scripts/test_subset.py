"""The command that takes parts of manifests, run as a user runs it."""

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from fairseq_signals.data.card import read_card

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "scripts" / "subset.py")


@pytest.fixture
def folder(ecg_data, tmp_path):
    return shutil.copytree(ecg_data, tmp_path / "data")


@pytest.fixture
def main(monkeypatch):
    """The script's `main`, in this process."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # which the script adds to
    run = runpy.run_path(SCRIPT)["main"]
    return lambda *arguments: run([*map(str, arguments)])


def test_one_command_makes_subsets_that_hold_one_another(folder):
    command = [sys.executable, SCRIPT, folder, "train", "--nested", "sex=female,male", "--name", "train_n"]
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=known, timeout=120, check=True)
    table = pd.read_csv(folder / "train.tsv", sep="\t", quoting=3, keep_default_na=False, dtype=str)
    for number, sexes in ((1, ["female"]), (2, ["female", "male"])):
        rows = table[table["sex"].isin(sexes)]
        line = f"{folder}/train_n{number}.tsv: {len(rows)} rows, {rows['patient'].nunique()} patients"
        assert line in done.stdout
    assert list(read_card(folder)["subsets"]) == ["train_n1", "train_n2"]


def test_conditions_add_up_and_classes_without_an_example_are_printed(folder, main, capsys):
    table = pd.read_csv(folder / "train.tsv", sep="\t", quoting=3, keep_default_na=False, dtype=str)
    one = table.iloc[0]
    main(folder, "train", "--where", f"sex={one['sex']}", "--where", f"id={one['id']}", "--name", "train_one")
    lacking = [code for code in read_card(folder)["classes"] if code not in one["labels"].split(",")]
    told = f"1 rows, 1 patients; {len(lacking)} classes without an example: {', '.join(lacking)}\n"
    assert capsys.readouterr().out.endswith(told)


def test_sizes_choose_some(folder, main):
    told = main(folder, "train", "--nested", "sex=male,female", "--sizes", "2", "--name", "train_n")
    assert list(told) == ["train_n2"] and not (folder / "train_n1.tsv").exists()


def test_what_is_wrong_is_told(folder, main, capsys):
    for arguments, message in (
        (["--where", "sex=female", "--where", "sex=male"], "columns must differ, got sex, sex"),
        (["--where", "sex=female", "--sizes", "1"], "sizes must come with nested subsets"),
        (["--where", "sex=other"], "values must be different cells of the column .*, got 'other'"),
        (["--nested", "sex=male,female", "--sizes", "3"], "sizes must be different numbers of 1 to 2 values, got 3"),
    ):
        with pytest.raises(ValueError, match=message):
            main(folder, "train", *arguments, "--name", "train_x")
    for arguments, message in (
        (["--where", "sex"], "condition must be COLUMN=VALUE,VALUE, got 'sex'"),
        (["--nested", "sex=male", "--sizes", "1,-2"], "sizes must be whole numbers separated by commas, got '1,-2'"),
        ([], "one of the arguments --where --nested is required"),
    ):
        with pytest.raises(SystemExit):
            main(folder, "train", *arguments, "--name", "train_x")
        assert message in capsys.readouterr().err
    assert "subsets" not in read_card(folder)
