import os
import subprocess
import sys
from pathlib import Path

from fairseq_signals.data.card import read_card
from fairseq_signals.data.synthetic import make_example_data

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "prepare.py"

# One process asks every source for its help, as the command does: starting Python for each would take half a minute.
LOOP = """
import runpy, sys
prepare = runpy.run_path(sys.argv[1])
for name in prepare["sources"]():
    print("SOURCE", name)
    try:
        prepare["main"]([name, "--help"])
    except SystemExit as end:
        assert not end.code, name
"""


def _run(*words, folder, **environment):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | environment
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=folder, env=environment, capture_output=True, text=True
    )


def test_every_module_with_a_main_is_a_source_and_shows_its_options(tmp_path):
    folder = SCRIPT.parents[1] / "manifests"
    expected = {path.stem for path in folder.glob("*.py") if "\ndef main(" in path.read_text(encoding="utf-8")}
    assert {"ptbxl", "mimic_iv_ecg", "sph", "table", "wfdb_folder"} <= expected
    done = _run("-c", LOOP, SCRIPT, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = {part.split()[0]: part for part in done.stdout.split("SOURCE ")[1:]}
    assert set(shown) == expected
    for name, text in shown.items():
        assert f"usage: prepare.py {name} " in text and "--source DIR" in text and "--dask ADDRESS" in text


def test_help_lists_the_sources_and_an_unknown_one_is_answered_with_them(tmp_path):
    done = _run(SCRIPT, "--help", folder=tmp_path)
    assert done.returncode == 0 and "  sph           SPH: 25,770 recordings" in done.stdout
    assert "options" not in done.stdout.split("sources:")[1].split("\n\n")[0], "options.py is no source"
    assert _run(SCRIPT, folder=tmp_path).stdout == done.stdout
    done = _run(SCRIPT, "ptb", "--source", "x", folder=tmp_path)
    assert done.returncode == 1 and "error: source must be one of chapman, " in done.stderr and "'ptb'" in done.stderr


def test_it_prepares_from_any_folder_and_bad_input_is_one_paragraph(tmp_path):
    make_example_data(tmp_path / "ecg", patients=3, rate=100.0, seconds=10.0)
    words = [SCRIPT, "wfdb_folder", "--source", "ecg", "--dest", "data", "--workers", "2", "--per-shard", "2"]
    done = _run(*words, "--classes", "all", folder=tmp_path, OMP_NUM_THREADS="1")
    assert done.returncode == 0, done.stderr
    assert read_card(tmp_path / "data")["counts"]["patients"] == 3
    done = _run(SCRIPT, "sph", "--source", "none", "--dest", "out", folder=tmp_path)
    assert (
        done.returncode == 1 and done.stderr == "error: source must be a folder, got none, which is none (--source)\n"
    )
