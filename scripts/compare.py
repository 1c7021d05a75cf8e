#!/usr/bin/env python
r"""Compares models on the same recordings: scores, confidence intervals, pairs of runs, gains class by class.

Runs are folders that fairseq-validate wrote results into. A label that repeats has several runs:

  python scripts/compare.py --output tables --baseline supervised \
      supervised=results/supervised-1 supervised=results/supervised-2 cpc=results/cpc-1 cpc=results/cpc-2

Writes comparison.txt, which is printed, and comparison.tsv; with a baseline also gains_LABEL.tsv and gains_LABEL.png
for each of the others: what it gains in which class.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.evaluation.comparison import ScoredRuns, compare, score_runs
from fairseq_signals.evaluation.comparison_text import comparison_text, write_comparison
from fairseq_signals.evaluation.label_gain import ENOUGH_POSITIVES, class_gains, gains_text, write_gains
from fairseq_signals.evaluation.label_gain_picture import draw_gains
from fairseq_signals.evaluation.predictions import Predictions, read_results_folders, require_baseline
from fairseq_signals.evaluation.report import write_whole
from fairseq_signals.evaluation.resampling import Resampling

_CLASS_SCORES = {"macro_auc": "AUC", "macro_average_precision": "average precision"}
_LABEL = re.compile(r"[\w.+() -]+")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="LABEL=FOLDER", help="a run: its model's label and its results, with predictions_SUBSET.tsv and metrics_SUBSET.json")  # fmt: skip  # noqa: E501
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where tables and pictures go")
    parser.add_argument("--baseline", metavar="LABEL", help="what the others are compared with, such as supervised")
    parser.add_argument("--subset", default="test", help="of which results are compared (test)")
    parser.add_argument("--metric", default="macro_auc", choices=_CLASS_SCORES, help="mean over classes (macro_auc)")
    parser.add_argument("--resamples", type=int, default=1000, metavar="N", help="for confidence intervals (1000)")
    parser.add_argument("--by", default="recording", choices=("recording", "patient"), help="what a resample draws; a patient comes with all recordings and needs --data (recording)")  # fmt: skip  # noqa: E501
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="prepared data, whose manifest SUBSET.tsv tells patients")  # fmt: skip  # noqa: E501
    parser.add_argument("--plain", action="store_true", help="leave the resamples' spread as it is, although few positives make it too small")  # fmt: skip  # noqa: E501
    parser.add_argument("--enough", type=int, default=ENOUGH_POSITIVES, metavar="N", help=f"positives below which a class's name is grey in the picture ({ENOUGH_POSITIVES})")  # fmt: skip  # noqa: E501
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the resamples (1)")
    parser.add_argument("--format", default="png", choices=("png", "pdf", "svg"), help="of the pictures (png)")
    return parser


def read_runs(arguments: Sequence[str], subset: str) -> dict[str, list[Predictions]]:
    """Predictions by label, in the order given.

    Raises:
        ValueError, FileNotFoundError: an argument or a folder is not as it must be, or a folder comes twice.
    """
    named = []
    for text in arguments:
        label, _, folder = text.partition("=")
        if not (_LABEL.fullmatch(label) and folder):
            raise ValueError(f"run must be LABEL=FOLDER, its label of letters, digits and .+()_- , got {text!r}")
        named.append((label, folder))
    runs: dict[str, list[Predictions]] = {}
    for (label, _), run in zip(named, read_results_folders([folder for _, folder in named], subset), strict=True):
        runs.setdefault(label, []).append(run)
    return runs


def units_of(ids: Sequence[str], by: str, data: Path | None, subset: str) -> Sequence[str]:
    """What is drawn together: each recording alone, or all of a patient.

    Raises:
        ValueError, FileNotFoundError: patients are asked for and the manifest lacks a recording, or there is none.
    """
    if by == "recording":
        return ids
    if data is None:
        raise ValueError("resampling by patient must come with --data, the folder of the manifests, got none")
    path = data / f"{subset}.tsv"
    if not path.is_file():
        raise FileNotFoundError(f"patients must stand in a manifest, got none at {path}")
    manifest = Manifest(path)
    patients = dict(zip(manifest.column("id"), manifest.column("patient"), strict=True))
    strangers = [name for name in ids if name not in patients]
    if strangers:
        raise ValueError(
            f"recordings must stand in the manifest, got {len(strangers)} that do not, such as {strangers[0]} ({path})"
        )
    return [patients[name] for name in ids]


def _write_gains(scored: Mapping[str, ScoredRuns], classes: Sequence[str], options: argparse.Namespace) -> list[str]:
    """Tables and pictures of each label over the baseline, and their texts."""
    texts = []
    for label in scored:
        if label != options.baseline:
            gains = class_gains(classes, scored[label], scored[options.baseline], options.enough)
            write_gains(options.output / f"gains_{label}.tsv", gains)
            picture = options.output / f"gains_{label}.{options.format}"
            draw_gains(gains, picture, label, options.baseline, _CLASS_SCORES[options.metric])
            texts.append(gains_text(gains, label, options.baseline))
    return texts


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments, compares, writes and prints."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        runs = read_runs(options.runs, options.subset)
        require_baseline(runs, options.baseline)
        first = next(iter(runs.values()))[0]
        units = units_of(first.ids, options.by, options.data, options.subset)
        resampling = Resampling(units, options.resamples, options.seed)
        scored = score_runs(runs, resampling, options.metric, widened=not options.plain)
        models = compare(scored, options.baseline)
        spread = "with the spread that they show" if options.plain else "widened for few positives"
        how = f"{options.by}s {options.resamples:,} times (seed {options.seed}), {spread}"
        texts = [comparison_text(models, f"{options.metric} ({options.subset})", how)]
        write_comparison(options.output / "comparison.tsv", models)
        if options.baseline is not None:
            texts += _write_gains(scored, first.classes, options)
        write_whole(options.output / "comparison.txt", "\n\n".join(texts) + "\n")
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    print("\n\n".join([*texts, f"Written to {options.output}."]))


if __name__ == "__main__":
    main()
