"""The curves that fairseq's JSON log holds.

Conventions:
    With `--log-format json` fairseq writes a line per report: `{"epoch": 1, "update": 0.5, "loss": "5.1", …}` while
    it trains, names with `train_` at the end of an epoch, names with `valid_` after each validation. Before the
    JSON may stand a date, a level and the logger's name; other lines of the log say other things and are no reports.
    Numbers are written as text. Curves run over `num_updates`; where a run was resumed and reports an update again,
    the later report counts.
"""

import json
from pathlib import Path

Curve = list[tuple[int, float]]
"""(update, value), in the order of updates."""


def read_training_log(path: str | Path) -> dict[str, dict[str, Curve]]:
    """The curves by subset (`train`, then the names of validation subsets) and by name (`loss`, …).

    Training curves take the reports within epochs where there are any, else those at the end of epochs.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no report.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"training log must be a file, got {path}")
    points: dict[str, dict[str, dict[int, float]]] = {}
    with Path(path).open(encoding="utf-8", errors="replace") as file:
        for line in file:
            for subset, name, update, value in _report(line):
                points.setdefault(subset, {}).setdefault(name, {})[update] = value
    if not points:
        raise ValueError(f"training log must hold reports in JSON (written with --log-format json), got none ({path})")
    inner, epochs = points.pop("", {}), points.get("train", {})
    if inner or epochs:
        points = {"train": epochs | inner, **{name: curves for name, curves in points.items() if name != "train"}}
    return {
        subset: {name: sorted(curve.items()) for name, curve in curves.items()} for subset, curves in points.items()
    }


def _report(line: str) -> list[tuple[str, str, int, float]]:
    """(subset, name, update, value) of every number in a line; nothing where the line is no report."""
    start = line.find('{"epoch": ')
    if start < 0:
        return []
    try:
        stats = json.loads(line[start:])
    except json.JSONDecodeError:  # the last line of a run that was killed
        return []
    subset = next((key.removesuffix("num_updates") for key in stats if key.endswith("num_updates")), None)
    if subset is None:
        return []
    update = int(_number(stats[f"{subset}num_updates"]))
    values = {key.removeprefix(subset): _number(value) for key, value in stats.items() if key.startswith(subset)}
    for name in ("epoch", "update", "num_updates"):
        values.pop(name, None)
    return [(subset.rstrip("_"), name, update, value) for name, value in values.items() if value is not None]


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None
