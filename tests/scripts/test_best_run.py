"""A sweep over learning rates by Hydra's multirun, as a user types it, and which of its runs is the best."""

import json
import re

import pytest
import torch

from scripts.best_run import main

ROOT_RECIPE = ["--config-dir", "examples/mehari2022", "--config-name", "supervised", "training=paper", "machine=cpu"]
SMALL = ["common.user_dir=fairseq_signals", "model.encoder=xresnet1d18", "optimization.max_epoch=1"]
BEST = ["checkpoint.best_checkpoint_metric=loss", "checkpoint.maximize_best_checkpoint_metric=false"]


@pytest.mark.slow
def test_each_rate_is_a_training_of_its_own_and_the_lowest_loss_is_found(ecg_data, run_command, tmp_path, capsys):
    place = [f"task.data={ecg_data}", f"hydra.sweep.dir={tmp_path}", "optimization.lr=[1e-2],[3e-5]"]
    command = ["fairseq-hydra-train", "--multirun", *ROOT_RECIPE, *SMALL, *BEST, *place]
    done = run_command(*command, fails=True)
    assert "checkpoint.save_dir must lie in a multirun job's own folder" in done.stderr
    done = run_command(*command, "checkpoint.save_dir=${hydra:runtime.output_dir}")
    losses = [json.loads(found)["valid_loss"] for found in re.findall(r"\{.*\"valid_loss\".*\}", done.stdout)]
    rates = [torch.load(tmp_path / n / "checkpoint_best.pt", weights_only=True)["cfg"]["optimization"] for n in "01"]
    assert [rate["lr"] for rate in rates] == [[0.01], [3e-05]] and len(losses) == 2
    main([str(tmp_path), "--metric", "loss"])
    best = min(range(2), key=lambda n: float(losses[n]))
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / str(best) / "checkpoint_best.pt")
