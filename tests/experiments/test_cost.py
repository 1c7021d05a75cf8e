"""Updates against plain loops and the loader, and hours against those that the paper names."""

from pathlib import Path

import pytest
import torch

from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.cost import estimated_hours, global_batch, training_cost, updates_and_windows
from fairseq_signals.experiments.defaults import DEFAULTS, PRETRAINING_SECONDS, PRETRAINING_TASK, RANDOM
from fairseq_signals.experiments.machines import MACHINES

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "oh2022"
TINY = {"_name": "wav2vec2_tiny"}


def training(**sections):
    """A configuration of the smallest pre-training; sections are laid over it."""
    config = {
        "task": {"_name": "ecg_pretraining", "rate": 100.0},
        "model": {"_name": "ecg_wav2vec2", "encoder": "wav2vec2_tiny"},
        "dataset": {"batch_size": 8},
        "optimization": {"max_update": 10},
    }
    return {name: {**config.get(name, {}), **sections.get(name, {})} for name in {*config, *sections}}


def fairseqs_loop(windows, batch_size, ranks, micro_batches, max_epoch, max_update, skip):
    """What `fairseq-train` does: batches are dealt to the ranks, grouped, and counted until the end."""
    numbers = list(range(windows))
    batches = [len(numbers[begin : begin + batch_size]) for begin in range(0, windows, batch_size)]
    batches += [0] * (-len(batches) % ranks)
    rounds = [sum(batches[begin : begin + ranks]) for begin in range(0, len(batches), ranks)]
    groups = [rounds[begin : begin + micro_batches] for begin in range(0, len(rounds), micro_batches)]
    groups = [group for group in groups if not skip or len(group) == micro_batches]
    updates, seen, epoch = 0, 0, 0
    while max_epoch == 0 or epoch < max_epoch:
        epoch += 1
        for group in groups:
            updates, seen = updates + 1, seen + sum(group)
            if max_update and updates >= max_update:
                return updates, seen
    return updates, seen


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize(("max_epoch", "max_update"), [(3, 0), (0, 17), (3, 17), (50, 17), (1, 1)])
@pytest.mark.parametrize(
    ("windows", "batch_size", "ranks", "micro_batches"), [(100, 8, 1, 1), (101, 7, 2, 3), (64, 4, 4, 2)]
)
def test_updates_are_those_of_fairseqs_loop(windows, batch_size, ranks, micro_batches, max_epoch, max_update, skip):
    config = training(
        dataset={"batch_size": batch_size},
        distributed_training={"distributed_world_size": ranks},
        optimization={
            "update_freq": [micro_batches],
            "max_epoch": max_epoch,
            "max_update": max_update,
            "skip_remainder_batch": skip,
        },
    )
    assert global_batch(config) == batch_size * ranks * micro_batches
    expected = fairseqs_loop(windows, batch_size, ranks, micro_batches, max_epoch, max_update, skip)
    assert updates_and_windows(config, windows) == expected


def test_a_last_update_that_is_not_whole_is_counted_window_by_window():
    assert updates_and_windows(training(optimization={"max_update": 0, "max_epoch": 2}), 20) == (6, 40)
    assert updates_and_windows(training(optimization={"max_update": 5}), 20) == (5, 20 + 16)


def test_max_tokens_are_samples():
    config = training(dataset={"batch_size": None, "max_tokens": 4999})  # windows of ten seconds at 100 Hz
    assert global_batch(config) == 4


def test_backward_costs_twice_the_forward_and_a_frozen_encoder_has_none():
    config = {**training(), "task": {"_name": "ecg_classification", "rate": 100.0}}
    config["model"] = {"_name": "ecg_classifier", "pretrained": "random", "encoder": TINY}

    def flops(freeze):
        return training_cost({**config, "model": {**config["model"], "freeze_updates": freeze}}, 80).flops

    assert flops(-1) * 3 == flops(0) and flops(10) == flops(-1) == flops(1000)
    assert flops(4) == flops(-1) * (4 + 3 * 6) / 10


def test_cost_doubles_with_updates_and_with_a_second_view():
    cost = training_cost(training(), 1000)
    longer = training_cost(training(optimization={"max_update": 20}), 1000)
    twice = training_cost(training(task={"views": "augment"}), 1000)
    assert (cost.updates, cost.windows) == (10, 80) and (longer.updates, longer.windows) == (20, 160)
    assert longer.flops == twice.flops == 2 * cost.flops


def test_an_encoder_that_sees_a_quarter_of_its_tokens_costs_a_quarter():
    config = {**training(), "model": {"_name": "ecg_mae", "encoder": TINY}}
    masked = {**config, "model": {**config["model"], "masked_share": 0.75}}
    assert training_cost(masked, 80).flops * 4 == training_cost(config, 80).flops


