"""Killed at any moment and started again, training ends with the weights of the run that was never killed."""

import random
import time

import pytest
import torch

from fairseq_signals.modules.checkpoint import is_whole

pytestmark = pytest.mark.slow
METHOD = ["--criterion", "w2v_cmsc", "--views", "adjacent", "--transforms", "random_lead_masking"]
METHOD += ["--windows", "random", "--window-seconds", 4, "--num-workers", 2, "--max-update", 9, "--disable-validation"]
SAVING = ["--save-interval-updates", 2, "--log-format", "simple", "--log-interval", 1]


@pytest.fixture(scope="module")
def run(ecg_data, arguments):
    """Arguments of a run of nine updates, six to the epoch."""
    return lambda folder: [ecg_data, *arguments["pretraining"], *METHOD, *SAVING, "--save-dir", folder]


@pytest.fixture(scope="module")
def uninterrupted(run, run_command, tmp_path_factory):
    """The folder of the run that was never killed."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    run_command("fairseq-train", *run(folder))
    return folder


def weights(folder):
    return torch.load(folder / "checkpoint_last.pt", weights_only=True)


def same(one, two):
    assert one["model"].keys() == two["model"].keys()
    for name, value in one["model"].items():
        assert torch.equal(value, two["model"][name]), name
    first, second = (state["last_optimizer_state"]["state"] for state in (one, two))
    for place, moments in first.items():
        assert torch.equal(moments["exp_avg_sq"], second[place]["exp_avg_sq"])


def test_a_killed_run_ends_with_the_same_weights(run, start_command, uninterrupted, tmp_path):
    moments = random.Random(time.time_ns())  # any moment: after some update is logged, or a little later
    for after in (moments.randint(1, 4), moments.randint(5, 7)):
        process = start_command("fairseq-train", *run(tmp_path))
        for line in process.stdout:
            if "| train_inner |" in line and f"num_updates={after}," in line.replace("num_updates ", "num_updates="):
                time.sleep(moments.uniform(0, 0.3))
                break
        process.kill()
        process.communicate()
        last = tmp_path / "checkpoint_last.pt"
        if last.is_file() and not is_whole(last):
            last.unlink()  # killed while it was copied: see the test below
    last = tmp_path / "checkpoint_last.pt"
    # fairseq trains one update more where a finished run is started again; killed that late, it is finished.
    begun = last.is_file()  # a torn one was deleted above; the run then starts anew and must end the same
    if not begun or weights(tmp_path)["optimizer_history"][-1]["num_updates"] < 9:
        process = start_command("fairseq-train", *run(tmp_path))
        out, errors = process.communicate(timeout=200)
        assert process.returncode == 0, errors[-2000:]
        assert ("Loaded checkpoint" in out) == begun
    same(weights(tmp_path), weights(uninterrupted))


def test_a_torn_checkpoint_names_the_newest_whole_one_from_which_it_goes_on(run, run_command, uninterrupted, tmp_path):
    for number in (2, 4):
        name = f"checkpoint_1_{number}.pt"
        (tmp_path / name).write_bytes((uninterrupted / name).read_bytes())
    torn = (uninterrupted / "checkpoint_last.pt").read_bytes()
    (tmp_path / "checkpoint_last.pt").write_bytes(torn[: len(torn) // 2])
    errors = run_command("fairseq-train", *run(tmp_path), fails=True).stderr
    last = errors.strip().splitlines()[-1]
    assert last.startswith("ValueError: checkpoint_last.pt must be a whole file, but writing it was cut short")
    whole = tmp_path / "checkpoint_1_4.pt"
    assert last.endswith(f"delete it and go on with --restore-file {whole}")
    (tmp_path / "checkpoint_last.pt").unlink()
    out = run_command("fairseq-train", *run(tmp_path), "--restore-file", whole).stdout
    assert "(epoch 1 @ 4 updates)" in out
    same(weights(tmp_path), weights(uninterrupted))
