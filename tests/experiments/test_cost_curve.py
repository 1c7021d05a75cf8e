"""Scores over cost: what stands in logs, at the operations that a plain sum gives."""

import json
from dataclasses import replace

import pytest

from fairseq_signals.experiments.cost_curve import cost_curves, write_cost_curves_of
from fairseq_signals.experiments.listing import cost_of
from fairseq_signals.experiments.plan import Selection, select_cells
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study_file import read_study


@pytest.fixture
def cells(write_study):
    study = read_study(write_study())
    chosen = Selection(("padded",), ("random_init", "cmsc"), ("diagnosis",), ("12",), (1,))
    return study, select_cells(study, chosen)


def write_log(cell, dest, scores):
    folder = State(cell.job, dest).folder
    folder.mkdir(parents=True)
    lines = [{"epoch": 1, "update": 0.5, "loss": "1.0", "num_updates": "5"}]
    lines += [{"epoch": 1, "valid_macro_auc": str(score), "valid_num_updates": str(at)} for at, score in scores]
    (folder / "train.log").write_text("".join(f"[date][valid][INFO] - {json.dumps(line)}\n" for line in lines))


def test_a_pretraining_is_paid_before_the_first_score(cells, tmp_path):
    study, (random, cmsc) = cells
    write_log(random, tmp_path, [(10, 0.5), (20, 0.75)])
    write_log(cmsc, tmp_path, [(10, 0.625)])
    curves = cost_curves(study, [random, cmsc], tmp_path, "macro_auc")
    assert [curve.label for curve in curves] == ["Random init., Dx., 12-lead", "CMSC, Dx., 12-lead"]
    assert [curve.scores for curve in curves] == [(0.5, 0.75), (0.625,)]
    own, before = (cost_of(job, study.seconds) for job in (random.job, cmsc.job.parent))
    assert curves[0].operations == pytest.approx([own.flops / own.updates * update for update in (10, 20)])
    assert curves[1].operations == pytest.approx([before.flops + own.flops / own.updates * 10])


def test_the_table_has_a_line_for_each_point(cells, tmp_path):
    study, (random, cmsc) = cells
    write_log(random, tmp_path, [(10, 0.5), (20, 0.75)])
    assert write_cost_curves_of(study, [random, cmsc], tmp_path, "macro_auc").startswith("1 curves")
    lines = (tmp_path / "tables" / "cost_macro_auc.tsv").read_text().splitlines()
    assert lines[0] == "label\toperations\tmacro_auc" and [line.split("\t")[2] for line in lines[1:]] == ["0.5", "0.75"]
    assert (tmp_path / "tables" / "cost_macro_auc.png").stat().st_size > 1000


def test_two_seeds_of_a_cell_are_told_apart_by_their_folders(cells, tmp_path):
    study, (random, _) = cells
    second = replace(random, seed=2, job=replace(random.job, name=random.job.name.replace("seed1", "seed2")))
    for cell in (random, second):
        write_log(cell, tmp_path, [(10, 0.5)])
    labels = [curve.label for curve in cost_curves(study, [random, second], tmp_path, "macro_auc")]
    assert labels == [random.job.name, second.job.name]


def test_what_cannot_be_drawn_is_named(cells, tmp_path):
    study, (random, cmsc) = cells
    with pytest.raises(ValueError, match="trainings to draw must have begun, got none of 2"):
        cost_curves(study, [random, cmsc], tmp_path, "macro_auc")
    write_log(random, tmp_path, [(10, 0.5)])
    with pytest.raises(ValueError, match=r"metric must be one of macro_auc \(valid\), got 'accuracy'"):
        cost_curves(study, [random], tmp_path, "accuracy")
    (State(random.job, tmp_path).folder / "train.log").write_text('{"epoch": 1, "loss": "1", "num_updates": "5"}\n')
    with pytest.raises(ValueError, match="training must have been validated once"):
        cost_curves(study, [random], tmp_path, "macro_auc")
    with pytest.raises(ValueError, match=r"data of .* must be prepared"):
        cost_curves(replace(study, seconds={}), [random], tmp_path, "macro_auc")
