"""The picture of gains, measured on the figure."""

import math
from itertools import pairwise

import matplotlib.image
import pytest
from matplotlib.colors import to_hex

from fairseq_signals.evaluation.label_gain import ClassGain
from fairseq_signals.evaluation.label_gain_picture import GROUP_COLOURS, draw_gains, gains_figure
from fairseq_signals.evaluation.statement_groups import GROUPS


def gain(name, group, positives, baseline, model):
    return ClassGain(name, group, positives, positives >= 10, baseline, model, model - baseline, math.nan, math.nan)


GAINS = [
    gain("NORM", "NORM", 963, 0.95, 0.96),
    gain("PRC(S)", "form", 1, 0.90, 0.80),
    gain("$IMI_$", "MI", 200, 0.72, 0.90),
    gain("TRIGU", "rhythm", 0, math.nan, math.nan),
]


def test_bars_begin_where_the_baseline_ends():
    figure = gains_figure(GAINS, "cpc", "supervised")
    (axis,) = figure.axes
    bars = axis.containers[0]
    assert [bar.get_y() + bar.get_height() for bar in bars] == pytest.approx([0.95, 0.90, 0.72])
    assert [to_hex(bar.get_facecolor()) for bar in bars] == [GROUP_COLOURS[name] for name in ("NORM", "form", "MI")]
    gained = [container[0] for container in axis.containers[1:]]
    assert [bar.get_y() for bar in gained] == pytest.approx([0.95, 0.90, 0.72])
    assert [bar.get_height() for bar in gained] == pytest.approx([0.01, -0.10, 0.18])
    assert [to_hex(bar.get_facecolor()) for bar in gained] == ["#000000", "#ffffff", "#000000"]
    low, high = axis.get_ylim()
    assert high == 1.0 and 0.6 <= low < 0.72


def test_names_tell_how_many_positives_there_are():
    axis = gains_figure(GAINS, "cpc", "supervised").axes[0]
    labels = axis.get_xticklabels()
    assert [text.get_text() for text in labels] == ["NORM (963)", "PRC(S) (1)", "$IMI_$ (200)"]
    assert [text.get_color() == "black" for text in labels] == [True, False, True]
    assert "1 classes without both labels" in axis.get_title()


def test_legend_names_what_is_there_and_nothing_else():
    figure = gains_figure(GAINS, "cpc", "supervised")
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:3] == ["normal ECG", "myocardial infarction", "form"]
    assert names[3:] == ["gain by cpc", "loss by cpc", "(n): positives; grey name: few"]
    figure = gains_figure(GAINS[:1], "cpc", "supervised")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["normal ECG", "gain by cpc"]


def test_every_group_has_a_colour_of_its_own():
    assert list(GROUP_COLOURS) == list(GROUPS) and len(set(GROUP_COLOURS.values())) == len(GROUPS)


def test_nothing_is_cut_off_at_71_classes(tmp_path):
    gains = [gain(f"LAO/LAE{n}", list(GROUPS)[n % 8], n, 0.99 - 0.005 * n, 0.99 - 0.004 * n) for n in range(71)]
    figure = gains_figure(gains, "cpc", "supervised")
    figure.canvas.draw()
    page = figure.bbox
    texts = [*figure.axes[0].get_xticklabels(), figure.axes[0].title, *figure.legends[0].get_texts()]
    for text in texts:
        box = text.get_window_extent()
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
    boxes = [text.get_window_extent() for text in figure.axes[0].get_xticklabels()]
    assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))
    draw_gains(gains, tmp_path / "new" / "gains.png", "cpc", "supervised")
    assert matplotlib.image.imread(tmp_path / "new" / "gains.png").shape[1] > 1000


def test_no_score_at_all_is_refused():
    with pytest.raises(ValueError, match="at least one with both labels, got none"):
        gains_figure(GAINS[3:], "cpc", "supervised")
