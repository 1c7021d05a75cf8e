import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch.func import jacrev

from fairseq_signals.encoders import ENCODERS, build_encoder
from fairseq_signals.evaluation.gradcam import (
    class_activation,
    frame_centres,
    grad_cam,
    lead_shares,
)

SMALL = {
    "attia": {},
    "cpc": {"width": 8, "lstm_width": 64, "lstm_layers": 1, "kernels": [4, 4], "strides": [2, 2]},
    "vit": {"layers": 2, "dim": 96, "heads": 4, "hidden": 96, "patch_seconds": 0.25},
    "wav2vec2": {"conv_channels": 32, "layers": 1, "dim": 96, "heads": 4, "hidden": 96, "position_kernel": 8},
    "xresnet1d": {"blocks": [1, 1], "expansion": 1, "width": 48, "stem": [16, 16, 16]},
}
LEADS, SAMPLES, LEAD, SPAN = 3, 300, 1, slice(160, 200)


def _encoder(name, **settings):
    torch.manual_seed(3)
    encoder = build_encoder({"_name": name, "input_rate": 100.0, "input_leads": LEADS, **SMALL[name], **settings})
    for parameter in encoder.parameters():  # residual branches that start at nothing, as if they had learned something
        if parameter.dim() == 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.5)
    return encoder.eval()


def _quiet(batch=1, leads=LEADS, samples=SAMPLES, seed=0):
    return 0.05 * torch.randn(batch, leads, samples, generator=torch.Generator().manual_seed(seed))


def _score_of_the_difference(encoder, loud, quiet):
    """A score made of the embedding that hangs on what `loud` has and `quiet` has not.

    The weights that Grad-CAM gives to the features are, by this choice of the score, the part of the difference of the
    two inputs' maps that is orthogonal to all maps of the quiet one.
    """
    with torch.no_grad():
        of_loud, of_quiet = encoder.activation_maps(loud), encoder.activation_maps(quiet)
    features = of_loud.shape[1]
    usual = of_quiet.transpose(0, 1).reshape(features, -1)  # [D, cells]
    basis, size, _ = torch.linalg.svd(usual, full_matrices=False)
    basis = basis[:, size > 0.005 * size[0]]
    wanted = (of_loud - of_quiet).transpose(0, 1).reshape(features, -1).sum(1)
    wanted = wanted - basis @ (basis.T @ wanted)
    slopes = jacrev(lambda maps: encoder.embedding_of_maps(maps)[0])(of_loud)  # [E, 1, D, G, F]
    direction = torch.linalg.pinv(slopes.mean(dim=(1, 3, 4)).T, rtol=1e-4) @ wanted  # [E]
    return lambda embedding: embedding @ direction


@pytest.mark.parametrize("name", sorted(ENCODERS.parts()))
def test_the_lead_and_the_span_that_a_score_hangs_on_light_up(name):
    encoder, quiet = _encoder(name), _quiet()
    loud = quiet.clone()
    loud[0, LEAD, SPAN] += torch.sin(torch.arange(40) * 0.6)
    score = _score_of_the_difference(encoder, loud, quiet)
    heat = grad_cam(encoder, score, loud)[0]
    step = frame_centres(encoder, SAMPLES, encoder.activation_maps(loud).shape[3])[1]
    lead, moment = divmod(int(heat.argmax()), SAMPLES)
    assert lead == LEAD and SPAN.start - step <= moment < SPAN.stop + step
    inside = torch.zeros(LEADS, SAMPLES, dtype=torch.bool)
    inside[LEAD, max(0, int(SPAN.start - step)) : int(SPAN.stop + step)] = True
    assert float(heat[inside].mean()) > 3 * float(heat[~inside].mean())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", ["xresnet1d", "vit"])
def test_it_is_the_plain_definition_by_finite_differences(name, sign):
    """The weights by moving every number of the maps a little, the sum by loops; ranks and values agree."""
    small = {"layers": 1, "dim": 4, "heads": 1} if name == "vit" else {"width": 8, "stem": [8, 8, 8]}
    encoder, signal = _encoder(name, **small).double(), 20 * _quiet(samples=100).double()
    readout = sign * encoder(signal).detach()[0]
    maps = encoder.activation_maps(signal).detach()
    _, features, groups, frames = maps.shape
    plain = np.zeros((groups, frames))
    with torch.no_grad():
        for feature in range(features):
            slope = 0.0
            for cell in np.ndindex(groups, frames):
                moved = [maps.clone(), maps.clone()]
                moved[0][(0, feature, *cell)] += 1e-5
                moved[1][(0, feature, *cell)] -= 1e-5
                up, down = (float(encoder.embedding_of_maps(one)[0] @ readout) for one in moved)
                slope += (up - down) / 2e-5
            for cell in np.ndindex(groups, frames):
                plain[cell] += slope / (groups * frames) * float(maps[(0, feature, *cell)])
    plain = np.maximum(plain, 0)
    assert sign < 0 or len(set(plain.ravel().round(9))) > 4
    own = _class_activation(encoder, readout, signal)
    np.testing.assert_allclose(own, plain, rtol=1e-5, atol=1e-9)
    assert (rankdata(own.round(9)) == rankdata(plain.round(9))).all()
    first, step = frame_centres(encoder, 100, frames)
    heat = grad_cam(encoder, lambda embedding: embedding @ readout, signal)[0]
    drawn = [np.interp(np.arange(100), first + step * np.arange(frames), row) for row in plain]
    np.testing.assert_allclose(heat.sum(0, keepdim=True) if groups == 1 else heat, drawn, rtol=1e-5, atol=1e-9)


