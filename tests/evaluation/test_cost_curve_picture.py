import pytest

from fairseq_signals.evaluation.cost_curve_picture import cost_figure

CURVES = {"a": [(1e15, 0.5), (3e15, 0.75), (4e15, 0.7)], "b": [(2e15, 0.6)]}


def test_each_label_is_a_line_and_its_best_score_is_marked():
    (axis,) = cost_figure(CURVES, "macro_auc").axes
    lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in axis.lines]
    assert lines[0] == ([1, 3, 4], [0.5, 0.75, 0.7]) and lines[1] == ([3], [0.75])
    assert [line.get_label() for line in axis.lines[1::2]] == ["a", "b"]
    assert axis.get_xscale() == "log" and axis.get_ylabel() == "macro AUC"


def test_nothing_to_draw_is_refused():
    for curves in ({}, {"a": []}):
        with pytest.raises(ValueError, match="curves to draw must be at least one"):
            cost_figure(curves, "macro_auc")
