"""Operations against closed forms, written down by hand from the papers' sizes."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fairseq_signals.encoders import ENCODERS, resolve_encoder
from fairseq_signals.experiments.arithmetic import encoder_settings, forward_flops, views_of
from fairseq_signals.modules.transformer import SelfAttention


def counted(layer, *shape):
    with torch.device("meta"):
        layer, signal = layer(), torch.zeros(shape)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        layer(signal)
    return counter.get_total_flops()


def test_the_counter_agrees_with_closed_forms():
    batch, frames, width = 3, 11, 24
    assert counted(lambda: nn.Linear(width, 7), batch, frames, width) == 2 * batch * frames * width * 7
    # 30 samples, kernel 5, stride 2: 13 outputs; each sees 8 / 4 channels of its group.
    assert counted(lambda: nn.Conv1d(8, 12, 5, stride=2, groups=4), batch, 8, 30) == 2 * batch * 13 * 12 * 2 * 5
    products = 4 * (2 * batch * frames * width * width) + 2 * (2 * batch * frames * frames * width)
    attention = lambda: Attended(SelfAttention(width, 4, 0.0))  # noqa: E731
    assert counted(attention, batch, frames, width) == products
    cells = 2 * batch * frames * 4 * 7 * (width + 7)
    assert counted(lambda: nn.LSTM(width, 7, batch_first=True), batch, frames, width) == cells


class Attended(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.attention = attention.eval()

    def forward(self, frames):
        return self.attention(frames, None)


def by_hand(samples, convs, layers, dim, hidden, kernel, groups, leads=12):
    """Multiplications with additions of the wav2vec 2.0 encoder, times two."""
    total, channels, frames = 0, leads, samples
    for width, size, stride in convs:
        frames = (frames - size) // stride + 1
        total += frames * channels * size * width
        channels = width
    total += frames * channels * dim
    total += (frames + 1) * dim * (dim // groups) * kernel  # an even kernel computes one frame too many
    total += layers * (4 * frames * dim * dim + 2 * frames * frames * dim + 2 * frames * dim * hidden)
    return 2 * total


def test_the_tiny_and_the_base_size_agree_with_the_formula():
    tiny = forward_flops(resolve_encoder("wav2vec2_tiny", input_rate=100.0, input_leads=12), 500)
    assert tiny == by_hand(500, [(64, 3, 3)], 3, 96, 384, 32, 8)
    base = forward_flops(resolve_encoder("wav2vec2_base", input_rate=500.0, input_leads=12), 2500)
    assert base == by_hand(2500, [(256, 2, 2)] * 4, 12, 768, 3072, 128, 16)
    # 27 GFLOP by methods that count the linear layers of 156 frames alone
    assert 27e9 < base < 1.1 * 27e9


@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_encoder_is_counted_and_grows_with_the_window(name):
    encoder = resolve_encoder(name)
    rate = int(encoder["input_rate"])
    short, long = forward_flops(encoder, 3 * rate), forward_flops(encoder, 6 * rate)
    assert short > 0 and 1.5 * short < long < 4 * short


def config(task="ecg_pretraining", encoder="wav2vec2_tiny", pretrained=None, **settings):
    model = {"encoder": encoder} if pretrained is None else {"encoder": encoder, "pretrained": pretrained}
    return {"task": {"_name": task, "rate": 100.0, **settings}, "model": model}


def test_views_are_halves_twins_or_crops():
    assert views_of(config()) == (1, 1000)
    assert views_of(config(views="adjacent")) == (2, 500)
    assert views_of(config(views="adjacent", window_seconds=9.99)) == (2, 499)
    assert views_of(config(views="augment", window_seconds=2.5)) == (2, 250)
    assert views_of(config(views={"_name": "crops", "seconds": [2.5, 2.5, 1.0]})) == (3, 250)
    assert views_of(config("ecg_classification")) == (1, 500)
    with pytest.raises(ValueError, match=r"task\.views must be one of single, adjacent, augment or crops, got 'both'"):
        views_of(config(views="both"))


def test_views_are_those_that_the_pipeline_cuts():
    from fairseq_signals.transforms.pipeline import Pipeline
    from fairseq_signals.transforms.windows import Windows

    for views in ("single", "adjacent", "augment", {"_name": "crops", "seconds": [2.0, 1.5]}):
        ids = {name: torch.arange(2) for name in ("recording", "patient", "window")}
        windows = Windows(torch.zeros(2, 12, 999), torch.ones(2, 12, dtype=torch.bool), lengths=None, ids=ids)
        cut = Pipeline(views, None, 100.0)(windows, torch.Generator())
        count, samples = views_of(config(views=views, window_seconds=9.99))
        assert (cut.signal.shape[0], cut.signal.shape[2]) == (2 * count, samples)


def test_the_encoder_of_a_task_is_its_own_or_the_checkpoints():
    pretraining = config(encoder={"_name": "wav2vec2_tiny", "layers": 5, "dropout": 0.3})
    changed = config("ecg_classification", {"dropout": 0.0}, "runs/x.pt")
    encoder = encoder_settings(changed, pretraining)
    assert (encoder["layers"], encoder["dim"], encoder["dropout"]) == (5, 96, 0.0)
    own = config("ecg_classification", {"_name": "wav2vec2_small", "dropout": 0.0}, "random")
    assert encoder_settings(own)["dim"] == 384 and encoder_settings(own, pretraining)["dim"] == 384
    assert encoder_settings(config(leads="2", drop_leads=True))["input_leads"] == 2
    assert encoder_settings(config(leads="2"))["input_leads"] == 12


@pytest.mark.parametrize(
    ("task", "pretraining", "message"),
    [
        (config("ecg_classification", None, "random"), config(), "model.encoder must be named for a random start"),
        (config("ecg_classification", None, "x.pt"), None, "for a start without a known pre-training, got None"),
        (
            config("ecg_classification", None, "x.pt", rate=500.0),
            config(),
            r"input_rate .* task's \(500.0\), got 100.0",
        ),
        (config("ecg_classification", None, "x.pt", leads="2", drop_leads=True), config(), r"task's \(2\), got 12"),
        (config(encoder="wav2vec2_tin"), None, "encoder must be one of"),
    ],
)
def test_an_encoder_that_nobody_names_or_that_does_not_fit(task, pretraining, message):
    with pytest.raises(ValueError, match=message):
        encoder_settings(task, pretraining)