def _class_activation(encoder, readout, signal):
    """The class's activation on the maps' own grid, `[G, F]`."""
    maps = encoder.activation_maps(signal).detach().requires_grad_()
    (gradient,) = torch.autograd.grad((encoder.embedding_of_maps(maps) @ readout).sum(), maps)
    return class_activation(maps, gradient).detach()[0].numpy()


@pytest.mark.parametrize("name", ["cpc", "wav2vec2", "xresnet1d"])
def test_the_middle_of_a_frame_is_where_its_samples_are(name):
    """Measured: the centre of the energy of a frame's gradient with respect to random signals."""
    wide = {"cpc": {"kernels": [4, 4], "strides": [4, 4]}, "wav2vec2": {"input_rate": 500.0}}  # frames of 16 samples
    encoder = _encoder(name, **wide.get(name, {}))
    signal = _quiet(16).requires_grad_()
    local = encoder.local(signal)
    first, step = frame_centres(encoder, SAMPLES, local.shape[1])
    middle = local.shape[1] // 2
    mixture = torch.randn(local.shape[2], generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((local[:, middle] @ mixture).sum(), signal)
    energy = gradient.square().sum((0, 1))
    centre = float((energy * torch.arange(SAMPLES)).sum() / energy.sum())
    assert centre == pytest.approx(first + step * middle, abs=1 + step / 4)


@pytest.mark.parametrize("name", sorted(ENCODERS.parts()))
def test_padded_windows_and_absent_leads(name):
    encoder, signal = _encoder(name), _quiet(2, seed=5)
    lengths, present = torch.tensor([200, 300]), torch.tensor([[True, True, True], [True, False, True]])
    signal[0, :, 200:], signal[1, 1] = 0, 0
    weights = encoder(signal[:1], lengths[:1]).detach()[0]  # speaks for what is there
    heat = grad_cam(encoder, lambda embedding: embedding @ weights, signal, lengths, present)
    assert heat.shape == signal.shape and bool((heat >= 0).all()) and heat.isfinite().all()
    assert not heat[0, :, 200:].any() and not heat[1, 1].any()
    assert heat[0].any() and heat[1].any()
    alone = grad_cam(encoder, lambda embedding: embedding @ weights, signal[:1, :, :200])
    # The same picture; but weights are means over the grid, and the padded one is larger.
    torch.testing.assert_close(heat[:1, :, :200] / heat[0].max(), alone / alone.max(), atol=1e-3, rtol=1e-3)


def test_a_moments_value_is_shared_out_over_the_leads():
    generator = torch.Generator().manual_seed(0)
    product = torch.randn(2, 3, 12, generator=generator)
    product[0, :, 4:] = 0
    present = torch.tensor([[True, True, False], [True, True, True]])
    shares = lead_shares(product, present, 5)
    for row in range(2):
        for t in range(12):
            near = product[row, :, max(0, t - 2) : t + 3].abs().mean(1) * present[row]
            near = near if near.sum() > 0 else present[row].float()
            torch.testing.assert_close(shares[row, :, t], near / near.sum())
    assert not lead_shares(product, torch.zeros(2, 3, dtype=torch.bool), 5).any()


def test_the_leads_of_a_mixing_encoder_add_up_to_its_activation():
    encoder, signal = _encoder("xresnet1d"), _quiet()
    weights = encoder(signal).detach()[0]
    heat = grad_cam(encoder, lambda embedding: embedding @ weights, signal)
    (whole,) = _class_activation(encoder, weights, signal)
    assert whole.any()
    expected = np.interp(np.arange(SAMPLES), 8 * np.arange(len(whole)), whole)
    np.testing.assert_allclose(heat[0].sum(0), expected, rtol=1e-4, atol=1e-6)


def test_what_gives_no_picture_is_refused():
    encoder = _encoder("wav2vec2", feature_gradient=0.0)
    with pytest.raises(ValueError, match="encoder must pass gradients on to its signal, got none"):
        grad_cam(encoder, lambda embedding: embedding.sum(1), _quiet())
    with pytest.raises(ValueError, match="score must depend on the embedding"):
        grad_cam(_encoder("vit"), lambda embedding: torch.zeros(1, requires_grad=True), _quiet())
