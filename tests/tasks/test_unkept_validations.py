"""The remark, against what fairseq itself saves when it validates."""

from itertools import product
from types import SimpleNamespace

import fairseq_cli.train
import pytest
from omegaconf import OmegaConf

from fairseq_signals.tasks.unkept_validations import unkept_validations

EPOCH, UPDATES = 9, 36


def configuration(every, saved, **changes):
    sections = {
        "optimization": {"max_update": UPDATES, "stop_time_hours": 0},
        "dataset": {
            "validate_interval": 1,
            "validate_interval_updates": every,
            "validate_after_updates": 0,
            "disable_validation": False,
        },
        "checkpoint": {"save_interval": 1, "save_interval_updates": saved, "no_save": False, "patience": -1},
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        sections[section][key] = value
    return OmegaConf.create(sections)


@pytest.fixture
def unsaved(monkeypatch):
    """Updates at which fairseq's loop validates and does not save."""

    def updates_of(config) -> list[int]:
        validated, saved = [], []
        trainer = SimpleNamespace(get_num_updates=lambda: update, cumulative_training_time=lambda: 0.0)
        monkeypatch.setattr(fairseq_cli.train, "validate", lambda *_: validated.append(update) or [0.5])
        keep = SimpleNamespace(save_checkpoint=lambda _, __, ___, score: saved.append(update))
        monkeypatch.setattr(fairseq_cli.train, "checkpoint_utils", keep)
        for update in range(1, UPDATES + 1):
            epoch = SimpleNamespace(epoch=(update - 1) // EPOCH + 1)
            fairseq_cli.train.validate_and_save(config, trainer, None, epoch, ["valid"], update % EPOCH == 0)
        return [number for number in validated if number not in saved]

    return updates_of


@pytest.mark.parametrize(("every", "saved"), list(product((0, 1, 2, 4, 6), (0, 1, 2, 3, 4, 6, 12))))
def test_said_exactly_where_fairseq_validates_without_saving(every, saved, unsaved):
    config = configuration(every, saved)
    said = unkept_validations(config)
    assert bool(said) == bool(unsaved(config))
    if said:
        assert (
            f"validate_interval_updates={every} with" in said
            and f"give checkpoint.save_interval_updates={every}," in said
        )


@pytest.mark.parametrize("changes", [{"dataset__disable_validation": True}, {"checkpoint__no_save": True}])
def test_where_nothing_is_kept_nothing_is_said(changes):
    assert unkept_validations(configuration(4, 0)) and unkept_validations(configuration(4, 0, **changes)) is None


def test_a_configuration_without_the_sections_says_nothing():
    assert unkept_validations({"task": {}}) is None
