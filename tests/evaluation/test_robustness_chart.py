"""The picture of robustness: lines and labels are measured on the figure, and the file is a picture."""

import matplotlib.image
import numpy as np
import pytest

from fairseq_signals.evaluation.robustness import LevelScore
from fairseq_signals.evaluation.robustness_chart import draw_robustness, robustness_figure

SNR = {0: np.inf, 1: 12.34, 3: -2.5}


def _rows(models=("supervised", "BYOL"), runs=3, positives=(1, 10)):
    rng = np.random.default_rng(0)
    rows = []
    for model in models:
        for level, snr in SNR.items():
            for enough in positives:
                values = tuple(rng.uniform(0.5, 0.9, runs).tolist())
                spread = float(np.std(values, ddof=1)) if runs > 1 else np.nan
                mean = float(np.mean(values))
                rows.append(
                    LevelScore(model, level, snr, snr, enough, {1: 71, 10: 52}[enough], 2198, mean, spread, values)
                )
    return rows


def test_lines_are_the_scores_and_bars_one_standard_deviation():
    rows = _rows()
    panels = robustness_figure(rows).axes
    assert len(panels) == 2
    for panel, enough in zip(panels, (1, 10), strict=True):
        for container, model in zip(panel.containers, ("supervised", "BYOL"), strict=True):
            chosen = [row for row in rows if (row.model, row.min_positives) == (model, enough)]
            line, _, (bars,) = container.lines
            assert container.get_label() == f"{model} (3 runs)"
            assert line.get_ydata() == pytest.approx([row.macro_auc for row in chosen])
            for (low, high), row in zip(bars.get_segments(), chosen, strict=True):
                assert high[1] - low[1] == pytest.approx(2 * row.deviation)


def test_axes_name_level_snr_and_labels():
    panels = robustness_figure(_rows()).axes
    ticks = [text.get_text() for text in panels[0].get_xticklabels()]
    assert ticks == ["0\nnone added", "1\n12.3", "3\n-2.5"]
    assert panels[0].get_title() == "71 labels with both outcomes, 2,198 recordings"
    assert panels[1].get_title() == "52 labels with at least 10 positives, 2,198 recordings"
    assert panels[0].get_ylabel() == "macro AUC"


def test_single_runs_have_no_bars_and_many_models_differ():
    names = [f"model {number}" for number in range(8)]
    panel = robustness_figure(_rows(names, runs=1, positives=(1,))).axes[0]
    assert all(not container.has_yerr for container in panel.containers)
    looks = {(c.lines[0].get_color(), c.lines[0].get_marker()) for c in panel.containers}
    assert len(looks) == 8 and [c.get_label() for c in panel.containers] == names


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_file_is_a_picture(tmp_path, ending):
    path = tmp_path / "new" / f"robustness.{ending}"
    draw_robustness(_rows(), path)
    if ending == "png":
        assert matplotlib.image.imread(path).std() > 0
    else:
        assert "<svg" in path.read_text()


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="scores to draw must be at least one, got none"):
        draw_robustness([], tmp_path / "robustness.png")
