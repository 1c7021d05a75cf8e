"""Every cell of the studies among the examples stands on trainings that compose: no column is found out after days."""

from pathlib import Path

import pytest

from fairseq_signals.data.leads import parse_leads
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.plan import Selection, jobs_of, select_cells
from fairseq_signals.experiments.study_file import read_study

pytestmark = pytest.mark.slow
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STUDIES = sorted(EXAMPLES.rglob("tables*.yaml"))
OF_LEADS = sorted((EXAMPLES / "oh2022").glob("tables*.yaml"))


def composed(study, cell) -> dict:
    return compose_recipe(cell.job.recipe, list(cell.job.settings))["task"]


@pytest.mark.parametrize("path", OF_LEADS, ids=lambda path: path.stem)
def test_every_column_has_the_leads_of_its_name_and_of_its_encoder(path):
    study = read_study(path)
    rows = ("w2v_cmsc_rlm",) if "w2v_cmsc_rlm" in study.tables[next(iter(study.tables))].rows else ()
    seen = set()
    for cell in select_cells(study, Selection(rows=rows, seeds=study.seeds[:1])):
        if (cell.column, cell.task) in seen or cell.job.parent is None:
            continue
        seen.add((cell.column, cell.task))
        tuned, pretrained = composed(study, cell), compose_recipe(cell.job.parent.recipe, cell.job.parent.settings)
        assert parse_leads(tuned["leads"]) == parse_leads(cell.column.removeprefix("P-"))
        own = cell.column not in ("12",) and not cell.column.startswith("P-")
        assert bool(tuned.get("drop_leads", False)) == pretrained["task"]["drop_leads"] == own
        assert str(pretrained["task"]["leads"]) == (cell.column if own else "12")
        assert tuned["rate"] == pretrained["task"]["rate"]
    assert seen


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_training_composes(path):
    study = read_study(path)
    jobs = jobs_of(select_cells(study, Selection(seeds=study.seeds[:1])))
    for recipe, settings in {(job.recipe, job.settings): None for job in jobs}:
        assert compose_recipe(recipe, list(settings))["task"]["data"] == "???"
