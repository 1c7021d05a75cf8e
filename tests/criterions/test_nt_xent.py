"""NT-Xent against plain loops over its equations, and against pytorch-metric-learning."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss, SupConLoss

from fairseq_signals.criterions.nt_xent import nt_xent


def cosine(a, b) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def loop(embedding, group, valid, temperature, apart=None):
    """Sum over anchors and their number, as Khosla et al. write L_out; with one positive it is Chen et al.'s loss."""
    total, anchors, number = 0.0, 0, len(embedding)
    for i in range(number):
        others = [k for k in range(number) if k != i and valid[i] and valid[k]]
        positives = [k for k in others if group[k] == group[i]]
        if not positives:
            continue
        negatives = [k for k in others if k not in positives and (apart is None or apart[k] != apart[i])]
        score = {k: math.exp(cosine(embedding[i], embedding[k]) / temperature) for k in positives + negatives}
        total += sum(-math.log(score[k] / sum(score.values())) for k in positives) / len(positives)
        anchors += 1
    return total, anchors


def segments(seed=0, windows=6):
    """Two views of windows; two windows to a recording; patients with one window to many."""
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(2 * windows, 5, generator=generator, dtype=torch.float64)
    window = torch.arange(windows).repeat(2)
    return embedding, window, window // 2, (window >= 2).long(), torch.ones(2 * windows, dtype=torch.bool)


@pytest.mark.parametrize("temperature", [0.1, 0.5])
@pytest.mark.parametrize("positives", ["window", "recording", "patient"])
@pytest.mark.parametrize("negatives", ["all", "other_recordings", "other_patients"])
def test_equals_the_formula_term_by_term(positives, negatives, temperature):
    embedding, window, recording, patient, valid = segments()
    group = {"window": window, "recording": recording, "patient": patient}[positives]
    apart = {"all": None, "other_recordings": recording, "other_patients": patient}[negatives]
    total, anchors = nt_xent(embedding, group, valid, temperature, apart)
    expected, number = loop(embedding, group, valid, temperature, apart)
    assert (float(total), float(anchors)) == (pytest.approx(expected, rel=1e-5), number)
    assert number == 12


def test_equals_pytorch_metric_learning_with_one_positive_and_with_many():
    embedding, window, _, patient, valid = segments(seed=1)
    total, anchors = nt_xent(embedding, window, valid, 0.1)
    assert float(total / anchors) == pytest.approx(float(NTXentLoss(temperature=0.1)(embedding, window)), rel=1e-5)
    total, anchors = nt_xent(embedding, patient, valid, 0.2)
    assert float(total / anchors) == pytest.approx(float(SupConLoss(temperature=0.2)(embedding, patient)), rel=1e-5)


def test_every_anchor_weighs_the_same_however_many_positives_it_has():
    # Equal embeddings: log of the number of candidates for every pair, so the mean over anchors is the same number.
    _, _, _, patient, valid = segments()
    total, anchors = nt_xent(torch.ones(12, 5), patient, valid, 0.1)
    assert float(total) == pytest.approx(12 * math.log(11), rel=1e-6) and float(anchors) == 12


def test_a_patient_s_only_segment_contributes_nothing_but_is_a_negative():
    embedding, *_ = segments(seed=2)
    patient = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 5])  # 2, 4 and 5 have one segment
    valid = torch.ones(12, dtype=torch.bool)
    total, anchors = nt_xent(embedding, patient, valid, 0.3)
    assert float(anchors) == 9
    assert float(total) == pytest.approx(loop(embedding, patient, valid, 0.3)[0], rel=1e-5)
    valid[[5, 10, 11]] = False
    assert float(nt_xent(embedding, patient, valid, 0.3)[0]) < float(total)


def test_segments_that_are_all_padding_are_neither_anchor_nor_candidate():
    embedding, window, _, _, valid = segments(seed=3)
    valid[[2, 7]] = False
    total, anchors = nt_xent(embedding, window, valid, 0.2)
    expected, number = loop(embedding, window, valid, 0.2)
    assert (float(total), float(anchors)) == (pytest.approx(expected, rel=1e-5), number)
    assert number == 8  # the other views of windows 2 and 1 have lost their positive
    embedding[[2, 7]] = 100 * torch.randn(2, 5, dtype=torch.float64)
    assert float(nt_xent(embedding, window, valid, 0.2)[0]) == pytest.approx(float(total))


