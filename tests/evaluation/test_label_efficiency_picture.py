"""The picture of label efficiency, measured on the figure."""

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_hex

from fairseq_signals.evaluation.charts import COLOURS
from fairseq_signals.evaluation.label_efficiency import curves_of
from fairseq_signals.evaluation.label_efficiency_picture import draw_efficiency, efficiency_figure

VALUES = [("cpc", 1, 0.80), ("cpc", 1, 0.84), ("cpc", 4, 0.9), ("supervised", 4, 0.85), ("supervised", 8, 0.92)]


def test_lines_are_means_and_bands_are_deviations():
    (axis,) = efficiency_figure(curves_of(VALUES), "supervised", "macro_auc").axes
    lines = {line.get_label(): line for line in axis.lines}
    np.testing.assert_allclose(lines["cpc"].get_xydata(), [(1, 0.82), (4, 0.9)])
    np.testing.assert_allclose(lines["supervised"].get_xydata(), [(4, 0.85), (8, 0.92)])
    band = axis.collections[1].get_paths()[0].vertices  # of cpc, which is drawn after the baseline
    spread = np.std([0.80, 0.84], ddof=1)
    assert band[:, 1].min() == pytest.approx(0.82 - spread)
    at_four = band[band[:, 0] == 4][:, 1]
    assert np.ptp(at_four) == 0  # a single run has no band
    assert axis.get_xlabel() == "training folds" and axis.get_ylabel() == "macro AUC"


def test_levels_of_the_baseline_lie_where_it_ends_and_at_half():
    (axis,) = efficiency_figure(curves_of(VALUES), "supervised", "macro_auc").axes
    lines = {line.get_label(): line for line in axis.lines}
    for folds, level, style in ((8, 0.92, "--"), (4, 0.85, "-")):
        line = lines[f"supervised, {folds} folds"]
        assert set(line.get_ydata()) == {level} and line.get_linestyle() == style
    (axis,) = efficiency_figure(curves_of(VALUES), "cpc", "macro_auc").axes
    assert [line.get_label() for line in axis.lines if "folds" in line.get_label()] == ["cpc, 4 folds"]


def test_the_baseline_has_the_same_colour_wherever_it_stands():
    for values in (VALUES, VALUES[::-1]):
        (axis,) = efficiency_figure(curves_of(values), "supervised", "macro_auc").axes
        colours = {line.get_label(): to_hex(line.get_color()) for line in axis.lines}
        assert colours["supervised"] == COLOURS[0] and colours["cpc"] == COLOURS[1]


def test_a_picture_is_written_and_a_wrong_baseline_refused(tmp_path):
    draw_efficiency(curves_of(VALUES), tmp_path / "new" / "efficiency.png", "supervised", "macro_auc")
    assert matplotlib.image.imread(tmp_path / "new" / "efficiency.png").std() > 0.05
    with pytest.raises(ValueError, match="baseline must be one of cpc, supervised, got 'x'"):
        draw_efficiency(curves_of(VALUES), tmp_path / "x.png", "x", "macro_auc")
