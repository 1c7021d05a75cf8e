"""What the encoder of a masked autoencoder sees, what targets are, and what a reconstruction shows."""

import numpy as np
import pytest
import torch

from fairseq_signals.encoders import build_encoder
from fairseq_signals.modules.masked_autoencoder import MaskedAutoencoder, normalise_patches
from fairseq_signals.modules.patch_decoder import PatchDecoder, PatchDecoderSettings
from fairseq_signals.modules.preprocess import Preprocess, PreprocessSettings

LEADS, PATCH, TIMES = 3, 10, 8
CONSTANT = {"normalise": "constant", "mean": [0.1], "deviation": [0.25]}


def autoencoder(share=0.75, normalised=False, floor=0.001, preprocess=CONSTANT):
    torch.manual_seed(0)
    sizes = {"layers": 2, "dim": 16, "heads": 2, "hidden": 32, "patch_seconds": 0.1}
    encoder = build_encoder("vit_tiny", input_rate=100.0, input_leads=LEADS, **sizes).eval()
    decoder = PatchDecoder(PatchDecoderSettings(8, 1, 2), 16, PATCH, LEADS).eval()
    prepare = Preprocess(PreprocessSettings(**preprocess), 100.0, LEADS)
    return MaskedAutoencoder(encoder, decoder, prepare, share, normalised, floor)


def windows(number=4, samples=TIMES * PATCH, seed=0):
    return torch.randn(number, LEADS, samples, generator=torch.Generator().manual_seed(seed))


def draws(seed=5):
    return torch.Generator().manual_seed(seed)


def test_the_encoder_sees_nothing_of_hidden_patches():
    mae = autoencoder()
    patches = mae.encoder.local(windows())
    before = mae.autoencode(patches, None, None, draws())
    assert before.masked.sum(dim=1).tolist() == [18] * 4 and before.context.shape[:2] == (4, 6)
    changed = torch.where(before.masked.unsqueeze(2), 100 * patches + 7, patches)
    after = mae.autoencode(changed, None, None, draws())
    assert torch.equal(after.masked, before.masked)
    assert torch.equal(after.context, before.context) and torch.equal(after.predicted, before.predicted)
    other = mae.autoencode(torch.where(before.masked.unsqueeze(2), patches, patches + 1), None, None, draws())
    assert not torch.allclose(other.predicted, before.predicted)


def test_draws_come_from_the_generator():
    mae = autoencoder()
    patches = mae.encoder.local(windows())
    one, same, other = (mae.autoencode(patches, None, None, draws(seed)).masked for seed in (5, 5, 6))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert len({tuple(row) for row in one.tolist()}) == 4  # every window has a draw of its own


def test_padding_and_absent_leads_are_neither_seen_nor_to_be_reconstructed():
    mae = autoencoder(share=0.5)
    lengths, present = torch.tensor([80, 47, 80, 5]), torch.ones(4, LEADS, dtype=torch.bool)
    present[2, 1] = False
    signal = windows() * (torch.arange(80) < lengths[:, None, None]) * present.unsqueeze(2)
    patches = mae.encoder.local(signal, lengths)
    found = mae.autoencode(patches, lengths, present, draws())
    assert found.masked.sum(dim=1).tolist() == [12, 6, 8, 0]  # half of 24, of 4 x 3, of 8 x 2, of none
    places = found.masked.view(4, TIMES, LEADS)
    assert not places[1, 4:].any() and not places[2, :, 1].any()
    junk = patches.clone().view(4, TIMES, LEADS, PATCH)
    junk[1, 4:], junk[2, :, 1] = 1e3, 1e3
    again = mae.autoencode(junk.flatten(1, 2), lengths, present, draws())
    torch.testing.assert_close(again.predicted[found.masked], found.predicted[found.masked])


def test_normalised_patches_are_he_et_als_with_their_floor():
    patches = windows(2).view(2, 24, PATCH) * 3 + 1
    found, mean, divisor = normalise_patches(patches, 0.001)
    for patch, one in zip(patches.flatten(0, 1).double().numpy(), found.flatten(0, 1), strict=True):
        expected = (patch - patch.mean()) / np.sqrt(patch.var(ddof=1) + 1e-6)
        np.testing.assert_allclose(one.numpy(), expected, atol=1e-5)
    torch.testing.assert_close(found * divisor + mean, patches)


def test_a_floor_leaves_the_noise_between_beats_small():
    noise = 0.02 * windows(50, samples=TIMES * PATCH).view(50, 24, PATCH)  # of 5 uV, in a unit of 0.25 mV
    drawn_out, left = (normalise_patches(noise, floor)[0].square().mean() for floor in (0.001, 0.1))
    assert float(drawn_out) == pytest.approx(0.9, abs=0.02)  # a QRS complex has as much: unbiased variance of ten
    assert float(left) == pytest.approx(0.9 * 0.02**2 / (0.02**2 + 0.1**2), rel=0.1)
    flat = normalise_patches(torch.full((1, 2, 5), 0.3), 0.001)[0]
    assert float(flat.abs().max()) < 1e-3


def test_targets_are_the_preprocessed_samples_or_normalised_patches():
    patches = windows(2).view(2, 24, PATCH)
    assert torch.equal(autoencoder().targets(patches), patches)
    torch.testing.assert_close(
        autoencoder(normalised=True, floor=0.1).targets(patches), normalise_patches(patches, 0.1)[0]
    )


PREPROCESSING = [{}, CONSTANT, {"normalise": "window"}, {"normalise": "window", "low_hz": 1.0}]


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("preprocess", PREPROCESSING)
def test_a_perfect_decoder_gives_back_the_millivolts(preprocess, normalised, monkeypatch):
    mae = autoencoder(preprocess=preprocess, normalised=normalised, floor=0.1)
    lengths, present = torch.tensor([87, 87, 60]), torch.ones(3, LEADS, dtype=torch.bool)
    present[1, 0] = False
    signal = (windows(3, samples=87) + 0.3) * (torch.arange(87) < lengths[:, None, None]) * present.unsqueeze(2)
    patches = mae.encoder.local(mae.preprocess(signal, lengths, present), lengths)
    monkeypatch.setattr(mae.decoder, "forward", lambda *_: mae.targets(patches))
    found = mae.reconstruct(signal, lengths, present, draws())
    torch.testing.assert_close(found["reconstructed"], found["original"], rtol=1e-4, atol=1e-5)
    if "low_hz" not in preprocess:
        torch.testing.assert_close(found["original"], signal, rtol=1e-5, atol=1e-6)
    else:
        assert float((found["original"] - signal).abs().max()) > 0.1  # a filter cannot be undone
    assert not found["masked"][..., 80:].any() and not found["masked"][1, 0].any()  # a rest that fills no patch
    assert found["masked"].sum(dim=2).sum(dim=1).tolist() == [180, 120, 140]  # 18 of 24, 12 of 16, 14 of 18


def test_reconstructions_differ_from_the_original_where_patches_were_hidden_alone():
    mae, signal = autoencoder(), windows()
    found = mae.reconstruct(signal, generator=draws())
    differs = found["reconstructed"] != found["original"]
    assert torch.equal(differs, found["masked"]) and float(found["masked"].float().mean()) == 0.75
    hidden = mae.autoencode(mae.encoder.local(mae.preprocess(signal)), None, None, draws()).masked
    expected = hidden.view(4, TIMES, LEADS).transpose(1, 2).repeat_interleave(PATCH, dim=2)
    assert torch.equal(found["masked"], expected)
