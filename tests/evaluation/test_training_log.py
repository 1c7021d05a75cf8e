"""Curves from logs that fairseq's own progress bar wrote, and from lines as its commands print them."""

import logging

import pytest

from fairseq_signals.evaluation.training_log import read_training_log

LOG = """2026-11-20 10:00:00 | INFO | fairseq_cli.train | {'_name': None, 'common': {'seed': 1}}
2026-11-20 10:00:01 | INFO | train_inner | {"epoch": 1, "update": 0.5, "loss": "5.5", "num_updates": "10", "lr": "0.1"}
2026-11-20 10:00:01 | INFO | train_inner | {"epoch": 1, "update": 1.0, "loss": "5", "num_updates": "20", "lr": "0.1"}
[2026-11-20 10:00:02,123][valid][INFO] - {"epoch": 1, "valid_loss": "6.25", "valid_num_updates": "20"}
{"epoch": 1, "valid2_loss": "7", "valid2_num_updates": "20"}
{"epoch": 1, "train_loss": "5.2", "train_acc": "None", "train_kept": "nan", "train_num_updates": "20"}
2026-11-20 10:00:05 | INFO | train_inner | {"epoch": 2, "update": 1.5, "loss": "4.5", "num_updates": "30", "lr": "0.1"}
a restart after update 20
{"epoch": 2, "update": 1.5, "loss": "4", "num_updates": "30", "lr": "0.05"}
{"epoch": 2, "valid_loss": "5.75", "valid_num_upd"""


@pytest.fixture
def log(tmp_path):
    (tmp_path / "train.log").write_text(LOG, encoding="utf-8")
    return tmp_path / "train.log"


def test_curves_by_subset_and_name(log):
    curves = read_training_log(log)
    assert curves.keys() == {"train", "valid", "valid2"}
    assert curves["train"]["loss"] == [(10, 5.5), (20, 5.0), (30, 4.0)]
    assert curves["train"]["lr"] == [(10, 0.1), (20, 0.1), (30, 0.05)]
    assert curves["valid"] == {"loss": [(20, 6.25)]}
    assert curves["valid2"] == {"loss": [(20, 7.0)]}
    assert "acc" not in curves["train"] and curves["train"]["kept"][0][1] != curves["train"]["kept"][0][1]


def test_ends_of_epochs_are_taken_where_nothing_is_finer(tmp_path):
    lines = ['{"epoch": 1, "train_loss": "5.2", "train_num_updates": "20"}']
    (tmp_path / "log").write_text("\n".join(lines))
    assert read_training_log(tmp_path / "log") == {"train": {"loss": [(20, 5.2)]}}


def test_fairseqs_own_progress_bar_is_understood(tmp_path):
    progress_bar = pytest.importorskip("fairseq.logging.progress_bar")
    before = list(progress_bar.logger.handlers)
    level = progress_bar.logger.level
    progress_bar.logger.setLevel(logging.INFO)
    try:
        for epoch in (1, 2):  # fairseq opens the file again in every epoch, and then writes each line twice
            bar = progress_bar.progress_bar(
                [0, 1, 2], log_format="json", log_interval=1, log_file=str(tmp_path / "log"), epoch=epoch
            )
            for step, _ in enumerate(bar, start=3 * epoch - 2):
                bar.log({"loss": 1 / step, "num_updates": step}, tag="train_inner", step=step)
            bar.print({"loss": 2 / epoch, "num_updates": 3 * epoch}, tag="valid", step=step)
    finally:
        for handler in [handler for handler in progress_bar.logger.handlers if handler not in before]:
            progress_bar.logger.removeHandler(handler)
            handler.close()
        progress_bar.logger.setLevel(level)
    curves = read_training_log(tmp_path / "log")
    assert [update for update, _ in curves["train"]["loss"]] == [1, 2, 3, 4, 5, 6]
    assert [value for _, value in curves["train"]["loss"]] == pytest.approx([1 / n for n in range(1, 7)], abs=1e-3)
    assert curves["valid"]["loss"] == [(3, 2.0), (6, 1.0)]


def test_logs_without_reports_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"training log must be a file, got .*nowhere"):
        read_training_log(tmp_path / "nowhere")
    (tmp_path / "log").write_text("epoch 001: | loss 5.1\n")
    with pytest.raises(ValueError, match="training log must hold reports in JSON"):
        read_training_log(tmp_path / "log")
