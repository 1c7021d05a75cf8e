"""BYOL's loss against plain loops and geometry, and how the criterion takes it from a batch."""

import pytest
import torch

from fairseq_signals.criterions.byol import byol_loss, prediction_distance

METHOD = ["--task", "ecg_pretraining", "--window-seconds", "2.5", "--batch-size", "6", "--optimizer", "adam"]
METHOD += ["--arch", "ecg_byol", "--criterion", "byol", "--encoder", "wav2vec2_tiny", "--max-update", "10"]
METHOD += ["--projection-hidden", "16", "--projection-dim", "8", "--transforms", "random_lead_masking"]


def vectors(seed=0, windows=5, dim=4):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(2 * windows, dim, generator=generator, dtype=torch.float64) for _ in range(2))


def loop(prediction, target, valid):
    """Squared distances of unit vectors, view by view and window by window."""
    windows, total, number = len(prediction) // 2, 0.0, 0
    for n in range(windows):
        if not (valid[n] and valid[n + windows]):
            continue
        for own, other in ((n, n + windows), (n + windows, n)):
            one, two = prediction[own] / prediction[own].norm(), target[other] / target[other].norm()
            total += float((one - two).square().sum())
        number += 1
    return total, number


def test_equals_squared_distances_of_unit_vectors_in_both_directions():
    prediction, target = vectors()
    valid = torch.ones(10, dtype=torch.bool)
    total, windows = byol_loss(prediction, target, valid)
    assert (float(total), float(windows)) == (pytest.approx(loop(prediction, target, valid)[0], rel=1e-6), 5)
    valid[[1, 7]] = False  # the first view of one window, the second of another
    total, windows = byol_loss(prediction, target, valid)
    expected, number = loop(prediction, target, valid)
    assert (float(total), float(windows)) == (pytest.approx(expected, rel=1e-6), number) and number == 3


def test_what_points_the_same_way_is_no_distance_and_the_opposite_is_four():
    _, target = vectors()
    counted = torch.ones(10, dtype=torch.bool)
    assert float(prediction_distance(3 * target, target, counted)) == pytest.approx(0, abs=1e-5)
    assert float(prediction_distance(-target, 5 * target, counted)) == pytest.approx(40, abs=1e-5)


def test_gradients_reach_the_prediction_alone_and_stay_finite():
    prediction, target = (value.requires_grad_() for value in vectors())
    valid = torch.ones(10, dtype=torch.bool)
    byol_loss(prediction, target, valid)[0].backward()
    assert prediction.grad.abs().sum() > 0 and target.grad is None
    nothing = torch.zeros(10, 4, requires_grad=True)
    for counted in (valid, ~valid):
        total, windows = byol_loss(nothing, target, counted)
        (gradient,) = torch.autograd.grad(total, nothing)
        assert gradient.isfinite().all() and float(windows) == 5 * bool(counted.any())


def test_half_precision_is_compared_in_float32():
    prediction, target = (value.half() for value in vectors())
    total, _ = byol_loss(prediction, target, torch.ones(10, dtype=torch.bool))
    expected, _ = loop(prediction.double(), target.double(), [True] * 10)
    assert total.dtype == torch.float32 and float(total) == pytest.approx(expected, rel=1e-5)


@pytest.fixture(scope="module")
def batch_of(fairseq_parts, ecg_data, arguments):
    def build(*more):
        subsets = ["--train-subset", "pretrain", "--valid-subset", "valid"]
        _, task, model, criterion = fairseq_parts(ecg_data, *arguments["place"], *subsets, *METHOD, *more)
        task.load_dataset("valid")
        return task, model, criterion, task.datasets["valid"].collater(task.datasets["valid"].__getitems__([0, 3, 8]))

    return build


def test_the_criterion_pairs_the_views_of_each_window_and_logs_the_spread(batch_of):
    task, model, criterion, batch = batch_of("--views", "augment")
    loss, size, logs, found = task.evaluate(batch, model, criterion)
    outputs = found.outputs
    expected, windows = loop(outputs["prediction"].double(), outputs["target"].double(), [True] * 6)
    assert size == 6  # every window twice
    assert float(loss) / size == pytest.approx(expected / windows, rel=1e-4) and windows == 3
    first, second = outputs["target"].chunk(2)
    assert not torch.allclose(first, second)
    assert 0 < float(logs["sum_spread"] / logs["count_spread"]) < 1.5


def test_other_views_than_two_are_refused(batch_of):
    task, model, criterion, batch = batch_of("--views", "single")
    with pytest.raises(ValueError, match=r"views of byol must be two of each window .*, got 1"):
        task.evaluate(batch, model, criterion)
