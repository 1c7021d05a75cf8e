"""What every source owes: a test, lines in the README, commands that are understood, and where it comes from."""

import importlib
import re
import runpy
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "manifests" / "README.md").read_text(encoding="utf-8")
SOURCES = runpy.run_path(str(ROOT / "scripts" / "prepare.py"))["sources"]()
OWN = {"table", "wfdb_folder"}  # of whoever has files; nobody publishes them


def _commands() -> list[list[str]]:
    """The commands in the README's blocks, word by word."""
    blocks = re.findall(r"^```\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.startswith("python ")]


COMMANDS = _commands()


def test_the_folder_lists_sources_and_nothing_else():
    found = {path.name for path in (ROOT / "manifests").iterdir() if path.name != "__pycache__"}
    assert {name for name in found if "." in name} == {"README.md", "__init__.py", *(f"{name}.py" for name in SOURCES)}
    assert {name for name in found if "." not in name} == {"details", "label_maps", "origins", "parts"}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_has_a_test_a_description_and_its_lines_in_the_readme(name):
    assert (ROOT / "tests" / "manifests" / f"test_{name}.py").is_file(), "a test file"
    assert len(SOURCES[name]) > 20 and SOURCES[name].endswith("."), "a first line that says what it is"
    lines = [line for line in README.splitlines() if line.startswith(f"| `{name}` |")]
    assert len(lines) == 2, "a line in each of the README's two tables of sources"
    assert any(words[1:3] == ["scripts/prepare.py", name] for words in COMMANDS), "a command in the README"


@pytest.mark.parametrize("name", sorted(set(SOURCES) - OWN))
def test_a_public_source_says_where_it_comes_from(name):
    from fairseq_signals.data.download.origin import read_origin

    path = ROOT / "manifests" / "origins" / f"{name}.yaml"
    assert path.is_file(), "manifests/origins/<source>.yaml says where it lies"
    forms = read_origin(path).forms or (None,)
    pages = [read_origin(path, form).page for form in forms]
    line = [line for line in README.splitlines() if line.startswith(f"| `{name}` |")][1]
    assert all(f"]({page})" in line for page in pages), "the README's table links the same page"


def test_no_origin_and_no_line_is_of_a_source_that_is_not_there():
    origins = {path.stem for path in (ROOT / "manifests" / "origins").glob("*.yaml")}
    assert origins <= set(SOURCES)
    assert set(re.findall(r"^\| `(\w+)` \|", README.split("## Commands")[0], flags=re.MULTILINE)) == set(SOURCES)


def test_the_readme_names_every_reason_of_a_reject_and_every_file():
    from fairseq_signals.data.destination import PAIRS, REJECTED, SPLITS, WARNINGS
    from fairseq_signals.data.faults import FAULTS

    table = README.split("## What `rejected.tsv` means")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([^`]+)` \|", table, flags=re.MULTILINE) == list(FAULTS)
    for name in (REJECTED, WARNINGS, *(f"{name}.tsv" for name in (*SPLITS, "pretrain", *PAIRS))):
        assert f"`{name}`" in README


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[1:3]))
def test_every_command_in_the_readme_is_understood(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if words[1] == "-c":
        compile(words[2], "README", "exec")
    elif words[1] != "scripts/prepare.py":
        assert (ROOT / words[1]).is_file()
    else:
        main = importlib.import_module(f"manifests.{words[2]}").main
        with pytest.raises(FileNotFoundError, match=r"source must be a folder, got .*\(--source\)"):
            main(words[3:])