def test_the_length_of_an_embedding_says_nothing():
    embedding, window, _, _, valid = segments(seed=4)
    longer = embedding * torch.arange(1, 13).unsqueeze(1)
    assert float(nt_xent(longer, window, valid, 0.1)[0]) == pytest.approx(
        float(nt_xent(embedding, window, valid, 0.1)[0])
    )


def test_views_that_agree_and_differ_from_all_others_lose_almost_nothing():
    _, window, _, _, valid = segments()
    total, _ = nt_xent(torch.eye(6)[window], window, valid, 0.05)
    assert float(total) == pytest.approx(12 * math.log(1 + 10 * math.exp(-20)), abs=1e-5)


def test_gradients_are_finite_without_any_anchor_and_for_zero_embeddings():
    _, window, _, _, valid = segments()
    embedding = torch.zeros(12, 5, requires_grad=True)
    for valid_now, group in ((~valid, window), (valid, window), (valid, torch.arange(12))):
        total, anchors = nt_xent(embedding, group, valid_now, 0.1)
        (gradient,) = torch.autograd.grad(total, embedding)
        assert gradient.isfinite().all() and total.isfinite()
        assert float(anchors) == (12 if valid_now.any() and group is window else 0)


def test_half_precision_embeddings_are_compared_in_float32():
    embedding, window, _, _, valid = segments(seed=5)
    halved = embedding.half()
    expected, _ = loop(halved.double(), window, valid, 0.01)
    total, _ = nt_xent(halved, window, valid, 0.01)
    assert total.dtype == torch.float32 and float(total) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -0.1, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    embedding, window, _, _, valid = segments()
    with pytest.raises(ValueError, match="temperature of a contrast must be positive, got"):
        nt_xent(embedding, window, valid, temperature)


METHOD = ["--task", "ecg_pretraining", "--window-seconds", "2.5", "--batch-size", "6", "--criterion", "nt_xent"]
METHOD += ["--views", "augment", "--transforms", "random_lead_masking", "--nt-xent-temperature", "0.3"]
PROJECTED = ["--arch", "ecg_contrastive", "--projection-hidden", "16"]


@pytest.mark.parametrize("model", [PROJECTED, ["--arch", "ecg_wav2vec2"]], ids=lambda model: model[1])
@pytest.mark.parametrize(
    ("positives", "negatives"), [("window", "all"), ("window", "other_recordings"), ("patient", "other_patients")]
)
def test_the_criterion_takes_ids_and_embeddings_of_a_batch(
    fairseq_parts, ecg_data, arguments, model, positives, negatives
):
    chosen = ["--encoder", "wav2vec2_tiny", "--positives", positives, "--nt-xent-negatives", negatives]
    subsets = ["--optimizer", "adam", "--train-subset", "pretrain", "--valid-subset", "valid"]
    _, task, model, criterion = fairseq_parts(ecg_data, *arguments["place"], *subsets, *METHOD, *model, *chosen)
    task.load_dataset("valid")
    batch = task.datasets["valid"].collater(task.datasets["valid"].__getitems__([0, 1, 2, 8, 9, 13]))
    loss, size, _, found = task.evaluate(batch, model, criterion)
    assert size == 12  # every window twice
    first, second = found.outputs["embedding"].chunk(2)
    assert not torch.allclose(first, second)
    recording, patient = batch["recording"].repeat(2), batch["patient"].repeat(2)
    assert recording.unique().numel() < 6  # windows of one recording meet in the batch
    group = {"window": torch.arange(6).repeat(2), "patient": patient}[positives]
    apart = {"all": None, "other_recordings": recording, "other_patients": patient}[negatives]
    expected, anchors = loop(found.outputs["embedding"].double(), group, [True] * 12, 0.3, apart)
    assert float(loss) / 12 == pytest.approx(expected / anchors, rel=1e-4)
