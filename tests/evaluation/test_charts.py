"""Pictures: what is drawn is measured on the figure, and the file is a picture."""

import matplotlib.image
import numpy as np
import pytest

from fairseq_signals.evaluation import charts
from fairseq_signals.evaluation.charts import draw_loss_curves, draw_results_chart

LEADS = ("1", "12", "2", "3", "6")


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved."""
    figures = []
    save = charts.save_figure
    monkeypatch.setattr(charts, "save_figure", lambda figure, path: (figures.append(figure), save(figure, path)))
    return figures


def results():
    values = iter(np.linspace(-0.2, 0.9, 30))
    return [
        {"task": task, "leads": lead, "init": init, "metric": metric, "value": next(values)}
        for task, metric in (("diagnosis", "cinc_score"), ("diagnosis", "macro_auc"), ("identification", "rank1"))
        for lead in LEADS
        for init in ("random", "pretrained")
    ]


def test_bars_are_as_high_as_the_results(tmp_path, drawn):
    rows = results()
    draw_results_chart(rows, tmp_path / "results.png")
    panels = drawn[0].axes
    assert [panel.get_title() for panel in panels] == [
        "diagnosis: cinc_score",
        "diagnosis: macro_auc",
        "identification: rank1",
    ]
    for panel, (task, metric) in zip(panels, (title.get_title().split(": ") for title in panels), strict=True):
        assert [text.get_text() for text in panel.get_xticklabels()] == ["12", "6", "3", "2", "1"]
        for bars in panel.containers:
            expected = [
                next(
                    row["value"]
                    for row in rows
                    if (row["task"], row["metric"], row["leads"], row["init"]) == (task, metric, lead, bars.get_label())
                )
                for lead in ("12", "6", "3", "2", "1")
            ]
            assert [bar.get_height() for bar in bars] == pytest.approx(expected)
    assert [bars.get_label() for bars in panels[0].containers] == ["pretrained", "random"]
    picture = matplotlib.image.imread(tmp_path / "results.png")
    assert min(picture.shape[:2]) > 200 and picture.std() > 0.05


def test_a_missing_result_is_a_gap(tmp_path, drawn):
    rows = [row for row in results() if (row["leads"], row["init"]) != ("6", "random")]
    rows[0]["value"] = float("nan")
    draw_results_chart(rows, tmp_path / "results.svg")
    random = next(bars for bars in drawn[0].axes[0].containers if bars.get_label() == "random")
    assert np.isnan([bar.get_height() for bar in random]).tolist() == [False, True, False, False, True]


def test_curves_are_the_series(tmp_path, drawn):
    run = {
        "train": {"loss": [(0, 5.0), (10, 4.0)], "cmsc": [(10, 1.0)]},
        "valid": {"loss": [(10, 4.5), (20, float("inf"))]},
    }
    log = tmp_path / "log"
    log.write_text('{"epoch": 1, "loss": "3", "num_updates": "7"}\n')
    draw_loss_curves({"W2V": run, "twin": log}, tmp_path / "new" / "loss.png", names=("loss", "cmsc"))
    first, second = drawn[0].axes
    lines = {line.get_label(): (line.get_linestyle(), *map(list, line.get_data())) for line in first.lines}
    assert lines["W2V, train"] == ("-", [0, 10], [5.0, 4.0])
    assert lines["W2V, valid"][:2] == ("--", [10, 20]) and np.isnan(lines["W2V, valid"][2][1])
    assert lines["twin, train"] == ("-", [7], [3.0])
    assert first.lines[0].get_color() == first.lines[1].get_color() != first.lines[2].get_color()
    assert [line.get_label() for line in second.lines] == ["W2V, train"]
    assert (tmp_path / "new" / "loss.png").stat().st_size > 5000


@pytest.mark.parametrize(("number", "grid"), [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3))])
def test_panels_fill_a_sheet(tmp_path, drawn, number, grid):
    names = [f"loss {index}" for index in range(number)]
    draw_loss_curves({"run": {"valid": {name: [(1, 1.0)] for name in names}}}, tmp_path / "x.png", names)
    assert [panel.get_title() for panel in drawn[0].axes] == names
    assert drawn[0].axes[0].get_gridspec().get_geometry() == grid


def test_nothing_to_draw_is_refused(tmp_path):
    with pytest.raises(ValueError, match="results to draw must be at least one"):
        draw_results_chart([], tmp_path / "x.png")
    with pytest.raises(ValueError, match="curve to draw must be one of loss, got 'lsos'"):
        draw_loss_curves({"a": {"train": {"loss": [(1, 1.0)]}}}, tmp_path / "x.png", names=("lsos",))
