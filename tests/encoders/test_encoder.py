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
    assert encoder.provides <= {"frames", "masking", "dropping", "causal"}


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


def test_the_base_defines_no_network():
    encoder = Encoder(None)
    for call in (lambda: encoder.local(None), lambda: encoder.frame_counts(None), encoder.parts):
        with pytest.raises(TypeError, match="Encoder must define"):
            call()
    tokens = torch.randn(2, 3, 4)
    assert encoder.tokens(tokens) is tokens and encoder.context(tokens) is tokens
    with pytest.raises(ValueError, match="provides none of them"):
        encoder.require({"frames"}, by="x")
