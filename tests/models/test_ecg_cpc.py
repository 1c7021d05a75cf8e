"""The model of contrastive predictive coding: what it gives, from what, and what it refuses."""

import pytest
import torch
from omegaconf import OmegaConf, open_dict

from fairseq_signals.encoders import resolve_encoder
from fairseq_signals.models.ecg_cpc import ECGCPC, ECGCPCConfig

ALL = {"context", "targets", "predictors", "first_step", "counts", "candidates", "embedding", "valid"}
SMALL = {"_name": "cpc", "width": 6, "lstm_width": 5}
STRIDED = {"kernels": [4, 2], "strides": [2, 2]}


def build(encoder=(), **settings):
    torch.manual_seed(0)
    encoder = resolve_encoder(SMALL | dict(encoder))
    return ECGCPC(OmegaConf.structured(ECGCPCConfig(encoder=encoder, preprocess={}, **settings)))


def signal(windows=3, samples=120):
    return torch.randn(windows, 12, samples, generator=torch.Generator().manual_seed(0))


def draws(seed=3):
    return torch.Generator().manual_seed(seed)


def test_defaults_are_the_papers():
    cfg = ECGCPCConfig()
    assert (cfg.encoder, cfg.predictor_hidden, cfg.steps, cfg.first_step, cfg.cpc_negatives) == ("cpc", 512, 12, 1, 128)
    with torch.device("meta"):
        model = ECGCPC(OmegaConf.structured(ECGCPCConfig(encoder=resolve_encoder("cpc"), preprocess={})))
    # Encoder, hidden layer with its offsets, and twelve predictors without.
    assert sum(p.numel() for p in model.parameters()) == 4_999_168 + 513 * 512 + 12 * 512 * 512


def test_outputs_have_their_names_and_shapes():
    model = build(predictor_hidden=7, steps=4, first_step=2, cpc_negatives=9, draw_frames=25)
    outputs = model(signal(), generator=draws())
    assert set(outputs) == ALL and outputs["first_step"] == 2
    assert outputs["context"].shape == (3, 120, 7) and outputs["targets"].shape == (3, 120, 6)
    assert outputs["predictors"].shape == (3, 6, 7)  # 2, 3 and 4 frames ahead
    assert outputs["candidates"].shape == (3, 5, 10) and outputs["embedding"].shape == (3, 15)
    assert outputs["counts"].tolist() == [120] * 3 and outputs["valid"].all()


@pytest.mark.parametrize("encoder", [{}, STRIDED])
def test_context_targets_and_embedding_are_the_encoders(encoder):
    model = build(encoder, predictor_hidden=7).eval()
    outputs, local = model(signal(), generator=draws()), model.encoder.local(signal())
    context = model.encoder.context(local)
    linear = model.hidden[0]
    assert torch.equal(outputs["targets"], local)
    torch.testing.assert_close(outputs["context"], (context @ linear.weight.T + linear.bias).clamp(min=0))
    assert torch.equal(outputs["embedding"], model.embed(signal()))
    plain = build(encoder, predictor_hidden=0).eval()
    outputs = plain(signal(), generator=draws())
    assert torch.equal(outputs["context"], plain.encoder.context(plain.encoder.local(signal())))


def test_predictors_are_those_of_the_linear_layer():
    model = build(predictor_hidden=7, steps=3)
    outputs = model(signal(), generator=draws())
    one = torch.stack([outputs["context"] @ predictor.T for predictor in outputs["predictors"]], dim=2)
    torch.testing.assert_close(one.flatten(2), model.predict(outputs["context"]))
    assert model.predict.bias is None


def test_padding_counts_nowhere():
    model, lengths = build(cpc_negatives=9).eval(), torch.tensor([120, 50, 0])
    outputs = model(signal(), lengths=lengths, generator=draws())
    assert outputs["counts"].tolist() == [120, 50, 0] and outputs["valid"].tolist() == [True, True, False]
    assert outputs["candidates"][1].max() < 50 and (outputs["candidates"][2] == -1).all()
    other = signal()
    other[1, :, 50:] = 5.0
    changed = model(other, lengths=lengths, generator=draws())
    for name in ("context", "targets", "embedding", "candidates"):
        assert torch.equal(outputs[name], changed[name]), name


def test_frames_of_a_strided_front_are_counted_in_frames():
    outputs = build(STRIDED)(signal(), lengths=torch.tensor([120, 51, 7]), generator=draws())
    assert outputs["counts"].tolist() == [30, 12, 1] and outputs["context"].shape[1] == 30


def test_the_same_generator_draws_the_same_negatives():
    model = build(cpc_negatives=9)
    one, two, other = (model(signal(), generator=draws(seed))["candidates"] for seed in (3, 3, 4))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert not torch.equal(one[:, 0], one[:, 1])  # every group of frames has a draw of its own


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"steps": 3, "first_step": 4}, r"steps must be at least first_step \(4\), got 3"),
        ({"first_step": 0}, "first_step must be at least 1, got 0"),
        ({"cpc_negatives": 0}, "cpc_negatives must be at least 1, got 0"),
        ({"draw_frames": 0}, "draw_frames must be at least 1, got 0"),
        ({"predictor_hidden": -1}, "predictor_hidden must be 0 or more, got -1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)


def test_windows_without_a_frame_to_predict_are_refused():
    with pytest.raises(ValueError, match=r"windows must hold more than first_step \(12\) frames, got 12"):
        build(first_step=12)(signal(samples=12))
    assert build(first_step=12)(signal(samples=13))["context"].shape[1] == 13


def test_an_encoder_that_sees_the_future_is_refused():
    encoder = resolve_encoder("wav2vec2_tiny", input_rate=100.0)
    with pytest.raises(ValueError, match=r"ecg_cpc needs .* causal, frames; .* \(missing causal\)"):
        ECGCPC(OmegaConf.structured(ECGCPCConfig(encoder=encoder, preprocess={})))


def test_it_trains_as_fairseq_builds_it(fairseq_parts, ecg_data, arguments):
    place = [*arguments["place"], "--optimizer", "adam", "--batch-size", "4", "--train-subset", "pretrain"]
    run = [*place, "--task", "ecg_pretraining", "--arch", "ecg_cpc", "--criterion", "cpc", "--window-seconds", "2"]
    cfg, task, _, criterion = fairseq_parts(ecg_data, *run)
    assert cfg.model.encoder["_name"] == "cpc" and cfg.model.encoder["width"] == 512  # resolved, for the checkpoint
    with open_dict(cfg):
        cfg.model.encoder = dict(SMALL)
    model = task.build_model(cfg.model).train()
    task.load_dataset("pretrain", combine=True)
    batches = task.datasets["pretrain"]
    sample = task.prepare(batches.collater(batches.__getitems__([0, 1])), model, task.training_pipeline, "train", 0, 0)
    loss, windows, logs = criterion(model, sample)
    loss.backward()
    # A parameter without a gradient stops fairseq's default distributed back end.
    assert [name for name, value in model.named_parameters() if value.grad is None] == []
    predictions = 2 * sum(200 - step for step in range(1, 13))
    assert windows == 2 and float(logs["count_cpc"]) == float(logs["count_cpc_accuracy"]) == predictions
    assert float(loss.detach()) == pytest.approx(2 * float(logs["sum_cpc"]) / predictions, rel=1e-5)
