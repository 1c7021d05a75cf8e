"""Draws that are keyed, and what reaches model and criterion."""

import pytest
import torch

METHOD = ["--criterion", "w2v", "--transforms", "random_lead_masking", "--window-seconds", "4", "--seed", "3"]


class Stop(Exception):
    """Ends a step once it is known what the criterion was given."""


@pytest.fixture
def parts(fairseq_parts, ecg_data, arguments):
    def build(*more):
        parts = fairseq_parts(ecg_data, *arguments["pretraining"], *METHOD, *more)
        parts[1].load_dataset("valid")
        parts[1].load_dataset("pretrain", combine=True)
        return parts

    return build


def step(parts, update, sample=None):
    """What the criterion is given in a training step, and the state of PyTorch's own generator there."""
    _, task, model, _ = parts
    batches = task.datasets["valid"]
    sample = sample or batches.collater(batches.__getitems__([0, 1, 2]))
    seen = {}

    def criterion(model, prepared):
        seen.update(
            prepared, dropout=torch.get_rng_state(), next=torch.rand(5, generator=prepared["net_input"]["generator"])
        )
        raise Stop

    with pytest.raises(Stop):
        task.train_step(sample, model, criterion, None, update)
    return seen


def same(one, two):
    present = torch.equal(one["net_input"]["present"], two["net_input"]["present"])
    return present, torch.equal(one["next"], two["next"]), torch.equal(one["dropout"], two["dropout"])


def test_micro_batches_updates_and_seeds_draw_differently(parts):
    run = parts()
    first, second, third = step(run, 5), step(run, 5), step(run, 6)
    assert same(first, second) == same(second, third) == same(first, third) == (False, False, False)
    assert same(first, step(parts("--seed", 4), 5)) == (False, False, False)


def test_a_resumed_run_draws_what_it_would_have_drawn(parts):
    run = parts()
    drawn = [step(run, 5), step(run, 5), step(run, 6)]
    torch.manual_seed(12345)
    resumed = parts()
    for one, two in zip(drawn, [step(resumed, 5), step(resumed, 5), step(resumed, 6)], strict=True):
        assert same(one, two) == (True, True, True)


def test_ranks_draw_differently(parts, monkeypatch):
    run = parts()
    first = step(run, 5)
    monkeypatch.setattr("fairseq_signals.tasks.ecg_task.rank", lambda: 1)
    assert same(first, step(parts(), 5)) == (False, False, False)


def test_validation_repeats_its_draws(parts):
    _, task, model, criterion = parts()
    batches = task.datasets["valid"]
    losses = []
    for _ in range(2):
        sample = batches.collater(batches.__getitems__([4, 5, 6]))
        losses.append(float(task.valid_step(sample, model, criterion)[0]))
        torch.rand(7)
    assert losses[0] == losses[1]


def test_signal_is_millivolts_of_the_record(parts, ecg_data):
    from fairseq_signals.data.readers import read_record

    run = parts("--transforms", "")
    sample = step(run, 0)
    _, task, _, _ = run
    first = task.datasets["valid"].windows.table.ids[0]
    record = read_record(next((ecg_data.parent / "recordings").rglob(f"{first.split('/')[-1]}.hea")))
    expected = torch.from_numpy(record.signal[:, :400])
    torch.testing.assert_close(sample["net_input"]["signal"][0], expected, atol=6e-4, rtol=0)


def test_adjacent_views_are_neighbouring_halves_of_one_recording(parts):
    whole, halves = step(parts("--transforms", ""), 0), step(parts("--transforms", "", "--views", "adjacent"), 0)
    signal = whole["net_input"]["signal"]
    assert torch.equal(halves["net_input"]["signal"], torch.cat([signal[..., :200], signal[..., 200:]]))
    assert halves["view"].tolist() == [0, 0, 0, 1, 1, 1] and halves["counted"] == 6
    for name in ("window", "recording", "patient"):
        group = halves["groups"][name]
        assert torch.equal(group[:3], group[3:])
    assert len(set(halves["groups"]["window"].tolist())) == 3


@pytest.mark.parametrize(("leads", "drop"), [("2", False), ("I,V2", False), ("6", True)])
def test_leads_that_are_not_available_are_zero_or_dropped(parts, leads, drop):
    names = {"2": [0, 1], "I,V2": [0, 7], "6": [0, 1, 2, 3, 4, 5]}[leads]
    whole = step(parts("--transforms", ""), 0)["net_input"]["signal"]
    run = parts("--transforms", "", "--leads", leads, *(["--drop-leads"] if drop else []))
    found = step(run, 0)["net_input"]
    if drop:
        assert torch.equal(found["signal"], whole[:, names]) and run[2].encoder.leads == len(names)
        return
    expected = torch.zeros_like(whole)
    expected[:, names] = whole[:, names]
    assert torch.equal(found["signal"], expected)
    assert found["present"].sum(dim=1).tolist() == [len(names)] * 3


def test_an_empty_batch_counts_nowhere(parts):
    run = parts("--views", "adjacent")
    _, task, model, criterion = run
    prepared = step(run, 0, task.datasets["valid"].collater([]))
    assert prepared["counted"] == 0 and not prepared["net_input"]["signal"].any()
    model.train()
    loss, size, logs = criterion(model, prepared)
    loss.backward()
    assert (float(loss.detach()), size) == (0.0, 0)
    assert not any(logs[name] for name in logs if name.startswith("count_"))
    assert not any(value.grad.any() for value in model.parameters() if value.grad is not None)


def test_the_configuration_to_be_saved_holds_every_setting(parts):
    cfg, *_ = parts()
    assert cfg.task.transforms == [{"_name": "random_lead_masking", "probability": 0.5, "keep_one": True}]
    assert cfg.model.encoder.layers == 3 and cfg.model.encoder.convs == [[64, 3, 3]]
    assert cfg.model.preprocess.normalise == "none" and "order" in cfg.model.preprocess


def test_validation_transforms_as_training_does(parts):
    _, task, _, _ = parts()
    assert task.evaluation_pipeline is task.training_pipeline


def test_a_subset_that_does_not_exist_is_answered_with_those_that_do(parts):
    with pytest.raises(FileNotFoundError, match=r"subset must be a manifest in .*pretrain.*valid.*got 'validation'"):
        parts()[1].load_dataset("validation")


def test_what_is_trained_on_cannot_be_what_validates_and_is_opened_again_in_every_epoch(parts):
    _, task, _, _ = parts()
    task.load_dataset("pretrain", combine=True)
    with pytest.raises(ValueError, match=r"train_subset must be none of valid_subset, got valid for both"):
        task.load_dataset("valid", combine=True)


def test_unknown_views_and_transforms_are_answered_with_the_known_ones(parts):
    with pytest.raises(ValueError, match="views must be one of single, adjacent, augment, crops"):
        parts("--views", "neighbours")
    with pytest.raises(ValueError, match=r"transform must be one of .*random_lead_masking.*got 'random_lead_maskin'"):
        parts("--transforms", "random_lead_maskin")


@pytest.mark.slow
def test_scores_of_a_pretrained_checkpoint_are_refused_rather_than_left_out(
    ecg_data, pretrained, run_command, tmp_path
):
    command = [ecg_data, "--user-dir", "fairseq_signals", "--cpu", "--task", "ecg_identification", "--path", pretrained]
    command += ["--valid-subset", "probe", "--batch-size", 8, "--results-path", tmp_path]
    done = run_command("fairseq-validate", *command, fails=True)
    assert "results_path must be left out for a pre-trained checkpoint" in done.stdout + done.stderr
    assert not list(tmp_path.iterdir())
