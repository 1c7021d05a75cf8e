from dataclasses import fields
from pathlib import Path

import pytest
import torch

from fairseq_signals.encoders import ENCODERS, build_encoder, resolve_encoder
from fairseq_signals.encoders.encoder import Encoder


def test_every_encoder_has_a_test_file_of_its_own():
    here = Path(__file__).parent
    missing = [name for name in ENCODERS.parts() if not (here / f"test_{name}.py").is_file()]
    assert ENCODERS.parts() and not missing


@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_preset_is_complete_resolves_to_itself_and_builds(name):
    full = resolve_encoder(name, input_rate=100.0, input_leads=2)
    part = ENCODERS.parts()[full["_name"]]
    assert set(full) == {"_name", *(field.name for field in fields(part.Settings))}
    assert (full["input_rate"], full["input_leads"]) == (100.0, 2)
    assert resolve_encoder(full, input_rate=500.0, input_leads=12) == full
    with torch.device("meta"):
        encoder = build_encoder(full)
    assert isinstance(encoder, Encoder) and (encoder.rate, encoder.leads) == (100.0, 2)
    assert encoder.provides <= {"frames", "masking", "dropping", "causal", "patches"}


def test_unknown_names_and_settings_are_answered_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"encoder must be one of .*wav2vec2_base.*, got 'wav2vec2_bas' \(did you mean"
    ):
        build_encoder("wav2vec2_bas")
    with pytest.raises(ValueError, match=r"settings of encoder wav2vec2_tiny must be among .*, got 'layer' \(did you"):
        build_encoder("wav2vec2_tiny", layer=3)


def test_an_objective_is_told_what_an_encoder_lacks():
    encoder = build_encoder("wav2vec2_tiny", input_rate=100)
    encoder.require({"frames", "masking"}, by="ecg_wav2vec2")
    message = r"ecg_mae needs an encoder that provides dropping, frames; Wav2Vec2Encoder provides frames, masking "
    with pytest.raises(ValueError, match=message + r"\(missing dropping\)"):
        encoder.require({"frames", "dropping"}, by="ecg_mae")


# Small forms of every encoder that pools what `context` gives, 3 leads at 100 Hz.
SMALL = [
    ("wav2vec2", {"layers": 1, "dim": 16, "heads": 2, "hidden": 32, "position_groups": 4, "conv_channels": 8}),
    ("xresnet1d", {"blocks": [1, 1], "width": 4, "stem": [4, 4, 6]}),
    ("cpc", {"width": 6, "lstm_width": 5, "kernels": [4], "strides": [4]}),
]


@pytest.mark.parametrize("lengths", [None, torch.tensor([120, 37])])
@pytest.mark.parametrize("name, settings", SMALL)
def test_the_embedding_is_made_of_the_maps_and_of_the_pooled_context(name, settings, lengths):
    encoder = build_encoder(name, input_rate=100, input_leads=3, **settings).eval()
    signal = torch.randn(2, 3, 120)
    frames = None if lengths is None else encoder.frame_counts(lengths)
    context = encoder.context(encoder.tokens(encoder.local(signal, lengths)), frames=frames)
    pooled = encoder.pool(context, frames)
    maps = encoder.activation_maps(signal, lengths).detach().requires_grad_()
    embedding = encoder.embedding_of_maps(maps, lengths)
    assert maps.shape == (2, encoder.dim, 1, context.shape[1])
    assert torch.equal(embedding, pooled) and torch.equal(encoder(signal, lengths), pooled)
    (gradient,) = torch.autograd.grad(embedding.sum(), maps)
    reached = gradient.abs().sum(dim=(1, 2)) > 0
    counts = [context.shape[1]] * 2 if frames is None else frames.tolist()
    assert all(reached[b, :n].all() and not reached[b, n:].any() for b, n in enumerate(counts))


@pytest.mark.parametrize("name, settings", SMALL)
def test_which_leads_are_there_is_nothing_to_an_encoder_that_mixes_them(name, settings):
    encoder = build_encoder(name, input_rate=100, input_leads=3, **settings).eval()
    signal = torch.randn(2, 3, 120)
    assert torch.equal(encoder(signal, None, torch.tensor([[True, False, True]] * 2)), encoder(signal))


def test_frames_that_hold_signal_are_those_that_the_length_rule_counts():
    encoder = build_encoder("cpc", width=6, lstm_width=5, kernels=[4], strides=[4])
    assert encoder.frame_mask(5) is None
    assert encoder.frame_mask(3, torch.tensor([12, 7, 3])).tolist() == [[True] * 3, [True, False, False], [False] * 3]


def test_the_base_defines_no_network():
    encoder = Encoder(None)
    undefined = (lambda: encoder.local(None), lambda: encoder.frame_counts(None), lambda: encoder.signal_of(None))
    for call in (*undefined, encoder.parts):
        with pytest.raises(TypeError, match="Encoder must define"):
            call()
    tokens = torch.randn(2, 3, 4)
    assert encoder.tokens(tokens) is tokens and encoder.context(tokens) is tokens
    with pytest.raises(ValueError, match="provides none of them"):
        encoder.require({"frames"}, by="x")
