"""ArcFace against a plain loop over angles, and against pytorch-metric-learning."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import ArcFaceLoss

from fairseq_signals.criterions.arcface import arcface_logits


def draw(seed=0, rows=16, classes=7, width=6):
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(rows, width, generator=generator)
    weight = torch.randn(classes, width, generator=generator)
    identity = torch.randint(classes, (rows,), generator=generator)
    cosines = torch.nn.functional.normalize(embedding, dim=1) @ torch.nn.functional.normalize(weight, dim=1).T
    return embedding, weight, identity, cosines


@pytest.mark.parametrize("margin", [0.0, 0.5, 1.0, 3.0])
def test_equals_the_formula_over_angles(margin):
    _, _, identity, cosines = draw()
    logits = arcface_logits(cosines, identity, 192.0, margin)
    for row in range(len(identity)):
        for column in range(cosines.shape[1]):
            angle = math.acos(float(cosines[row, column]))
            angle += margin if column == identity[row] else 0.0
            assert float(logits[row, column]) == pytest.approx(192.0 * math.cos(angle), abs=1e-3)


def test_equals_pytorch_metric_learning_where_angle_and_margin_stay_below_pi():
    embedding, weight, identity, cosines = draw(seed=3)
    margin, scale = 0.4, 20.0
    fits = cosines.gather(1, identity[:, None])[:, 0].acos() + margin < math.pi
    embedding, identity, cosines = embedding[fits], identity[fits], cosines[fits]
    assert len(identity) > 8
    other = ArcFaceLoss(7, 6, margin=math.degrees(margin), scale=scale)
    other.W.data = weight.T.contiguous()
    loss = torch.nn.functional.cross_entropy(arcface_logits(cosines, identity, scale, margin), identity)
    assert float(loss) == pytest.approx(float(other(embedding, identity).detach()), rel=1e-4)


@pytest.mark.parametrize("cosine", [1.0, -1.0])
def test_gradients_are_finite_at_cosine_one_and_minus_one(cosine):
    cosines = torch.tensor([[cosine, 0.2]], requires_grad=True)
    logits = arcface_logits(cosines, torch.tensor([0]), 192.0, 1.0)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0])).backward()
    assert cosines.grad.isfinite().all()
    assert float(logits[0, 0].detach()) == pytest.approx(192.0 * math.cos(math.acos(cosine) + 1.0), abs=0.2)


def test_the_gradient_is_that_of_the_formula():
    _, _, identity, cosines = draw(seed=1)
    cosines = cosines.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda c: arcface_logits(c, identity, 3.0, 1.0), cosines)


@pytest.fixture
def criterion(fairseq_parts, ecg_data, arguments):
    return fairseq_parts(ecg_data, *arguments["identification"], *arguments["random"])


def test_windows_without_an_identity_have_no_loss(criterion):
    *_, criterion = criterion
    cosines = torch.rand(3, 4) * 0.5
    sample = {"net_input": {"signal": torch.zeros(3)}, "identity": torch.tensor([2, -1, 0]), "counted": 3}
    outcome = criterion.outcome(lambda signal: {"cosines": cosines, "embedding": cosines}, sample)
    logits = arcface_logits(cosines, sample["identity"].clamp(min=0), 192.0, 1.0)
    expected = sum(-float(logits[row].log_softmax(dim=0)[sample["identity"][row]]) for row in (0, 2))
    assert float(outcome.losses["arcface"].sum) == pytest.approx(expected, rel=1e-5)
    assert float(outcome.losses["arcface"].count) == 2
    right = sum(int(cosines[row].argmax() == sample["identity"][row]) for row in (0, 2))
    assert tuple(map(float, outcome.logs["identity_accuracy"])) == (right, 2)


def test_in_evaluation_there_is_no_loss_to_count(criterion):
    _, _, _, criterion = criterion
    outputs = {"cosines": None, "embedding": torch.zeros(3, 4)}
    sample = {"net_input": {"signal": torch.zeros(3)}, "identity": torch.full((3,), -1), "counted": 3}
    assert criterion.outcome(lambda signal: outputs, sample).losses["arcface"].count == 0
