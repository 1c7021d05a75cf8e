"""Every model tells its encoder which leads are there, so that a `vit` drops the others."""

import pytest
import torch

from fairseq_signals.encoders import resolve_encoder_for
from fairseq_signals.inference import TrainedModel
from fairseq_signals.models.ecg_byol import ECGBYOL, ECGBYOLConfig
from fairseq_signals.models.ecg_classifier import ECGClassifier, ECGClassifierConfig
from fairseq_signals.models.ecg_contrastive import ECGContrastive, ECGContrastiveConfig
from fairseq_signals.models.ecg_model import resolve_preprocess
from fairseq_signals.models.ecg_swav import ECGSwAV, ECGSwAVConfig

TINY = {"_name": "vit", "layers": 1, "dim": 16, "heads": 2, "hidden": 24}


def _model(model, config, **settings):
    torch.manual_seed(0)
    encoder, preprocess = resolve_encoder_for(TINY, 100.0, 12), resolve_preprocess("none")
    return model(config(encoder=encoder, preprocess=preprocess, **settings)).eval()


MODELS = {
    "classifier": lambda: _model(
        ECGClassifier, ECGClassifierConfig, n_classes=2, pretrained="random", head_hidden=0, head_dropout=0.0
    ),
    "contrastive": lambda: _model(ECGContrastive, ECGContrastiveConfig),
    "byol": lambda: _model(ECGBYOL, ECGBYOLConfig, projection_hidden=8, projection_dim=4, momentum_updates=10),
    "swav": lambda: _model(
        ECGSwAV, ECGSwAVConfig, projection_hidden=8, projection_dim=4, prototypes=5, crop_samples=[200, 200, 100]
    ),
}


@pytest.mark.parametrize("lengths", [None, torch.tensor([200, 150, 200, 200, 100, 100])])
@pytest.mark.parametrize("name", MODELS)
def test_the_embedding_is_that_of_the_leads_that_are_there(name, lengths):
    model, signal = MODELS[name](), torch.randn(6, 12, 200, generator=torch.Generator().manual_seed(1))
    present = torch.rand(6, 12, generator=torch.Generator().manual_seed(2)) < 0.6
    signal = signal * present.unsqueeze(2)  # as the task leaves them
    with torch.no_grad():
        embedding = model(signal, lengths, present)["embedding"]
        for b, size in enumerate([200] * 6 if lengths is None else lengths.tolist()):
            alone = model.encoder(signal[b : b + 1, :, :size], None, present[b : b + 1])
            torch.testing.assert_close(embedding[b : b + 1], alone, rtol=1e-4, atol=1e-5)
            assert not torch.allclose(alone, model.encoder(signal[b : b + 1, :, :size]), atol=1e-3)


def test_the_slow_copy_of_byol_sees_the_same_leads():
    model, signal = MODELS["byol"](), torch.randn(4, 12, 200)
    present = torch.rand(4, 12) < 0.6
    outputs = model(signal, None, present)
    torch.testing.assert_close(outputs["target"], outputs["projection"])


def test_embedding_from_a_checkpoint_drops_the_leads_that_a_recording_lacks(tmp_path, ecg_data):
    model = MODELS["contrastive"]()
    settings = {"_name": "ecg_contrastive", "encoder": model.cfg.encoder, "preprocess": model.cfg.preprocess}
    task = {"leads": "I,V2", "drop_leads": False, "rate": 100.0, "window_seconds": 10.0}
    torch.save({"model": model.state_dict(), "cfg": {"model": settings, "task": task}}, tmp_path / "model.pt")
    trained, seen = TrainedModel(tmp_path / "model.pt"), []
    trained.encoder.layers[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    trained.embed(ecg_data / "test.tsv", progress=False)
    assert set(seen) == {40}, "two leads of twenty patches in ten seconds"
