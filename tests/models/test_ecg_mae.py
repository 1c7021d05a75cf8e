"""The masked autoencoder under fairseq: outputs, gradients, precision, refusals, and that a small one learns."""

import pytest
import torch

from fairseq_signals.criterions.mae import masked_error
from fairseq_signals.encoders import resolve_encoder_for
from fairseq_signals.models.ecg_mae import ECGMAE, ECGMAEConfig
from fairseq_signals.models.ecg_model import resolve_preprocess

TINY = {"_name": "vit_tiny", "layers": 1, "dim": 16, "heads": 2, "hidden": 32}
DECODER = {"reconstruction_dim": 16, "reconstruction_layers": 1, "reconstruction_heads": 2}


def model(encoder=TINY, preprocess="none", **settings):
    torch.manual_seed(0)
    known = resolve_encoder_for(encoder, 100.0, 12), resolve_preprocess(preprocess)
    return ECGMAE(ECGMAEConfig(encoder=known[0], preprocess=known[1], **{**DECODER, **settings}))


def windows(number=3, samples=250, seed=0):
    return torch.randn(number, 12, samples, generator=torch.Generator().manual_seed(seed))


def draws(seed=3):
    return torch.Generator().manual_seed(seed)


def loss_of(outputs):
    return masked_error(outputs["predicted"], outputs["targets"], outputs["masked"])


def test_targets_are_the_preprocessed_samples():
    mae = model(preprocess={"normalise": "constant", "deviation": [0.5]})
    outputs = mae(windows(), generator=draws())
    assert outputs["predicted"].shape == outputs["targets"].shape == (3, 60, 50)
    torch.testing.assert_close(mae.encoder.signal_of(outputs["targets"]), 2 * windows())
    assert outputs["masked"].sum(dim=1).tolist() == [45] * 3 and not outputs["targets"].requires_grad


def test_gradients_reach_everything():
    mae = model(encoder={**TINY, "auxiliary_token": True})
    loss_of(mae(windows()))[0].backward()
    for name, parameter in mae.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_padding_counts_nowhere():
    mae, whole = model(), windows(samples=250)
    lengths = torch.tensor([250, 150, 30])
    padded = mae(whole * (torch.arange(250) < lengths[:, None, None]), lengths, generator=draws())
    assert padded["masked"].sum(dim=1).tolist() == [45, 27, 0]
    expected = 0.0
    for n, length in enumerate(lengths[:2]):
        patches = length // 50 * 12
        errors = (padded["predicted"] - padded["targets"]).detach().square()[n, :patches]
        expected += float(errors.mean(dim=1)[padded["masked"][n, :patches]].sum())
        assert not padded["masked"][n, patches:].any()
    assert float(loss_of(padded)[0].detach()) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_model_computes_alike_and_its_targets_stay_exact(dtype):
    expected, outputs = model()(windows(), generator=draws()), model().to(dtype)(windows(), generator=draws())
    assert torch.equal(outputs["targets"], expected["targets"]) and torch.equal(outputs["masked"], expected["masked"])
    assert outputs["predicted"].dtype == torch.float32
    found, wanted = outputs["predicted"].detach(), expected["predicted"].detach()
    assert float((found - wanted).abs().max()) < 0.1 * float(wanted.abs().max())
    loss_of(outputs)[0].backward()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"ecg_mae needs an encoder that provides .*Wav2Vec2Encoder provides"):
        model(encoder="wav2vec2_tiny")
    for settings, message in (
        ({"masked_share": 1.0}, "masked_share must lie in 0 to below 1, got 1.0"),
        ({"patch_floor": 0.0}, "patch_floor must be positive"),
        ({"reconstruction_layers": 0}, "reconstruction_layers must be a whole number from 1 on, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            model(**settings)


def test_a_small_one_learns_what_patches_tell_of_each_other():
    # Every window is above zero or below it, in all leads alike: what is hidden stands in what is seen.
    mae, generator = model(masked_share=0.5), torch.Generator().manual_seed(1)
    optimiser, losses = torch.optim.Adam(mae.parameters(), lr=3e-3), []
    for _ in range(40):
        upright = 2 * torch.randint(2, (8, 1, 1), generator=generator) - 1
        outputs = mae(upright * torch.ones(8, 12, 100), generator=generator)
        total, number = loss_of(outputs)
        zeros = outputs["targets"][outputs["masked"]].square().mean()
        optimiser.zero_grad()
        (total / number).backward()
        optimiser.step()
        losses.append(float((total / number).detach() / zeros))
    assert sum(losses[-5:]) / 5 < 0.2, losses  # of the error of predicting nothing
