"""The objective of contrastive predictive coding against a plain loop and closed forms, and that it can be learnt."""

import math

import fairseq  # noqa: F401  (before the plug-in, as under fairseq's commands)
import pytest
import torch
from omegaconf import OmegaConf
from torch.nn.functional import one_hot

from fairseq_signals.criterions.cpc import future_contrast, future_contrast_in_parts
from fairseq_signals.encoders import resolve_encoder
from fairseq_signals.models.ecg_cpc import ECGCPC, ECGCPCConfig
from fairseq_signals.modules.negatives import draw_candidates


def loop(context, targets, predictors, candidates, counts, first_step):
    """Sum of the losses, number of predictions and successes, one prediction at a time."""
    total, number, first = 0.0, 0, 0
    group = math.ceil(context.shape[1] / candidates.shape[1])
    for b, count in enumerate(counts.tolist()):
        for t in range(count):
            for s, predictor in enumerate(predictors):
                aim = t + first_step + s
                if aim >= count:
                    continue
                drawn = [frame for frame in candidates[b, t // group].tolist() if frame >= 0]
                rivals = [frame for frame in drawn if frame != aim]
                rivals = rivals[:-1] if aim not in drawn else rivals
                scores = (targets[b, [aim, *rivals]] @ (predictor @ context[b, t])).double()
                total = total - scores.log_softmax(dim=0)[0]
                number += 1
                first += bool((scores[0] > scores[1:]).all())
    return total, number, first


def outputs(seed=0, negatives=5, draws=4, first_step=1, frames=14, counts=(14, 9, 6, 4, 1, 0), wide=4):
    """Windows of many frames, of few (fewer than negatives), of one and of none."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.tensor(counts)
    context = torch.randn(len(counts), frames, 3, generator=generator)
    targets = torch.randn(len(counts), frames, wide, generator=generator)
    predictors = torch.randn(3, wide, 3, generator=generator)
    candidates = draw_candidates(counts, frames, draws, negatives + 1, generator)
    return context, targets, predictors, candidates, counts, first_step


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("draws", [1, 3, 4, 14])
@pytest.mark.parametrize(("first_step", "negatives"), [(1, 5), (3, 2), (1, 50)])
def test_equals_the_formula_prediction_by_prediction(seed, draws, first_step, negatives):
    given = outputs(seed, negatives, draws, first_step)
    parts = [tensor.requires_grad_() for tensor in given[:3]]
    total, number, first = future_contrast(*given)
    expected = loop(*given)
    assert float(total.detach()) == pytest.approx(float(expected[0].detach()), rel=1e-5)
    assert (float(number), float(first)) == expected[1:] and number > 20
    gradients = [torch.autograd.grad(value, parts, retain_graph=True) for value in (total, expected[0])]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("windows", [1, 2, 4])
def test_windows_taken_in_parts_equal_all_at_once(windows):
    found = []
    for at_once in (windows, 6):
        given = outputs(counts=(1, 0, 4, 14, 9, 6))
        parts = [tensor.requires_grad_() for tensor in given[:3]]
        values = future_contrast_in_parts(*given, windows=at_once)
        values[0].backward()
        found.append([*values, *(tensor.grad for tensor in parts)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_what_padding_holds_changes_nothing_and_gets_no_gradient():
    context, targets, predictors, candidates, counts, first_step = outputs()
    behind = (torch.arange(14) >= counts[:, None]).unsqueeze(2)
    before = future_contrast(context, targets, predictors, candidates, counts, first_step)
    context, targets = context.masked_fill(behind, 70.0), targets.masked_fill(behind, -70.0)
    context.requires_grad_(), targets.requires_grad_()
    after = future_contrast(context, targets, predictors, candidates, counts, first_step)
    torch.testing.assert_close(before, after)
    after[0].backward()
    for gradient in (context.grad, targets.grad):
        assert gradient.isfinite().all() and not gradient[behind.expand_as(gradient)].any() and gradient[:4].any()


def test_scores_that_are_all_equal_are_chance_among_the_negatives_and_no_success():
    context, targets, predictors, candidates, counts, first_step = outputs(counts=(14, 14), negatives=5)
    total, number, first = future_contrast(context, targets, predictors * 0, candidates, counts, first_step)
    assert number == 2 * (13 + 12 + 11) and first == 0
    assert float(total / number) == pytest.approx(math.log(6), rel=1e-6)
    few = outputs(counts=(4, 4), negatives=5)  # three other frames
    total, number, _ = future_contrast(*few[:2], predictors * 0, *few[3:])
    assert float(total / number) == pytest.approx(math.log(4), rel=1e-6)


def test_every_other_frame_is_the_negative_equally_often():
    # Only frame 0 has a context, which predicts frame 1; the targets' gradient shows which other frame is its negative.
    context = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1).repeat(20_000, 1, 1)
    targets = torch.ones(20_000, 3, 1, requires_grad=True)
    counts = torch.full((20_000,), 3)
    candidates = draw_candidates(counts, 3, 1, 2, torch.Generator().manual_seed(1))
    future_contrast(context, targets, torch.ones(1, 1, 1), candidates, counts, 1)[0].backward()
    negative = targets.grad[:, [0, 2], 0] > 0
    assert (negative.sum(dim=1) == 1).all() and (targets.grad[:, 1] < 0).all()
    assert abs(float(negative[:, 0].float().mean()) - 0.5) < 4 * 0.5 / math.sqrt(20_000)


def test_predictions_that_are_their_frames_have_no_loss():
    targets = 10 * one_hot(torch.arange(14), 16).float().expand(2, -1, -1)  # [2, 14, 16]
    predictors = torch.stack([torch.eye(16).roll(s, dims=0) for s in (1, 2, 3)])  # axis t to axis t + s
    candidates = draw_candidates(torch.full((2,), 14), 14, 3, 8, torch.Generator().manual_seed(0))
    total, number, first = future_contrast(targets, targets, predictors, candidates, torch.full((2,), 14), 1)
    assert first == number and float(total) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_takes_its_scores_and_their_softmax_in_float32(dtype):
    context, targets, predictors, candidates, counts, first_step = outputs(wide=64)
    halves = [(60 * context).to(dtype), (20 * targets).to(dtype), predictors.to(dtype)]
    predictions = torch.einsum("bfh,sdh->bfsd", halves[0], halves[2]).float()
    assert (predictions.abs().amax() * halves[1].float().abs().amax()) > 5_000 and predictions.isfinite().all()
    total = future_contrast(*halves, candidates, counts, first_step)[0]
    # The same predictions, rounded as they are, by the plain loop in float32: context `(frame, step)` picks its own.
    expected = 0.0
    for s in range(3):
        one = [predictions[:, :, s], halves[1].float(), torch.eye(64).unsqueeze(0)]
        expected += loop(*one, candidates, counts, first_step + s)[0]
    assert total.dtype == torch.float32 and float(total) == pytest.approx(float(expected), rel=1e-5)


def test_a_batch_without_frames_has_no_predictions():
    total, number, first = future_contrast(*outputs(counts=(0, 0)))
    assert (float(total), float(number), float(first)) == (0.0, 0.0, 0.0)


def waves(windows, samples, generator):
    """Twelve leads that swing at rates of their own, from phases of each window's own: no two frames are alike."""
    phases = 2 * math.pi * torch.rand(windows, 12, 1, generator=generator)
    rates = torch.linspace(0.5, 3.0, 12)[:, None]  # Hz
    return torch.sin(2 * math.pi * rates * torch.arange(samples) / 100 + phases)


def test_it_learns_what_can_be_predicted():
    torch.manual_seed(0)
    encoder = resolve_encoder({"_name": "cpc", "width": 24, "lstm_width": 24, "lstm_layers": 1})
    model = ECGCPC(OmegaConf.structured(ECGCPCConfig(encoder=encoder, preprocess={}, predictor_hidden=24, steps=4)))
    adam, generator, curve = torch.optim.Adam(model.parameters(), lr=1e-2), torch.Generator().manual_seed(0), []
    names = ("context", "targets", "predictors", "candidates", "counts", "first_step")
    for _ in range(30):
        found = model(waves(4, 140, generator), generator=generator)
        total, number, first = future_contrast_in_parts(*(found[name] for name in names))
        adam.zero_grad()
        (total / number).backward()
        adam.step()
        curve.append((float(total.detach() / number), float(first / number)))
    chance = math.log(129)
    assert curve[0][0] == pytest.approx(chance, rel=0.05) and curve[0][1] < 0.02
    assert curve[-1][0] < 0.7 * chance and curve[-1][1] > 5 / 129, curve[-1]  # 0.59 and 12 / 129 when written
