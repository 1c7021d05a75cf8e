"""An encoder is adapted with the leads that it was trained on: weights fit any leads of the same number."""

import pytest
import torch

from fairseq_signals.inference import TrainedModel
from fairseq_signals.models.ecg_model import encoder_leads, plain


@pytest.fixture(scope="module")
def encoder_of(fairseq_parts, ecg_data, arguments, tmp_path_factory):
    """Saves a checkpoint of a random encoder for these leads, with the settings that a training saves."""

    def save(*leads):
        cfg, _, model, _ = fairseq_parts(ecg_data, *arguments["diagnosis"], *arguments["random"], *leads)
        saved = {name: plain(cfg.task[name]) for name in ("leads", "drop_leads", "rate", "window_seconds", "classes")}
        settings = {name: plain(cfg.model[name]) for name in ("_name", "encoder", "preprocess")}
        path = tmp_path_factory.mktemp("encoder") / "encoder.pt"
        torch.save({"model": model.state_dict(), "cfg": {"model": settings, "task": saved}}, path)
        return path

    return save


@pytest.fixture(scope="module")
def start(fairseq_parts, ecg_data, arguments):
    """Starts a diagnosis from a checkpoint."""

    def build(path, *leads):
        return fairseq_parts(ecg_data, *arguments["diagnosis"], "--pretrained", path, *leads)[2]

    return build


LIMB, CHEST = ["--leads", "I,II,V2", "--drop-leads"], ["--leads", "aVR,V5,V6", "--drop-leads"]
THREE = r"I, II, V2 \(drop_leads\)"
TWELVE = r"I, II, III, aVR, aVL, aVF, V1, V2, V3, V4, V5, V6 \(none dropped\)"


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        (LIMB, CHEST, (THREE, r"aVR, V5, V6 \(drop_leads\)")),
        (LIMB, ["--leads", "I,II,V2"], (THREE, TWELVE)),
        (LIMB, [], (THREE, TWELVE)),
        ([], LIMB, (TWELVE, THREE)),
        (LIMB, ["--leads", "2", "--drop-leads"], (THREE, r"I, II \(drop_leads\)")),
    ],
)
def test_an_encoder_of_other_leads_is_refused_by_name(encoder_of, start, before, now, named):
    path = encoder_of(*before)
    message = (
        f"leads of the task must be those that the encoder was trained on, {named[0]}, got {named[1]}; .*encoder.pt"
    )
    with pytest.raises(ValueError, match=message):
        start(path, *now)
    with pytest.raises(ValueError, match=message):  # a named encoder takes the same weights
        start(path, *now, "--encoder", "wav2vec2_tiny")


@pytest.mark.parametrize(
    ("before", "now", "number"),
    [
        (LIMB, ["--leads", "V2,ii,i", "--drop-leads"], 3),
        (LIMB, ["--leads", "3", "--drop-leads"], 3),
        ([], ["--leads", "aVR,V5,V6"], 12),
        (["--leads", "1"], ["--leads", "V6"], 12),
        ([], ["--leads", "12", "--drop-leads"], 12),
    ],
)
def test_the_same_leads_by_another_name_and_zeroed_leads_are_welcome(encoder_of, start, before, now, number):
    assert start(encoder_of(*before), *now).encoder.leads == number


def test_embedding_and_predicting_take_the_checkpoints_own_leads(encoder_of, ecg_data):
    model = TrainedModel(encoder_of(*LIMB))
    assert (model.leads, model.encoder.leads) == (("I", "II", "V2"), 3)
    assert model.embed(ecg_data / "test.tsv", progress=False).shape == (22, 96)
    assert model.predict(ecg_data / "test.tsv", progress=False).shape == (22, 23)


def test_the_leads_of_an_encoder_are_twelve_unless_some_are_dropped():
    assert encoder_leads({"leads": "V2,I", "drop_leads": True}) == ("I", "V2")
    assert len(encoder_leads({"leads": "V2,I", "drop_leads": False})) == 12
