"""A run that goes on from a checkpoint ends with the momentum copies and the queue of the run that never stopped."""

import pytest
import torch

pytestmark = pytest.mark.slow
METHOD = ["--task", "ecg_pretraining", "--views", "augment", "--transforms", "random_lead_masking"]
METHOD += ["--windows", "random", "--window-seconds", 2.5, "--encoder", "wav2vec2_tiny", "--update-freq", 2]
METHOD += ["--projection-hidden", 16, "--projection-dim", 8, "--train-subset", "train", "--disable-validation"]
METHOD += ["--optimizer", "adam", "--lr", "1e-3", "--batch-size", 4, "--max-update", 6, "--save-interval-updates", 3]
MODELS = {
    "byol": ["--arch", "ecg_byol", "--criterion", "byol", "--momentum-start", "0.9"],
    "swav": ["--arch", "ecg_swav", "--criterion", "swav", "--prototypes", 7, "--queue-size", 21],
}


@pytest.mark.parametrize("name", MODELS)
def test_a_resumed_run_ends_with_the_same_numbers(name, run_command, ecg_data, arguments, tmp_path):
    run = [ecg_data, *arguments["place"], *METHOD, *MODELS[name]]
    run_command("fairseq-train", *run, "--save-dir", tmp_path / "whole")
    (middle,) = (tmp_path / "whole").glob("checkpoint_*_3.pt")
    again = run_command("fairseq-train", *run, "--save-dir", tmp_path / "again", "--restore-file", middle)
    assert "@ 3 updates)" in again.stdout
    start, one, two = (
        torch.load(path, weights_only=True)["model"]
        for path in (middle, *(tmp_path / folder / "checkpoint_last.pt" for folder in ("whole", "again")))
    )
    assert one.keys() == two.keys()
    for tensor, value in one.items():
        assert torch.equal(value, two[tensor]), tensor
    kept = [tensor for tensor in one if tensor.startswith(("target_", "queue."))]
    assert kept and any(not torch.equal(start[tensor], one[tensor]) for tensor in kept)
    if name == "swav":
        assert int(start["queue.written"]) == 24 and int(one["queue.written"]) > 24