def paper(recipe, segments, epochs, pretrained=None):
    config = compose_recipe(FOLDER / f"{recipe}.yaml")
    config["optimization"] = {**config["optimization"], "max_epoch": epochs, "max_update": 0}
    windows = segments // 2 if pretrained is None else segments
    return training_cost(config, windows, pretrained)


def test_the_papers_hours_come_out_again():
    pretraining = compose_recipe(FOLDER / "w2v_cmsc_rlm.yaml")
    assert global_batch(pretraining) == 512
    assert estimated_hours(paper("w2v_cmsc_rlm", 189_051, 200), "rtx_a6000", 4) == pytest.approx(24, rel=0.01)
    diagnosis = paper("diagnosis", 32_640, 100, pretraining)
    assert diagnosis.updates == 25_500
    assert estimated_hours(diagnosis, "rtx_3090") == pytest.approx(4, rel=0.01)
    identification = paper("identification", 147_444, 100, pretraining)
    assert estimated_hours(identification, "rtx_3090") == pytest.approx(18, rel=0.01)


def test_twice_the_gpus_take_half_the_hours():
    cost = training_cost(training(), 1000)
    for name, machine in MACHINES.items():
        assert machine.basis in ("measured", "from the paper", "arithmetic") and machine.source
        seconds = 3600 * estimated_hours(cost, name)
        assert seconds == pytest.approx(cost.flops / machine.tflops / 1e12)
        assert estimated_hours(cost, name, 2) * 2 == pytest.approx(estimated_hours(cost, name))


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"optimization": {"max_update": 0}}, "must have an end .* got max_epoch 0, max_update 0"),
        ({"optimization": {"update_freq": [1, 2]}}, r"update_freq must hold one whole number, 1 or more, got \[1, 2\]"),
        ({"dataset": {"batch_size": None}}, "dataset.batch_size must be given"),
        ({"dataset": {"batch_size": "???"}}, "dataset.batch_size must be given, got nothing"),
        ({"optimization": {"update_freq": [4], "skip_remainder_batch": True}}, "0 updates per epoch"),
    ],
)
def test_a_training_that_cannot_be_counted_is_refused(sections, message):
    with pytest.raises(ValueError, match=message):
        training_cost(training(**sections), 20)


def test_no_windows_no_device_no_such_machine():
    with pytest.raises(ValueError, match="windows per epoch must be 1 or more, got 0"):
        training_cost(training(), 0)
    cost = training_cost(training(), 20)
    with pytest.raises(ValueError, match="gpus must be 1 or more, got 0"):
        estimated_hours(cost, "a100", 0)
    with pytest.raises(ValueError, match=r"machine must be one of rtx_a6000, .*cpu_core, got 'abacus'"):
        estimated_hours(cost, "abacus")


def test_defaults_are_those_of_fairseq_and_of_the_tasks():
    from fairseq.dataclass import configs

    from fairseq_signals.models.downstream import RANDOM as THEIRS
    from fairseq_signals.models.downstream import DownstreamConfig
    from fairseq_signals.models.ecg_model import ECGModelConfig
    from fairseq_signals.tasks.ecg_classification import ECGClassificationConfig
    from fairseq_signals.tasks.ecg_identification import ECGIdentificationConfig
    from fairseq_signals.tasks.ecg_pretraining import ECGPretrainingConfig

    theirs = {"optimization": configs.OptimizationConfig(), "dataset": configs.DatasetConfig()}
    theirs["checkpoint"] = configs.CheckpointConfig()
    for section, settings in theirs.items():
        assert {name: getattr(settings, name) for name in DEFAULTS[section]} == DEFAULTS[section]
    devices = max(1, torch.cuda.device_count())
    assert configs.DistributedTrainingConfig().distributed_world_size == devices
    assert DEFAULTS["distributed_training"] == {"distributed_world_size": 1}
    task = DEFAULTS["task"]
    pretraining = {name: getattr(ECGPretrainingConfig(), name) for name in task}
    assert {**pretraining, "windows": str(pretraining["windows"])} == {**task, "window_seconds": PRETRAINING_SECONDS}
    for other in (ECGClassificationConfig(), ECGIdentificationConfig()):
        assert all(getattr(other, name) == task[name] for name in task if name not in ("views", "windows"))
    assert ECGModelConfig().encoder == DEFAULTS["model"]["encoder"] and THEIRS == RANDOM
    assert DownstreamConfig().freeze_updates == DEFAULTS["model"]["freeze_updates"]


def test_pretraining_is_the_name_of_the_task():
    from fairseq.tasks import TASK_REGISTRY

    import fairseq_signals

    fairseq_signals.register()
    assert PRETRAINING_TASK in TASK_REGISTRY
