"""A comparison of models as text for a terminal and as a table for a spreadsheet."""

from collections.abc import Sequence
from pathlib import Path

from fairseq_signals.evaluation.aligned_text import aligned
from fairseq_signals.evaluation.comparison import ENOUGH, ComparedModel
from fairseq_signals.evaluation.intervals import in_last_digits
from fairseq_signals.evaluation.report import write_table

_NOTES = (
    "mean(standard deviation over runs, in units of the last digit); interval: 95 % confidence interval of one run, by "
    "resampling {what}",
    "difference: of the means over runs, with its interval; pairs: share of all pairs of runs whose difference has an "
    "interval above zero, below zero",
)


def comparison_text(models: Sequence[ComparedModel], metric: str, what: str) -> str:
    """Two tables with what their signs mean: the scores with intervals, and the scores by number of positives.

    Args:
        models: the lines.
        metric: name of the score.
        what: what was resampled and how, such as `recordings 1,000 times`.
    """
    compared = any(model.difference for model in models)
    head = ["", "runs", metric, "interval", *(["difference", "interval", "pairs above, below"] if compared else [])]
    lines = [head, *(_line(model, compared) for model in models)]
    counts = {least: models[0].by_positives[least][0] for least in ENOUGH}
    by_positives = [["", *(f"{n} classes >= {least}" for least, n in counts.items())]]
    by_positives += [[model.label, *(in_last_digits(*model.by_positives[n][1:]) for n in ENOUGH)] for model in models]
    notes = [_NOTES[0].format(what=what), *([_NOTES[1]] if compared else [])]
    return "\n".join(
        [
            *aligned(lines, "<" + ">" * (len(head) - 1)),
            "",
            f"{metric} over the classes with at least so many positives",
            *aligned(by_positives, "<" + ">" * len(ENOUGH)),
            "",
            *notes,
        ]
    )


def write_comparison(path: str | Path, models: Sequence[ComparedModel]) -> None:
    """Writes a line for each model; what cannot be had is `nan`."""
    header = ["label", "runs", "mean", "deviation", "lower", "upper", "difference", "difference_lower"]
    header += ["difference_upper", "pairs_above", "pairs_below"]
    header += [f"{name}_{least}" for least in ENOUGH for name in ("classes", "mean", "deviation")]
    write_table(path, [*header, "values"], (_cells(model) for model in models))


def _line(model: ComparedModel, compared: bool) -> list[str]:
    line = [
        model.label,
        str(len(model.values)),
        in_last_digits(model.mean, model.deviation),
        _ends(*model.interval[1:]),
    ]
    if not compared:
        return line
    if model.difference is None:
        return [*line, "baseline", "", ""]
    pairs = f"{model.above:.0%}, {model.below:.0%}"
    return [*line, f"{model.difference.point:+.4f}", _ends(*model.difference[1:], sign="+"), pairs]


def _ends(lower: float, upper: float, sign: str = "") -> str:
    return f"[{lower:{sign}.4f}, {upper:{sign}.4f}]"


def _cells(model: ComparedModel) -> list[str]:
    numbers = [model.mean, model.deviation, *model.interval[1:], *(model.difference or [float("nan")] * 3)]
    numbers += [model.above, model.below, *(number for least in ENOUGH for number in model.by_positives[least])]
    values = ",".join(f"{value:.6g}" for value in model.values)
    return [model.label, str(len(model.values)), *(f"{number:.6g}" for number in numbers), values]
