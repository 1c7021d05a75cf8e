"""Trainings one after another in a process: each keeps its own best checkpoint and its own patience."""

from types import SimpleNamespace

import fairseq_cli.train
import pytest
from fairseq import checkpoint_utils

CONFIGURATION = SimpleNamespace(checkpoint=SimpleNamespace(maximize_best_checkpoint_metric=False, patience=2))


@pytest.fixture
def kept():
    """Fairseq's functions that keep scores, as clean before a test as after it."""
    functions = checkpoint_utils.save_checkpoint, fairseq_cli.train.should_stop_early

    def clean():
        for function in functions:
            vars(function).pop("best", None)
            vars(function).pop("num_runs", None)

    clean()
    yield functions
    clean()


def test_a_new_model_begins_without_the_scores_of_an_earlier_training(fairseq_parts, ecg_data, arguments, kept):
    save, stop = kept
    save.best = 0.1
    assert [stop(CONFIGURATION, loss) for loss in (0.1, 0.5)] == [False, False]
    fairseq_parts(ecg_data, *arguments["diagnosis"], "--pretrained", "random", "--encoder", "xresnet1d18")
    assert not hasattr(save, "best")
    # Two of its own do not improve; beside 0.1 it would have been stopped at once.
    assert [stop(CONFIGURATION, loss) for loss in (0.6, 0.7, 0.8)] == [False, False, True]
