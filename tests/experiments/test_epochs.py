"""Windows of an epoch against the loader itself."""

import shutil

import pytest

from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.experiments.cost import updates_and_windows
from fairseq_signals.experiments.epochs import windows_per_epoch


def config(subset="pretrain", **task):
    return {"task": {"_name": "ecg_pretraining", "rate": 100.0, **task}, "dataset": {"train_subset": subset}}


@pytest.mark.parametrize(
    "task",
    [
        {"window_seconds": 5.0},
        {"window_seconds": 3.0},
        {"window_seconds": 2.5, "stride_seconds": 1.25},
        {"window_seconds": 30.0},
        {"window_seconds": 2.5, "windows": "random"},
    ],
)
def test_windows_are_as_many_as_the_loader_cuts(ecg_data, task):
    loader = WindowDataset(
        ecg_data / "pretrain.tsv",
        100.0,
        task["window_seconds"],
        task.get("windows", "tiled"),
        task.get("stride_seconds"),
    )
    assert windows_per_epoch(ecg_data, config(**task)) == len(loader) > 0


def test_updates_of_an_epoch_are_the_batches_of_the_loader(ecg_data):
    from fairseq_signals.tasks.window_batches import WindowBatches

    given = {**config(window_seconds=5.0), "optimization": {"max_epoch": 1}}
    given["dataset"]["batch_size"] = 7
    windows = windows_per_epoch(ecg_data, given)
    loader = WindowBatches(WindowDataset(ecg_data / "pretrain.tsv", 100.0, 5.0), "pretrain", shuffle=True, seed=1)
    batches = loader.batch_by_size(loader.ordered_indices(), max_sentences=7)
    assert updates_and_windows(given, windows) == (len(batches), sum(map(len, batches)))


def test_the_store_is_not_opened(ecg_data, tmp_path):
    for path in (*ecg_data.glob("*.tsv"), *ecg_data.glob("*.yaml")):
        shutil.copy(path, tmp_path)
    assert windows_per_epoch(tmp_path, config()) == windows_per_epoch(ecg_data, config())


def test_data_that_are_not_there_yet(tmp_path):
    assert windows_per_epoch(tmp_path / "none", config()) is None


def test_what_the_loader_would_refuse_is_refused(ecg_data, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"subset must be a manifest in .* \(.*pretrain.*\), got 'pretrian'"):
        windows_per_epoch(ecg_data, config("pretrian"))
    with pytest.raises(ValueError, match=r"rate must be 500 Hz, as the model's, got 100 \(.*pretrain.tsv, line 2\)"):
        windows_per_epoch(ecg_data, config(rate=500.0))
    with pytest.raises(ValueError, match=r"task\.windows must be one of tiled, random, centred, got 'some'"):
        windows_per_epoch(ecg_data, config(windows="some"))
    lines = (ecg_data / "pretrain.tsv").read_text().splitlines()
    place = lines[0].split("\t").index("length")
    broken = [*lines[1].split("\t")[:place], "long", *lines[1].split("\t")[place + 1 :]]
    (tmp_path / "pretrain.tsv").write_text("\n".join([lines[0], "\t".join(broken)]) + "\n")
    with pytest.raises(ValueError, match=r"pretrain\.tsv, line 2, column length"):
        windows_per_epoch(tmp_path, config())
