import json
import re
from dataclasses import replace

import pytest

from fairseq_signals.experiments.listing import cost_of, listing
from fairseq_signals.experiments.plan import Selection, jobs_of, select_cells
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study_file import read_study


@pytest.fixture
def jobs(write_study):
    study = read_study(write_study())
    return study, jobs_of(select_cells(study, Selection(tables=("padded",), columns=("12",), tasks=("diagnosis",))))


def test_a_line_per_training_with_what_it_costs(jobs, tmp_path):
    study, jobs = jobs
    text = listing(jobs, tmp_path, "cpu_core", study.seconds)
    for job in jobs:
        assert len(re.findall(rf"^{re.escape(job.name)}\s+to do", text, re.MULTILINE)) == 1
    assert re.search(r"^diagnosis/spectrum/12\s+to do\s+-\s+-\s+-\s+-$", text, re.MULTILINE)
    # 9,450 seconds are 945 windows of ten, 30 updates of 32 an epoch; the tiny size ends after 400 updates.
    assert re.search(r"^pretraining/cmsc/12/seed1\s+to do\s+400\s", text, re.MULTILINE)
    hours = [float(line.split()[-1]) for line in text.splitlines() if "/seed" in line]
    total = float(re.search(r"([\d.]+) device hours in all", text).group(1))
    assert total == pytest.approx(sum(hours), abs=0.05 + 0.005 * len(hours))


def test_what_is_done_is_no_longer_counted_as_to_do(jobs, tmp_path):
    study, jobs = jobs
    pretraining = State(jobs[-2], tmp_path) if jobs[-2].parent is None else State(jobs[-2].parent, tmp_path)
    pretraining.folder.mkdir(parents=True)
    (pretraining.folder / "trained.json").write_text(json.dumps({"seconds": 1800}))
    text = listing(jobs, tmp_path, "cpu_core", study.seconds)
    line = next(line for line in text.splitlines() if line.startswith(pretraining.job.name))
    assert line.split()[1] == "done" and line.endswith("0.50 h")
    whole, left = (float(number) for number in re.findall(r"([\d.]+) (?:device hours|of them)", text))
    assert left < whole


def test_data_that_is_neither_prepared_nor_known_has_no_cost(jobs):
    _, jobs = jobs
    assert cost_of(jobs[-1], {}) is None


def test_an_unknown_machine_is_refused(jobs, tmp_path):
    with pytest.raises(ValueError, match=r"machine must be one of .*a100.*, got 'abacus'"):
        listing(jobs[1], tmp_path, "abacus", {})


def test_an_encoder_from_a_checkpoint_of_somebody_else_has_no_cost(jobs):
    study, jobs = jobs
    job = next(job for job in jobs if job.name.startswith("diagnosis/random_init"))
    elsewhere = replace(job, settings=(*job.settings, "model.pretrained=theirs.pt", "~model.encoder"))
    assert cost_of(job, study.seconds) is not None and cost_of(elsewhere, study.seconds) is None
