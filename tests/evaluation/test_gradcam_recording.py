import copy
from dataclasses import asdict

import numpy as np
import pytest
import torch

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.encoders import ENCODERS, build_encoder
from fairseq_signals.evaluation import gradcam_recording
from fairseq_signals.evaluation.gradcam import grad_cam
from fairseq_signals.evaluation.gradcam_picture import draw_activation
from fairseq_signals.evaluation.gradcam_recording import activation_of, class_place, truth_of
from fairseq_signals.inference import TrainedModel
from fairseq_signals.modules.heads import classification_head
from fairseq_signals.modules.preprocess import PreprocessSettings

RATE = 100.0
ENCODER = {"_name": "xresnet1d", "blocks": [1, 1], "expansion": 1, "width": 8, "stem": [8, 8, 8]}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of random weights for two codes and a class made of a number; windows of 2 s every second."""
    torch.manual_seed(0)
    encoder = build_encoder(ENCODER).eval()
    head = classification_head(encoder.embedding_dim, 3)
    with torch.no_grad():  # everything speaks for the first class
        head.weight[0] = encoder(torch.randn(1, 12, 200))[0]
    tensors = {f"encoder.{key}": value for key, value in encoder.state_dict().items()}
    tensors |= {f"head.{key}": value for key, value in head.state_dict().items()}
    of_model = {"_name": "ecg_classifier", "encoder": ENCODERS.resolve(ENCODER)}
    of_model |= {"preprocess": asdict(PreprocessSettings(normalise="window")), "head_hidden": 0}
    task = {"rate": RATE, "window_seconds": 2.0, "stride_seconds": 1.0, "leads": "12", "drop_leads": False}
    task |= {"classes": ["AF", "LBBB", "lvsd: ef < 40"]}
    path = tmp_path_factory.mktemp("model") / "model.pt"
    torch.save({"model": tensors, "cfg": {"model": of_model, "task": task}}, path)
    return TrainedModel(path)


def _record(seconds=5.0, leads=STANDARD_LEADS, rate=RATE, **meta):
    signal = np.random.default_rng(1).normal(size=(len(leads), round(seconds * rate))).astype(np.float32)
    return Record(signal, rate, leads, "r1", "p1", ("AF",), meta)


def _active(model, record):
    """The activation of whichever class something speaks for."""
    return next(one for one in (activation_of(model, record, name) for name in model.classes) if one.heat.any())


def test_overlapping_windows_are_averaged_and_the_probability_is_the_models(model, monkeypatch):
    monkeypatch.setattr(gradcam_recording, "BATCH", 3)
    record = _record()
    found = _active(model, record)
    place = model.classes.index(found.name)
    total, count = np.zeros((12, 500)), np.zeros(500)
    for start in (0, 100, 200, 300):
        part = torch.from_numpy(record.signal[None, :, start : start + 200])
        heat = grad_cam(model.encoder, lambda embedding: model.head(embedding)[:, place], model.preprocess(part))
        total[:, start : start + 200] += heat[0].detach().numpy()
        count[start : start + 200] += 1
    within = 0.03 * float(found.heat.max())  # recordings are stored in integers
    np.testing.assert_allclose(found.heat, total / count, atol=within)
    assert found.heat[:, 150:350].any() and found.heat[:, 400:].any(), "where windows overlap, and elsewhere"
    assert found.probability == pytest.approx(model.predict(record, progress=False)[0, place], abs=1e-5)
    assert found.heat.dtype == np.float32 and found.record.rate == RATE


def test_what_speaks_against_a_class_speaks_for_its_opposite(model, tmp_path):
    opposite = copy.deepcopy(model)
    with torch.no_grad():
        opposite.head.weight.neg_()
        opposite.head.bias.neg_()
    found, mirrored = activation_of(opposite, _record(), "AF", against=True), activation_of(model, _record(), "AF")
    np.testing.assert_array_equal(found.heat, mirrored.heat)
    assert found.heat.any() and not activation_of(opposite, _record(), "AF").heat.any()
    assert found.probability == pytest.approx(1 - mirrored.probability, abs=1e-6)
    said = [text.get_text() for text in draw_activation(found, tmp_path / "a.png").axes[0].texts]
    assert any("speaks against AF" in text for text in said) and any("Grad-CAM against AF" in text for text in said)


def test_absent_leads_short_recordings_and_other_rates(model):
    few = _active(model, _record(leads=("II", "V1", "V5")))
    assert few.heat.shape == (3, 500) and few.record.leads == ("II", "V1", "V5")
    assert activation_of(model, _record(1.3), "AF").heat.shape == (12, 130)
    assert activation_of(model, _record(rate=250.0), "AF").heat.shape == (12, 500)


@pytest.mark.parametrize(("taken", "drop", "there"), [(("II",), False, ("V5",)), (("I", "II"), True, ("I", "V5"))])
def test_a_recording_that_the_model_would_not_take_is_not_drawn_either(model, taken, drop, there):
    other = copy.deepcopy(model)
    other.leads, other.drop_leads = taken, drop
    record = _record(leads=there)
    for ask in (lambda: other.predict(record, progress=False), lambda: activation_of(other, record, "AF")):
        with pytest.raises(ValueError, match=rf"record r1 must have leads of the model .*got {', '.join(there)}"):
            ask()


def test_what_the_labels_say_is_told(model):
    said = {
        "applies": ("AF", {}),
        "does not apply": ("LBBB", {"unlabelled": False, "unknown": ()}),
        "unknown": ("LBBB", {"unlabelled": False, "unknown": ("LBBB",)}),
        "ef 35": ("lvsd", {"ef": "35"}),
        "ef unknown": ("lvsd", {"ef": ""}),
    }
    for text, (name, meta) in said.items():
        assert truth_of(_record(**meta), name, model.definitions) == text
    assert truth_of(_record(), "LBBB", model.definitions) == "unknown", "a file that tells nothing of other classes"
    assert truth_of(_record(unlabelled=True), "LBBB", model.definitions) == "unknown"


def test_unknown_classes_are_answered_with_the_known_ones(model):
    with pytest.raises(ValueError, match=r"class must be one of AF, LBBB, lvsd, got 'LBB' \(did you mean 'LBBB'\?\)"):
        class_place(model, "LBB")


def test_the_picture_has_the_colours_behind_their_traces(model, tmp_path):
    found = _active(model, _record(10.0))
    figure = draw_activation(found, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    axes = figure.axes[0]
    images = {image.get_gid(): image for image in axes.images if image.get_gid()}
    assert set(images) == {f"heat-{lead}" for lead in STANDARD_LEADS}
    drawn = np.stack([images[f"heat-{lead}"].get_array()[0] for lead in STANDARD_LEADS])
    np.testing.assert_allclose(drawn, found.heat / found.heat.max(), atol=1e-6)
    (line,) = [line for line in axes.lines if line.get_gid() == "lead-V5"]
    left, right, bottom, top = images["heat-V5"].get_extent()
    assert left < line.get_xdata()[0] < left + 0.25 and right - 0.25 < line.get_xdata()[-1] < right
    assert bottom < line.get_ydata().mean() < top
    words = " ".join(text.get_text() for text in axes.texts)
    assert f"Grad-CAM for {found.name}: probability {found.probability:.3f}" in words and "most" in words


def test_other_units_than_the_trainings_are_told_in_the_picture(model, tmp_path, monkeypatch):
    monkeypatch.setattr(model, "units", "mV")
    assert activation_of(model, _record(), "AF").remark == ""
    found = activation_of(model, _record(), "AF", units="as given, not calibrated, source x")
    assert found.remark.startswith("units of the amplitudes (as given, not calibrated, source x) are not those")
    words = [text.get_text() for text in draw_activation(found, tmp_path / "a.png").axes[0].texts]
    assert any(found.remark in text.replace("\n", " ") for text in words)


def test_nothing_to_show_is_said(model, tmp_path):
    found = _active(model, _record())
    nothing = type(found)(found.name, 0 * found.heat, found.record, 0.1, "unknown")
    figure = draw_activation(nothing, tmp_path / "a.png")
    assert any("nothing speaks for it" in text.get_text() for text in figure.axes[0].texts)
