"""The command that combines, run as a user runs it, on prepared example data."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from fairseq_signals.data.card import read_card, verify
from fairseq_signals.data.manifest import Manifest

ROOT = Path(__file__).parents[2]


SCRIPT = str(ROOT / "scripts" / "combine.py")


def run(*arguments):
    command = [sys.executable, SCRIPT, *map(str, arguments)]
    known = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, capture_output=True, text=True, env={**known, "OMP_NUM_THREADS": "1"}, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_command_line_and_a_yaml_file_make_the_same(ecg_data, tmp_path):
    """The same data under two names: all of the second are copies; its patients' names do not say so."""
    choices = ["--rate", "50", "--exclude", ecg_data / "gallery.tsv", "--classes", "cinc2021", "--workers", "1"]
    sources = [f"{ecg_data}:name=a,weight=2,share=0.5", f"{ecg_data}:name=b,namespace=others"]
    code, out, err = run("--dest", tmp_path / "all", "--source", *sources, *choices)
    assert code == 0, err
    card = read_card(tmp_path / "all")
    assert "an earlier source has the same waveform: " in out and "not in the share of 0.5: train" in out
    assert card["rate"] == 50.0 and len(card["classes"]) == 26 and verify(tmp_path / "all", progress=False)
    told = {
        "sources": [
            {"folder": str(ecg_data), "name": "a", "weight": 2, "share": 0.5},
            {"folder": str(ecg_data), "name": "b", "namespace": "others"},
        ],
        "rate": 50,
        "classes": "cinc2021",
        "exclude": [str(ecg_data / "gallery.tsv")],
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(told))
    code, out, err = run("--dest", tmp_path / "all", "--from", tmp_path / "plan.yaml")
    assert code == 0 and "is combined already" in out, err
    # Whom the share of a leaves out, b still has: half of the people come from each.
    for name in ("train", "pretrain"):
        ids, waves = (Manifest(tmp_path / "all" / f"{name}.tsv").column(column) for column in ("id", "waveform"))
        assert {one[:2] for one in ids} == {"a/", "b/"} and len(set(waves)) == len(waves)


def test_what_is_wrong_is_told(ecg_data, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))  # which the script adds to
    main = runpy.run_path(SCRIPT)["main"]
    for arguments, message in (
        (["--source", f"{ecg_data}:shares=1"], "keys must be among folder, name, share"),
        (["--source", ecg_data, "--translate", "none"], "table must be one of code, ptbxl or a .csv file"),
        (["--from", tmp_path / "none.yaml"], "plan must be a yaml file, got none"),
        (["--from", tmp_path / "none.yaml", "--rate", "5"], "choices must stand in"),
        (["--source", ecg_data, "--workers", "0"], "workers must be at least 1"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            main(["--dest", str(tmp_path / "all"), *map(str, arguments)])
    assert not (tmp_path / "all").exists()


def test_what_is_wrong_ends_in_one_paragraph(tmp_path):
    for arguments, message in (
        ([], "sources must be at least one prepared folder, got none (--source)"),
        (["--source", tmp_path], f"source must be a prepared folder with dataset.yaml, got none in {tmp_path}"),
    ):
        code, _, err = run("--dest", tmp_path / "all", *arguments)
        assert code == 1 and err == f"error: {message}\n", err
    assert not (tmp_path / "all").exists()


@pytest.mark.slow
def test_a_combination_is_trained_on_like_any_data_set(ecg_data, tmp_path, run_command, arguments):
    code, _, err = run("--dest", tmp_path / "all", "--source", f"{ecg_data}:name=a,weight=0.5", "--workers", "1")
    assert code == 0, err
    method = ["--criterion", "w2v", "--max-update", "2", "--save-dir", tmp_path / "model"]
    run_command("fairseq-train", tmp_path / "all", *arguments["pretraining"], *method)
    assert (tmp_path / "model" / "checkpoint_last.pt").is_file()
