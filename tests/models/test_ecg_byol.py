"""BYOL's networks: what follows what, in which precision, and that a small one learns without collapsing."""

import pytest
import torch

from fairseq_signals.criterions.byol import byol_loss
from fairseq_signals.criterions.spread import spread
from fairseq_signals.encoders import resolve_encoder_for
from fairseq_signals.models.ecg_byol import ECGBYOL, ECGBYOLConfig
from fairseq_signals.models.ecg_model import resolve_preprocess
from fairseq_signals.modules.momentum_copy import cosine_momentum

TINY = {"_name": "xresnet1d", "blocks": [1, 1], "width": 4, "stem": [8, 8]}
METHOD = ["--task", "ecg_pretraining", "--arch", "ecg_byol", "--criterion", "byol", "--encoder", "wav2vec2_tiny"]
METHOD += ["--views", "augment", "--batch-size", "4", "--optimizer", "adam"]


def model(**settings):
    torch.manual_seed(0)
    encoder, preprocess = resolve_encoder_for(TINY, 100.0, 12), resolve_preprocess("none")
    sizes = {"projection_hidden": 16, "projection_dim": 8, "momentum_updates": 10, **settings}
    return ECGBYOL(ECGBYOLConfig(encoder=encoder, preprocess=preprocess, **sizes))


def windows(number=6, samples=250, seed=0):
    return torch.randn(number, 12, samples, generator=torch.Generator().manual_seed(seed))


def test_before_the_first_update_the_target_is_the_projection():
    outputs = model().eval()(windows())
    assert outputs["prediction"].shape == outputs["target"].shape == (6, 8) and outputs["valid"].all()
    torch.testing.assert_close(outputs["target"], outputs["projection"])
    assert not torch.allclose(outputs["prediction"], outputs["projection"])


def test_gradients_reach_encoder_projection_and_predictor_and_no_copy():
    byol = model()
    outputs = byol(windows())
    assert not outputs["target"].requires_grad
    byol_loss(outputs["prediction"], outputs["target"], outputs["valid"])[0].backward()
    for name, parameter in byol.named_parameters():
        assert (parameter.grad is None) == name.startswith("target_"), name


def test_the_copies_follow_with_the_momentum_of_the_update():
    byol = model(momentum_start=0.9)
    before = [p.clone() for copy in (byol.target_encoder, byol.target_project) for p in copy.parameters()]
    with torch.no_grad():
        for parameter in [*byol.encoder.parameters(), *byol.project.parameters()]:
            parameter += 1
    byol.after_update(4)
    rest = 1 - cosine_momentum(4, 0.9, 10)
    after = [p for copy in (byol.target_encoder, byol.target_project) for p in copy.parameters()]
    for found, old in zip(after, before, strict=True):
        torch.testing.assert_close(found, old + rest, rtol=1e-4, atol=1e-5)
    stand = [p.clone() for p in after]
    byol.after_update(10)
    assert all(map(torch.equal, after, stand))


def test_padded_windows_change_nothing_for_the_others():
    lengths = torch.tensor([250, 250, 250, 180, 0, 0])
    signal = windows() * (torch.arange(250) < lengths[:, None, None])
    whole, some = model()(signal, lengths), model()(signal[:4], lengths[:4])
    assert whole["valid"].tolist() == [True] * 4 + [False] * 2
    for name in ("prediction", "target", "projection"):
        torch.testing.assert_close(whole[name][:4], some[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("lengths", [None, torch.tensor([250, 250, 100, 250, 250, 0])])
def test_a_half_precision_model_computes_alike_and_its_copies_still_move(dtype, lengths):
    expected, byol = model().eval()(windows(), lengths), model().to(dtype).eval()
    outputs = byol(windows(), lengths)
    for name in ("prediction", "target"):
        found, wanted = outputs[name].detach().float(), expected[name].detach()
        assert float((found - wanted).abs().max()) < 0.1 * float(wanted.abs().max())
    byol.train()
    outputs = byol(windows(), lengths)
    byol_loss(outputs["prediction"], outputs["target"], outputs["valid"])[0].backward()
    with torch.no_grad():
        for parameter in byol.encoder.parameters():
            parameter += 1
    before = next(byol.target_encoder.parameters()).clone()
    byol.after_update(0)
    moved = next(byol.target_encoder.parameters()) - before
    torch.testing.assert_close(moved, torch.full_like(moved, 0.004), rtol=0.02, atol=0)


def test_its_encoder_is_what_a_task_finds_in_the_checkpoint():
    state = model().state_dict()
    encoder = {name.removeprefix("encoder.") for name in state if name.startswith("encoder.")}
    assert encoder == set(model().encoder.state_dict())
    assert {name for name in state if name.startswith("target_")}


def test_the_schedule_is_as_long_as_the_training(fairseq_parts, ecg_data, arguments):
    def updates(*more):
        return fairseq_parts(ecg_data, *arguments["place"], *METHOD, *more)[0].model.momentum_updates

    assert updates("--max-update", 70) == 70
    assert updates("--max-update", 70, "--momentum-updates", 50) == 50
    with pytest.raises(ValueError, match=r"momentum_updates must be the number of updates .*, got 0 and no max_update"):
        updates("--max-epoch", 3)


def test_a_small_one_learns_to_predict_and_does_not_collapse():
    # Sixteen kinds of window, each a mixture of slow waves; a view is one of them, shifted, scaled and with noise.
    generator = torch.Generator().manual_seed(1)
    time = torch.arange(120) / 100
    hertz, weight = 1 + 5 * torch.rand(16, 3, generator=generator), torch.randn(16, 12, 3, generator=generator)
    byol = model(momentum_start=0.9, momentum_updates=60)
    optimiser, losses = torch.optim.Adam([p for p in byol.parameters() if p.requires_grad], lr=3e-3), []
    for update in range(50):
        phase = 6.3 * torch.rand(32, 1, generator=generator)
        waves = torch.sin(6.28 * hertz.repeat(2, 1).unsqueeze(2) * time + phase.unsqueeze(2))  # [32, 3, T]
        signal = weight.repeat(2, 1, 1) @ waves + 0.1 * torch.randn(32, 12, 120, generator=generator)
        outputs = byol(signal)
        total, number = byol_loss(outputs["prediction"], outputs["target"], outputs["valid"])
        optimiser.zero_grad()
        (total / number).backward()
        optimiser.step()
        byol.after_update(update)
        losses.append(float(total.detach() / number))
    deviation, number = spread(outputs["projection"], outputs["valid"])
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5]), losses
    assert float(deviation / number) > 0.4
    first, second = torch.nn.functional.normalize(outputs["projection"].detach(), dim=1).chunk(2)
    nearest = (first @ second.T).argmax(dim=1)
    assert (nearest == torch.arange(16)).float().mean() > 0.5  # by chance one of sixteen
