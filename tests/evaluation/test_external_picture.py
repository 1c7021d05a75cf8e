"""ROC curves and calibration as drawn: the points of the lines against counting."""

import numpy as np

from fairseq_signals.evaluation.binary_outcome import score_binary
from fairseq_signals.evaluation.external_picture import _draw_calibration, _draw_roc, _panels


def test_curves_pass_through_what_is_counted():
    draws = np.random.default_rng(1)
    labels = draws.random(50) < 0.4
    scores = np.round(np.clip(0.4 + 0.2 * labels + 0.2 * draws.normal(size=50), 0, 1), 2)
    found = score_binary(labels, np.ones(50, bool), scores, 0.45)
    outcomes = {"near": {"cnn": (labels, scores)}, "one": {"cnn": (labels & False, scores)}}
    all_scores = {("cnn", "near"): found, ("cnn", "one"): score_binary(labels & False, labels | True, scores, 0.45)}
    figure = _panels(outcomes, all_scores, _draw_roc, ("across", "along"), "best")
    _, curve, dot = figure.axes[0].lines
    drawn = set(zip(*curve.get_data(), strict=True))
    for cut in scores:
        assert ((scores[~labels] >= cut).mean(), (scores[labels] >= cut).mean()) in drawn
    point = [values[0] for values in dot.get_data()]
    np.testing.assert_allclose(point, [(scores[~labels] >= 0.45).mean(), (scores[labels] >= 0.45).mean()])
    assert figure.axes[0].get_title() == f"near: {labels.sum()} cases of 50"
    assert figure.axes[1].texts[0].get_text() == "one label only"
    figure = _panels(outcomes, all_scores, _draw_calibration, ("across", "along"), "best")
    bins = np.array_split(np.argsort(scores, kind="stable"), 5)
    expected = [[scores[part].mean() for part in bins], [labels[part].mean() for part in bins]]
    np.testing.assert_allclose(figure.axes[0].lines[1].get_data(), expected)
