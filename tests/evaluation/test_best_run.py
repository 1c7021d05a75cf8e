"""The best of several runs by the score that stands in their checkpoints, told apart by what they differ in."""

import pytest
import torch

from fairseq_signals.evaluation.best_run import read_runs, runs_text
from scripts.best_run import main


def save(folder, name, score, metric="loss", higher=False, **settings):
    cfg = {
        "model": {"_name": "ecg_classifier", "encoder": {"_name": "attia"}},
        "optimization": {"lr": [settings.get("lr", 1e-4)], "max_epoch": 5},
        "checkpoint": {
            "best_checkpoint_metric": metric,
            "maximize_best_checkpoint_metric": higher,
            "save_dir": f"runs/{name}",
        },
        "task": {"seed": 1, "save_dir": f"runs/{name}"},
    }
    extra = {} if score is None else {"extra_state": {"best": score}}
    (folder / name).mkdir(parents=True)
    state = {"cfg": cfg, "model": {}, "optimizer_history": [{"num_updates": 3}, {"num_updates": 70}], **extra}
    torch.save(state, folder / name / "checkpoint_best.pt")


@pytest.fixture
def sweep(tmp_path):
    for name, score, lr in (("0", 0.61, 1e-4), ("1", 0.58, 3e-5), ("2", 0.6, 1e-5)):
        save(tmp_path, name, score, lr=lr)
    return tmp_path


def test_the_lowest_loss_comes_first_and_the_highest_area(sweep, tmp_path):
    assert [run.score for run in read_runs(sweep)] == [0.58, 0.6, 0.61]
    for name, score in (("a", 0.7), ("b", 0.9), ("c", 0.8)):
        save(tmp_path / "areas", name, score, "macro_auc", True)
    assert [run.path.parent.name for run in read_runs(tmp_path / "areas", "macro_auc")] == ["b", "c", "a"]


def test_the_table_shows_what_the_runs_differ_in(sweep, capsys):
    main([str(sweep)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["run", "valid", "loss", "updates", "optimization.lr"]
    assert lines[1].split() == ["1", "0.58", "70", "[3e-05]"] and lines[3].split() == ["0", "0.61", "70", "[0.0001]"]
    assert lines[-1] == str(sweep / "1" / "checkpoint_best.pt") and lines[4] == ""
    assert runs_text(read_runs(sweep), sweep).splitlines() == lines[:4]


def test_runs_that_cannot_be_compared_are_refused(sweep, tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match=r"runs must be folders with a checkpoint_best\.pt, got none"):
        read_runs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"kept the best checkpoint by macro_auc .* got loss, the lower the better"):
        read_runs(sweep, "macro_auc")
    save(sweep, "3", 0.9, "macro_auc", True)
    with pytest.raises(ValueError, match=r"by loss .*, the lower the better, got macro_auc, the higher the better"):
        read_runs(sweep)
    for name, score in (("none", None), ("nan", float("nan"))):
        save(tmp_path / name, "0", score)
        with pytest.raises(ValueError, match="checkpoint must keep the finite score that chose it, got"):
            read_runs(tmp_path / name)
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "nan")])
    assert capsys.readouterr().err.startswith("error: checkpoint must keep")
