"""MoCo's loss against a plain loop and closed forms, and how the criterion takes it from a batch."""

import math

import pytest
import torch
import torch.nn.functional as F

from fairseq_signals.criterions.moco import queue_contrast

METHOD = ["--task", "ecg_pretraining", "--window-seconds", "2.5", "--batch-size", "4", "--optimizer", "adam"]
METHOD += ["--arch", "ecg_moco", "--criterion", "moco", "--encoder", "wav2vec2_tiny", "--queued-keys", "7"]
METHOD += ["--projection-dim", "8", "--transforms", "random_lead_masking"]


def parts(windows=5, size=7, dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = [torch.randn(n, dim, generator=generator, dtype=torch.float64) for n in (windows, windows, size)]
    return [F.normalize(rows, dim=1) for rows in draw]


def loop(query, key, queued, filled, valid, temperature):
    """Equation 1, term by term: the sum, the number of queries, and how many find their key first."""
    total, number, first = 0.0, 0, 0
    for n in range(len(query)):
        negatives = [float(query[n] @ queued[m]) for m in range(len(queued)) if filled[m]]
        if not (valid[n] and negatives):
            continue
        own = float(query[n] @ key[n])
        scores = [math.exp(score / temperature) for score in (own, *negatives)]
        total, number, first = total - math.log(scores[0] / sum(scores)), number + 1, first + (own > max(negatives))
    return total, number, first


@pytest.mark.parametrize("temperature", [0.07, 0.2])
@pytest.mark.parametrize("written", [0, 1, 4, 7])
def test_equals_the_formula_term_by_term_however_full_the_queue(written, temperature):
    query, key, queued = parts()
    filled, valid = torch.arange(7) < written, torch.tensor([True, True, False, True, True])
    found = queue_contrast(query, key, queued, filled, valid, temperature)
    expected = loop(query, key, queued, filled, valid, temperature)
    assert [float(value) for value in found] == pytest.approx(expected, rel=1e-6)
    assert expected[1] == (4 if written else 0)


def test_what_unfilled_rows_and_padded_windows_hold_counts_nowhere():
    query, key, queued = parts(seed=1)
    filled, valid = torch.arange(7) < 3, torch.tensor([True, False, True, True, True])
    before = queue_contrast(query, key, queued, filled, valid, 0.1)
    queued[3:], key[1] = 50.0, 50.0
    query = query.clone().requires_grad_()
    after = queue_contrast(query, key, queued, filled, valid, 0.1)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other.detach())
    after[0].backward()
    assert query.grad[1].abs().sum() == 0 and query.grad[0].abs().sum() > 0


def test_a_query_that_is_as_near_to_all_has_the_logarithm_of_their_number():
    query = torch.eye(4)[:2]
    key, queued = torch.eye(4)[2:], torch.eye(4)[3:].repeat(9, 1)
    total, number, first = queue_contrast(query, key, queued, torch.ones(9).bool(), torch.ones(2).bool(), 0.07)
    assert float(total / number) == pytest.approx(math.log(10)) and float(first) == 0  # a tie is not found first


def test_gradients_reach_queries_alone_and_are_finite_with_an_empty_queue():
    query, key, queued = (rows.requires_grad_() for rows in parts())
    for written in (0, 3):
        query.grad = None
        filled = torch.arange(7) < written
        queue_contrast(query, key, queued, filled, torch.ones(5, dtype=torch.bool), 0.1)[0].backward()
        assert query.grad.isfinite().all() and bool(query.grad.abs().sum() > 0) == bool(written)
    assert key.grad is None and queued.grad is None


@pytest.mark.parametrize("temperature", [0.0, -0.1, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match="temperature of a contrast must be positive, got"):
        queue_contrast(*parts(), torch.ones(7).bool(), torch.ones(5).bool(), temperature)


@pytest.fixture(scope="module")
def batch_of(fairseq_parts, ecg_data, arguments):
    subsets = ["--train-subset", "pretrain", "--valid-subset", "valid", "--views", "augment"]
    _, task, model, criterion = fairseq_parts(ecg_data, *arguments["place"], *subsets, *METHOD)
    task.load_dataset("valid")
    batch = task.datasets["valid"].collater(task.datasets["valid"].__getitems__([0, 3, 8, 9]))
    return task, model, criterion, batch


def test_training_tells_a_query_from_the_queue(batch_of):
    task, model, criterion, batch = batch_of
    model.queue.stage(parts(size=3, dim=8)[2], torch.ones(3, dtype=torch.bool))
    model.queue.commit()
    sample = task.prepare(batch, model, task.training_pipeline, "train", 0)
    loss, size, logs, found = criterion.compute(model.train(), sample)
    model.before_update(1)
    out = {name: value.detach() for name, value in found.outputs.items()}
    expected = loop(out["query"], out["key"], out["queued"], out["filled"], out["valid"], 0.07)
    assert float(loss.detach()) / size == pytest.approx(expected[0] / 4, abs=1e-6) and size == 8
    assert float(logs["sum_moco_accuracy"]) == expected[2] and float(logs["count_moco"]) == expected[1] == 4
    assert 0 < float(logs["sum_spread"] / logs["count_spread"]) < 1.5


def test_validation_tells_a_query_from_other_recordings_whatever_the_queue(batch_of):
    task, model, criterion, batch = batch_of
    loss, size, logs, found = task.evaluate(batch, model, criterion)
    out, recording = found.outputs, batch["recording"].tolist()
    assert recording[0] == recording[1] != recording[2] == recording[3]  # two windows of each
    expected = 0.0
    for n in range(4):
        others = torch.tensor([recording[m] != recording[n] for m in range(4)])
        row = slice(n, n + 1)
        expected += loop(out["query"][row], out["key"][row], out["key"], others, [True], 0.07)[0]
    assert float(loss) / size == pytest.approx(expected / 4, abs=1e-5) and float(logs["count_moco"]) == 4
    assert not model.queue._staged  # evaluation leaves nothing behind
    model.queue.stage(parts(size=5, dim=8)[2], torch.ones(5, dtype=torch.bool))
    model.queue.commit()
    assert float(task.evaluate(batch, model, criterion)[0]) == float(loss)
