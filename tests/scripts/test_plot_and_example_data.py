"""The thin entry points for pictures and example data, run as a user runs them."""

import csv
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def run(script, *arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "scripts" / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_example_data_is_made_and_drawn(tmp_path):
    made = run("make_example_data.py", "--dest", tmp_path / "ecg", "--patients", 1, "--rate", 100)
    assert made.returncode == 0, made.stderr
    headers = sorted((tmp_path / "ecg" / "g1").glob("*.hea"))
    assert f"{len(headers)} recordings of 1 synthetic patients" in made.stdout and len(headers) >= 2
    picture = tmp_path / "new" / "ecg.png"
    drawn = run("plot.py", "recording", headers[0].with_suffix(""), "--output", picture, "--mask", "V1,V2")
    assert drawn.returncode == 0, drawn.stderr
    assert picture.read_bytes()[:4] == b"\x89PNG" and f"Written: {picture}" in drawn.stdout


def test_absurd_arguments_end_in_one_clear_sentence(tmp_path):
    made = run("make_example_data.py", "--dest", tmp_path / "ecg", "--patients", 0)
    assert made.returncode == 2 and "patients must be 1 to 99999" in made.stderr
    assert "Traceback" not in made.stderr and not (tmp_path / "ecg").exists()
    drawn = run("plot.py", "recording", tmp_path / "none", "--output", tmp_path / "a.png")
    assert drawn.returncode == 2 and "Traceback" not in drawn.stderr and "none" in drawn.stderr


@pytest.fixture(scope="module")
def plot():
    """The script's `main`, in this process, with its folder on the path, as when it is run."""
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("plot", ROOT / "scripts" / "plot.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield lambda *arguments: module.main([*map(str, arguments)])
    sys.path.remove(str(ROOT / "scripts"))


FACTS = ("--rate", "100", "--unit", "mV")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("recording", "x.hea", "--id", "1"), "--id must come with a manifest"),
        (("recording", "none.tsv"), "manifest must be a file, got none at none.tsv"),
        (("sheet", "none.tsv"), "manifest must be a file"),
        (("sheet", "none.tsv", "--number", "many"), "invalid int value"),
        (("summary", "none"), "must have a dataset.yaml, got none in none"),
        (("sheet", "data"), "manifest must be a file, got the folder data; the manifest in it is data/train.tsv\n"),
        (("recording", "data"), "recording must be a file, got the folder data; the manifest in it is data/train.tsv"),
        (("sheet", "empty"), "manifest must be a file, got the folder empty\n"),
        (("summary", "data/train.tsv"), "summary is of a folder, such as data, got data/train.tsv"),
        (("recording", "data/train.tsv", "--rate", "9", "--row", "1"), "--rate, --row must come with a recording's"),
        (("recording", "x.csv"), "or passed, got no rate and no unit (x.csv); here by --rate, --leads and --unit"),
        (("draw", "x.csv"), "invalid choice"),
        (("gradcam", "no.pt", "whole.csv", *FACTS, "--class", "AF"), "checkpoint must be a file, got none at no.pt"),
        (("gradcam", "no.pt", "whole.csv", *FACTS), "the following arguments are required: --class"),
        (("reconstruction", "no.pt", "whole.csv", *FACTS), "checkpoint must be a file, got none at no.pt"),
        (("transforms", "whole.csv", *FACTS, "--lead", "V9"), "lead must be one of I, II, got 'V9'"),
        (("transforms", "whole.csv", *FACTS, "--transforms", "a.yaml"), "recipe must have transforms under task in"),
    ],
)
def test_mistakes_in_pictures_are_said_and_nothing_else(plot, tmp_path, monkeypatch, capsys, command, message):
    monkeypatch.chdir(tmp_path)
    for folder in ("data", "empty"):
        (tmp_path / folder).mkdir()
    for name in ("test", "train"):
        (tmp_path / "data" / f"{name}.tsv").write_text("")
    for name in ("x.csv", "whole.csv"):
        (tmp_path / name).write_text("I,II\n" + "0.1,0.2\n" * 300)
    (tmp_path / "a.yaml").write_text("task: {views: single}")
    with pytest.raises(SystemExit, match="2"):
        plot(*command, "--output", "a.png")
    said = capsys.readouterr().err
    assert said.startswith("error: ") and message in said and said.count("\n") == 1
    assert not (tmp_path / "a.png").exists()


def test_what_a_file_does_not_state_is_passed(plot, tmp_path):
    np.save(tmp_path / "x.npy", np.tile([1000.0, -2000.0], (300, 1)).T)
    stated = ("--rate", 100, "--unit", "uV", "--leads", "II,V1")
    plot("recording", tmp_path / "x.npy", *stated, "--output", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert 'id="lead-II"' in text and 'id="lead-V1"' in text and "100 Hz" in text
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(0, 500, (300, 12)))
    plot("recording", tmp_path / "x.npy", *stated[:4], "--leads", "12", "--output", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert all(f'id="lead-{lead}"' in text for lead in ("I", "aVR", "V6"))


def test_transforms_of_a_recipe_are_drawn_with_its_settings(plot, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(2, 300)))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("task:\n  transforms:\n    - {_name: time_out, share: [0.25, 0.25]}\n    - resize\n")
    stated = ("--rate", 100, "--unit", "mV", "--leads", "II,V1", "--lead", "V1", "--transforms", recipe)
    plot("transforms", tmp_path / "x.npy", *stated, "--output", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")  # matplotlib writes texts as comments
    assert "time_out   share [0.25, 0.25]" in text and "resize   factor" in text and text.count('id="transformed') == 2


def test_a_row_of_a_manifest_is_drawn_with_what_the_manifest_tells(plot, ecg_data, tmp_path):
    with open(ecg_data / "test.tsv", newline="", encoding="utf-8") as file:
        row = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[3]
    plot("recording", ecg_data / "test.tsv", "--id", row["id"], "--output", tmp_path / "a.svg")
    text = (tmp_path / "a.svg").read_text(encoding="utf-8")  # matplotlib writes texts as comments
    said = " ".join(re.findall(r"<!-- (.*?) -->", text, re.DOTALL))
    words = [row["id"], f"patient {row['patient']}", f"age {row['age']}", f"sex {row['sex']}"]
    assert all(word in said for word in [*words, row["labels"].split(",")[0]])
    with pytest.raises(SystemExit, match="2"):
        plot("recording", ecg_data / "test.tsv", "--id", "no", "--output", tmp_path / "b.svg")


def test_sheet_and_summary(plot, ecg_data, tmp_path):
    for picture in ("a.png", "b.png"):
        plot("sheet", ecg_data / "valid.tsv", "--number", 3, "--seed", 2, "--output", tmp_path / picture)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    plot("summary", ecg_data, "--output", tmp_path / "page.svg")
    text = (tmp_path / "page.svg").read_text(encoding="utf-8")
    for name in ("train", "valid", "test"):
        with open(ecg_data / f"{name}.tsv", encoding="utf-8") as file:
            assert f"<!-- {sum(1 for _ in file) - 1} -->" in text
