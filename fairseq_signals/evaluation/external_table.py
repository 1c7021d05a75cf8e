"""One table of how models do on several cohorts, as text for people and as a table for programs.

Conventions: a row is one model on one cohort. Brackets hold 95 % intervals. A number in round brackets behind the name
of a cohort leads to what is told of it below the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairseq_signals.evaluation.aligned_text import aligned
from fairseq_signals.evaluation.binary_outcome import BinaryScores
from fairseq_signals.evaluation.bootstrap import Interval
from fairseq_signals.evaluation.report import write_table

_APART = "\n    "  # one line for each remark
_SHARES = ("sensitivity", "specificity", "ppv", "npv")
_INTERVALS = ("auroc", *_SHARES, "gain")
_NUMBERS = ("auprc", "brier", "brier_of_prevalence", "slope", "intercept", "calibration_error", "threshold", "gain_p")
_COUNTS = ("n_recordings", "n_known", "n_cases", "prevalence")


@dataclass(frozen=True)
class CohortScores:
    """A model on a cohort.

    Attributes:
        model, cohort, outcome: what they are called.
        scores: of the model there.
        remarks: of the cohort beside those of its scores, such as people who were trained on.
        gain: how much larger its AUROC is than the first model's there, by pairs of scores; None for the first model.
        gain_p: the two-sided p-value of that.
    """

    model: str
    cohort: str
    outcome: str
    scores: BinaryScores
    remarks: tuple[str, ...] = ()
    gain: Interval | None = None
    gain_p: float = float("nan")

    def values(self) -> dict[str, Interval | float | int]:
        """All scores by name, intervals as such."""
        scores, decided, told = self.scores, self.scores.decisions, self.scores.calibration
        return {
            **{name: getattr(scores, name) for name in (*_COUNTS, "auroc", "auprc", "threshold")},
            **{name: getattr(decided, name) for name in _SHARES},
            "brier": told.brier,
            "brier_of_prevalence": told.brier_of_prevalence,
            "slope": told.slope,
            "intercept": told.intercept,
            "calibration_error": told.error,
            "gain": self.gain or Interval(*(float("nan"),) * 3),
            "gain_p": self.gain_p,
        }

    def flat(self) -> dict[str, float | int]:
        """The same with intervals as three numbers, `auroc`, `auroc_lower`, `auroc_upper`."""
        values = self.values()
        ends = {
            f"{name}{end}": number
            for name in _INTERVALS
            for end, number in zip(("", "_lower", "_upper"), values[name], strict=True)
        }
        return values | ends


def external_text(rows: Sequence[CohortScores], point: str) -> str:
    """The rows as text: of several models first the areas side by side, then a table for each model and outcome.

    Args:
        rows: at least one.
        point: how thresholds were found.

    Raises:
        ValueError: no row.
    """
    if not rows:
        raise ValueError("scores of cohorts must be at least one, got none")
    models, outcomes = (list(dict.fromkeys(getattr(row, name) for row in rows)) for name in ("model", "outcome"))
    parts = []
    for outcome in outcomes:
        mine = [row for row in rows if row.outcome == outcome]
        marks = _marks(mine)
        parts += [_side_by_side(outcome, mine, models, marks)] if len(models) > 1 else []
        parts += [_one_model(outcome, [row for row in mine if row.model == one], point, marks) for one in models]
    return "\n\n".join(parts)


def _side_by_side(outcome: str, rows: Sequence[CohortScores], models: Sequence[str], marks: Mapping[str, str]) -> str:
    cohorts = list(dict.fromkeys(row.cohort for row in rows))
    found = {(row.model, row.cohort): row.values()["auroc"] for row in rows}
    gains = {(row.model, row.cohort): f"{row.gain.point:+.3f}, p {row.gain_p:.2g}" for row in rows if row.gain}
    lines = [["cohort", *models, *(f"{model} - {models[0]}" for model in models[1:])]]
    for name in cohorts:
        areas = [_interval(found[model, name]) for model in models]
        lines.append([name + marks[name], *areas, *(gains.get((model, name), "-") for model in models[1:])])
    title = f"AUROC of {outcome} [95 %], and differences to {models[0]} (DeLong, of recordings)"
    return "\n".join([title, *aligned(lines, ["<"] + [">"] * (len(lines[0]) - 1))])


def _one_model(outcome: str, rows: Sequence[CohortScores], point: str, marks: Mapping[str, str]) -> str:
    head = ["cohort", "n", "cases", "%", "AUROC [95 %]", "AUPRC", "sensitivity", "specificity", "PPV", "NPV"]
    lines = [[*head, "Brier", "slope", "intercept"]]
    for row in rows:
        values = row.values()
        shares = [_interval(values[name]) for name in ("sensitivity", "specificity")]
        few = [f"{values[name].point:.3f}" for name in ("ppv", "npv")]
        calibrated = [f"{values['brier']:.3f}", f"{values['slope']:.2f}", f"{values['intercept']:.2f}"]
        count = [str(values["n_known"]), str(values["n_cases"]), f"{100 * values['prevalence']:.1f}"]
        area = [_interval(values["auroc"]), f"{values['auprc']:.3f}"]
        lines.append(
            [row.cohort + (marks[row.cohort] if _remarks(row) else ""), *count, *area, *shares, *few, *calibrated]
        )
    title = f"{rows[0].model}: {outcome}, called from {rows[0].scores.threshold:.4g} ({point})"
    noted = [row for row in rows if _remarks(row)]
    notes = [f"{marks[row.cohort].strip()} {row.cohort}: {_APART.join(_remarks(row))}" for row in noted]
    return "\n".join([title, *aligned(lines, ["<"] + [">"] * (len(lines[0]) - 1)), *notes])


def _marks(rows: Sequence[CohortScores]) -> dict[str, str]:
    """By cohort a mark where there is something to tell of it for any model, one for all tables."""
    noted = [name for name in dict.fromkeys(row.cohort for row in rows if _remarks(row))]
    return dict.fromkeys((row.cohort for row in rows), "") | {name: f" ({n})" for n, name in enumerate(noted, 1)}


def _remarks(row: CohortScores) -> list[str]:
    return [*row.remarks, *row.scores.notes]


def _interval(value: Interval) -> str:
    return f"{value.point:.3f} [{value.lower:.3f}, {value.upper:.3f}]"


def write_external(path: str | Path, rows: Sequence[CohortScores]) -> None:
    """Writes one line per row, tab-separated: counts, scores, and `_lower` and `_upper` of those with an interval."""
    columns = [*_COUNTS, *(f"{name}{end}" for name in _INTERVALS for end in ("", "_lower", "_upper")), *_NUMBERS]
    lines = []
    for row in rows:
        flat = row.flat()
        cells = [f"{flat[name]:.6g}" if isinstance(flat[name], float) else str(flat[name]) for name in columns]
        lines.append([row.model, row.cohort, row.outcome, *cells, "; ".join(_remarks(row))])
    write_table(path, ["model", "cohort", "outcome", *columns, "remarks"], lines)
