"""A small study, and a training that does nothing, for the tests of the room."""

import textwrap
from pathlib import Path

import pytest

from fairseq_signals.data.card import write_card

RECIPES = Path(__file__).resolve().parents[2] / "examples" / "oh2022"

STUDY = """
recipes: {recipes}
seeds: [1, 2]
data: {{pretraining: data/a, diagnosis: data/b, identification: data/c}}
seconds: {{pretraining: 9450, diagnosis: 500}}
settings: {{pretraining: [size=tiny], finetuning: [machine=cpu]}}
tasks:
  diagnosis: {{label: Dx., recipe: diagnosis, task: ecg_classification, subset: test, metric: macro_auc}}
  identification: {{label: Id., recipe: identification, task: ecg_identification, subset: probe, metric: rank1}}
columns:
  "12": {{label: 12-lead}}
  P-2: {{label: P-2-lead, pretrained_on: "12", finetuning: [task.leads=2]}}
  "2": {{pretraining: [task.leads=2, task.drop_leads=true], finetuning: [task.leads=2, ++task.drop_leads=true]}}
methods:
  random_init: {{label: Random init., recipe: null, finetuning: [start=random_init]}}
  cmsc: {{label: CMSC}}
  spectrum: {{label: spectrum, descriptor: log_spectrum}}
tables:
  padded:
    title: One encoder
    rows: [spectrum, random_init, cmsc]
    columns: ["12", P-2]
    tasks: [diagnosis, identification]
  own:
    title: An encoder per lead set
    rows: [cmsc]
    columns: ["12", "2"]
    tasks: [diagnosis]
"""


@pytest.fixture
def write_study(tmp_path):
    """Writes a study yaml: the small one with replacements, or the given text."""

    def write(text: str | None = None, name: str = "study.yaml", **replacements: str) -> Path:
        content = STUDY.format(recipes=RECIPES) if text is None else textwrap.dedent(text)
        for old, new in replacements.items():
            assert old in content, old
            content = content.replace(old, new)
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


@pytest.fixture
def write_data():
    """Writes a data set of which there is a card alone."""

    def write(folder: Path, source: str = "a source") -> Path:
        facts = {"source": source, "version": None, "counts": {}, "classes": [], "unannotated": [], "rate": None}
        folder.mkdir(exist_ok=True)
        write_card(folder, facts | {"split": "-"}, [])
        return folder

    return write
