"""SwAV's loss against plain loops, and how the criterion takes it from a batch and a queue."""

import math

import pytest
import torch
import torch.nn.functional as F

from fairseq_signals.criterions.swav import swapped_prediction
from fairseq_signals.modules.sinkhorn import sinkhorn

METHOD = ["--task", "ecg_pretraining", "--window-seconds", "2.5", "--batch-size", "6", "--optimizer", "adam"]
METHOD += ["--arch", "ecg_swav", "--criterion", "swav", "--encoder", "wav2vec2_tiny", "--prototypes", "7"]
METHOD += ["--projection-hidden", "16", "--projection-dim", "8", "--transforms", "random_lead_masking"]


def parts(crops=4, windows=3, prototypes=5, seed=0):
    """Cosines [V, B, K] and codes of the first two crops."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(crops, windows, prototypes, generator=generator, dtype=torch.float64) * 2 - 1
    codes = torch.rand(2, windows, prototypes, generator=generator, dtype=torch.float64)
    return scores, codes / codes.sum(dim=2, keepdim=True)


def loop(scores, codes, valid, temperature):
    """Equation 2, term by term."""
    total, number = 0.0, 0
    crops, windows, prototypes = scores.shape
    for code in range(len(codes)):
        for crop in range(crops):
            for n in range(windows):
                if crop == code or not (valid[code, n] and valid[crop, n]):
                    continue
                shares = [math.exp(float(score) / temperature) for score in scores[crop, n]]
                terms = [float(codes[code, n, k]) * math.log(shares[k] / sum(shares)) for k in range(prototypes)]
                total, number = total - sum(terms), number + 1
    return total, number


def test_equals_the_formula_term_by_term():
    scores, codes = parts()
    valid = torch.ones(4, 3, dtype=torch.bool)
    total, number = swapped_prediction(scores, codes, valid, 0.1)
    expected, terms = loop(scores, codes, valid, 0.1)
    assert (float(total), float(number)) == (pytest.approx(expected, rel=1e-5), terms) and terms == 2 * 3 * 3


def test_crops_that_are_all_padding_give_no_code_and_predict_none():
    scores, codes = parts(seed=1)
    valid = torch.ones(4, 3, dtype=torch.bool)
    valid[0, 1] = valid[3, 2] = False
    total, number = swapped_prediction(scores, codes, valid, 0.2)
    expected, terms = loop(scores, codes, valid, 0.2)
    assert (float(total), float(number)) == (pytest.approx(expected, rel=1e-5), terms)
    assert terms == 18 - 3 - 1 - 2  # its code and its prediction of the other code; a crop's two predictions
    scores[0, 1] = scores[3, 2] = 100
    assert float(swapped_prediction(scores, codes, valid, 0.2)[0]) == pytest.approx(expected, rel=1e-5)


def test_no_crop_predicts_its_own_code():
    scores = torch.tensor([[[1.0, -1.0]], [[-1.0, 1.0]]])  # two crops that disagree
    codes = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    total, number = swapped_prediction(scores, codes, torch.ones(2, 1, dtype=torch.bool), 0.1)
    assert float(total / number) == pytest.approx(20, rel=1e-5)  # each is sure of the wrong prototype


def test_agreeing_crops_with_hard_codes_lose_almost_nothing():
    scores = torch.tensor([[[1.0, -1.0]]]).repeat(3, 4, 1)
    codes = torch.tensor([[[1.0, 0.0]]]).repeat(2, 4, 1)
    total, _ = swapped_prediction(scores, codes, torch.ones(3, 4, dtype=torch.bool), 0.1)
    assert float(total) == pytest.approx(16 * math.log1p(math.exp(-20)), abs=1e-6)


def test_no_gradient_flows_into_codes():
    scores, codes = (value.requires_grad_() for value in parts())
    swapped_prediction(scores, codes, torch.ones(4, 3, dtype=torch.bool), 0.1)[0].backward()
    assert codes.grad is None and scores.grad.abs().sum() > 0


@pytest.mark.parametrize("temperature", [0.0, -0.1, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature of swapped prediction must be positive, got"):
        swapped_prediction(*parts(), torch.ones(4, 3, dtype=torch.bool), temperature)


@pytest.fixture(scope="module")
def batch_of(fairseq_parts, ecg_data, arguments):
    def build(*more):
        subsets = ["--train-subset", "pretrain", "--valid-subset", "valid", "--views", "augment"]
        _, task, model, criterion = fairseq_parts(ecg_data, *arguments["place"], *subsets, *METHOD, *more)
        task.load_dataset("valid")
        batch = task.datasets["valid"].collater(task.datasets["valid"].__getitems__([0, 3, 8, 9]))
        return task, model, criterion, batch

    return build


def expected_loss(features, prototypes, queue=None):
    """Mean loss of two crops, from normalised features [2, B, D], by the plain loops."""
    prototypes = F.normalize(prototypes.detach(), dim=1)
    scores = features @ prototypes.T
    older = [] if queue is None else [queue[:, n] @ prototypes.T for n in range(2)]
    together = [torch.cat([*older[n : n + 1], scores[n]]) for n in range(2)]
    codes = torch.stack([sinkhorn(table, 0.05, 3)[-scores.shape[1] :] for table in together])
    total, number = loop(scores, codes, torch.ones(scores.shape[:2], dtype=torch.bool), 0.1)
    return total / number


def test_the_criterion_takes_codes_of_the_batch(batch_of):
    task, model, criterion, batch = batch_of()
    loss, size, logs, found = task.evaluate(batch, model, criterion)
    features = found.outputs["features"].unflatten(0, (2, 4))
    assert size == 8 and float(logs["count_swav"]) == 8  # each of four windows in both directions
    assert float(loss) / size == pytest.approx(expected_loss(features, model.prototypes), rel=1e-4)
    assert 0 < float(logs["sum_spread"] / logs["count_spread"]) < 1.5


def test_features_of_earlier_updates_take_part_in_the_codes_and_predict_nothing(batch_of):
    task, model, criterion, batch = batch_of("--queue-size", "5")
    alone = float(task.evaluate(batch, model, criterion)[0]) / 8
    earlier = F.normalize(torch.randn(3, 2, 8, generator=torch.Generator().manual_seed(0)), dim=2)
    model.queue.stage(earlier, torch.ones(3, dtype=torch.bool))
    model.queue.commit()
    loss, _, logs, found = task.evaluate(batch, model, criterion)
    features = found.outputs["features"].unflatten(0, (2, 4))
    assert float(loss) / 8 == pytest.approx(expected_loss(features, model.prototypes, earlier), rel=1e-4)
    assert abs(float(loss) / 8 - alone) > 1e-3 and float(logs["count_swav"]) == 8
    assert not model.queue._staged  # evaluation leaves nothing behind
