"""The thin entry points for the LVSD cohort and the studies' splits, from nothing to nested fractions."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def script(name):
    """The `main` of a script, in this process."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda *arguments: module.main([*map(str, arguments)])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    from manifests.table import main

    folder = tmp_path_factory.mktemp("lvsd")
    script("make_lvsd_cohort")("--dest", folder / "wfdb", "--patients", "60,20,20,12,0,0,0,0", "--seconds", 2)
    source = ["--source", folder / "wfdb", "--table", folder / "wfdb" / "recordings.csv", "--dest", folder / "data"]
    main([*map(str, source), "--label", "lvsd: ef < 40", "--workers", "1", "--pair-seconds", "1"])
    return folder / "data"


def test_the_first_study_on_one_institution(prepared, tmp_path, capsys):
    more = ("--dest", tmp_path / "d", "--design", "nakamoto2022", "--case", "low: ef < 55", "--workers", 1)
    card = script("design")(prepared, *more, "--only", "institution=1", "--downstream-share", 0.6)
    printed = capsys.readouterr().out
    assert card["design"]["only"] == "institution=1" and "downstream_share 0.6" in card["split"]
    rows = {row["split"]: row for row in card["design"]["table"]}
    assert rows["pretrain"]["positive"] == 0 and rows["all recordings"]["patients"] == 60
    line = next(line.split() for line in printed.splitlines() if line.startswith("train_full"))
    assert line[1:] == [f"{cell:,}" for cell in list(rows["train_full"].values())[1:]]
    lacking = [row["split"] for row in list(rows.values())[2:] if not (row["positive"] and row["negative"])]
    doubts = [line for line in printed.splitlines() if line.startswith("DOUBT: ") and "one class only" in line]
    assert [line.split(":")[1].strip() for line in doubts] == lacking
    told = script("subset")(tmp_path / "d", "train", "--nested", "part=1,2", "--name", "train_part")
    assert told["train_part1"]["patients"] < told["train_part2"]["patients"]


def test_the_second_study_says_loudly_that_the_test_was_seen(prepared, tmp_path, capsys):
    more = ("--dest", tmp_path / "d", "--design", "sawano2022", "--case", "low: ef < 55", "--workers", 1)
    script("design")(prepared, *more, "--pretrain-on", "all")
    assert "LEAK OF SIGNALS" in capsys.readouterr().out
    assert (tmp_path / "d" / "institution4.tsv").is_file() and not (tmp_path / "d" / "train.tsv").exists()


def test_a_split_without_a_case_is_said_loudly(prepared, tmp_path, capsys):
    more = ("--dest", tmp_path / "d", "--design", "sawano2022", "--case", "rare: ef < 24", "--workers", 1)
    card = script("design")(prepared, *more)
    rows = [row for row in card["design"]["table"] if not row["split"].startswith("pretrain")]
    lacking = [f"DOUBT: {row['split']}: {row['negative']} negative, 0 positive" for row in rows if not row["positive"]]
    printed = capsys.readouterr().out
    assert lacking and all(line in printed for line in lacking)


@pytest.mark.parametrize("patients", ["x", "1,2", "x0", "xinf", "xnan", "-1,1,1,1,1,1,1,1", "1.5,1,1,1,1,1,1,1"])
def test_numbers_of_patients_that_are_none_are_refused(tmp_path, patients, capsys):
    with pytest.raises(SystemExit):
        script("make_lvsd_cohort")("--dest", tmp_path / "new", f"--patients={patients}")
    assert "must be 8 numbers such as" in capsys.readouterr().err and not (tmp_path / "new").exists()
