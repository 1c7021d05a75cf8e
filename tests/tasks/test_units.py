"""A checkpoint carries the units of its training's data, and a task that is given others says so."""

import logging
import shutil

import pytest
import yaml


@pytest.fixture
def uncalibrated(ecg_data, tmp_path):
    """The same data, said to be no voltages."""
    folder = tmp_path / "data"
    shutil.copytree(ecg_data, folder)
    card = yaml.safe_load((folder / "dataset.yaml").read_text())
    (folder / "dataset.yaml").write_text(yaml.safe_dump(card | {"units": "as given, not calibrated", "source": "x"}))
    return folder


@pytest.mark.parametrize("kind", ["diagnosis", "pretraining"])
def test_units_are_kept_and_compared(kind, ecg_data, uncalibrated, fairseq_parts, arguments, caplog):
    more = arguments["random"] if kind == "diagnosis" else []
    one, other = (fairseq_parts(data, *arguments[kind], *more)[1] for data in (ecg_data, uncalibrated))
    assert one.state_dict()["units"] == "mV"
    assert other.state_dict()["units"] == "as given, not calibrated, source x"
    caplog.clear()  # of what building a model says
    with caplog.at_level(logging.WARNING):
        one.load_state_dict(one.state_dict())
        one.load_state_dict({})  # of checkpoints from before
        assert not caplog.records
        other.load_state_dict(one.state_dict())
    (record,) = caplog.records
    said = record.getMessage()
    assert "source x) are not those of the model's training (mV)" in said and str(uncalibrated) in said
