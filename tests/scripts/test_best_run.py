"""A sweep over learning rates by Hydra's multirun, as a user types it, and which of its runs is the best."""

import json
import re

import pytest
import torch

from fairseq_signals.modules.checkpoint import best_score
from scripts.best_run import main

ROOT_RECIPE = ["--config-dir", "examples/mehari2022", "--config-name", "supervised", "training=paper", "machine=cpu"]
SMALL = ["common.user_dir=fairseq_signals", "model.encoder=xresnet1d18", "optimization.max_epoch=1"]
BEST = ["checkpoint.best_checkpoint_metric=loss", "checkpoint.maximize_best_checkpoint_metric=false"]


@pytest.mark.slow
def test_each_rate_is_a_training_of_its_own_and_the_lowest_loss_is_found(ecg_data, run_command, tmp_path, capsys):
    place = [f"task.data={ecg_data}", f"hydra.sweep.dir={tmp_path}", "optimization.lr=[3e-5],[1e-5],[1e-1]"]
    command = ["fairseq-hydra-train", "--multirun", *ROOT_RECIPE, *SMALL, *BEST, *place]
    done = run_command(*command, fails=True)
    assert "checkpoint.save_dir must lie in a multirun job's own folder" in done.stderr
    done = run_command(*command, "checkpoint.save_dir=${hydra:runtime.output_dir}")
    losses = [json.loads(found)["valid_loss"] for found in re.findall(r"\{.*\"valid_loss\".*\}", done.stdout)]
    rates = [torch.load(tmp_path / n / "checkpoint_best.pt", weights_only=True)["cfg"]["optimization"] for n in "012"]
    assert [rate["lr"] for rate in rates] == [[3e-05], [1e-05], [0.1]] and len(losses) == 3
    main([str(tmp_path), "--metric", "loss"])
    for place, loss in enumerate(losses):  # of its own validation, not of the jobs before it
        assert best_score(tmp_path / str(place) / "checkpoint_best.pt") == pytest.approx(float(loss), abs=1e-3)
    best = min(range(3), key=lambda n: float(losses[n]))
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / str(best) / "checkpoint_best.pt")
