"""One vector per window, through a projection head or none."""

import pytest
import torch

from fairseq_signals.encoders import build_encoder

METHOD = ["--task", "ecg_pretraining", "--views", "adjacent", "--arch", "ecg_contrastive", "--criterion", "cmsc"]


@pytest.fixture(scope="module")
def build(fairseq_parts, ecg_data, arguments):
    def model(*more):
        run = [*arguments["place"], "--batch-size", 4, "--optimizer", "adam", *METHOD, "--encoder", "wav2vec2_tiny"]
        return fairseq_parts(ecg_data, *run, *more)[2]

    return model


def test_without_a_head_the_embedding_is_the_encoders(build):
    model = build().eval()
    encoder = build_encoder("wav2vec2_tiny", input_rate=100.0).eval()
    encoder.load_state_dict(model.encoder.state_dict())
    signal = torch.randn(3, 12, 250)
    outputs = model(signal)
    torch.testing.assert_close(outputs["embedding"], encoder(signal))
    assert outputs["valid"].all()


def test_the_head_is_two_layers_with_a_relu_between(build):
    model = build("--projection-hidden", 20, "--projection-dim", 7).eval()
    signal, lengths = torch.randn(3, 12, 250), torch.tensor([250, 90, 2])
    first, _, second = model.project
    pooled = model.encoder(signal * (torch.arange(250) < lengths[:, None, None]), lengths)
    expected = (pooled @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
    outputs = model(signal, lengths)
    torch.testing.assert_close(outputs["embedding"], expected)
    assert outputs["valid"].tolist() == [True, True, False]  # two samples are no frame of three
