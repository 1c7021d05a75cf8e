#!/usr/bin/env python
r"""Scores over the number of training folds, and how many of them save a supervised model's score.

Runs are folders that fairseq-validate wrote results into, each with its label and its number of training folds:

  python scripts/label_efficiency.py --output tables --baseline supervised \
      supervised:4=results/supervised-4 supervised:8=results/supervised-8 cpc:2=results/cpc-2 cpc:8=results/cpc-8

A label and a number that repeat have several runs. Writes label_efficiency.txt, which is printed,
label_efficiency.tsv and label_efficiency.png.
"""

import argparse
from pathlib import Path

from fairseq_signals.evaluation.label_efficiency import curves_of, efficiency_text, write_efficiency
from fairseq_signals.evaluation.label_efficiency_picture import draw_efficiency
from fairseq_signals.evaluation.predictions import Predictions, read_results_folders, require_same
from fairseq_signals.evaluation.report import write_whole


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="LABEL:FOLDS=FOLDER", help="a run: its model's label, how many folds trained it, and its results, with predictions_SUBSET.tsv and metrics_SUBSET.json")  # fmt: skip  # noqa: E501
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where table and picture go")
    parser.add_argument("--baseline", required=True, metavar="LABEL", help="the model whose levels the others reach, such as supervised")  # fmt: skip  # noqa: E501
    parser.add_argument("--subset", default="test", help="of which results are shown (test)")
    parser.add_argument("--metric", default="macro_auc", help="a number of the metrics (macro_auc)")
    parser.add_argument("--format", default="png", choices=("png", "pdf", "svg"), help="of the picture (png)")
    return parser


def read_runs(arguments: "list[str]", subset: str) -> "list[tuple[str, int, Predictions]]":
    """Label, number of folds and predictions of each run, all of the same recordings and labels.

    Raises:
        ValueError, FileNotFoundError: an argument or a folder is not as it must be, or a folder comes twice.
    """
    named = []
    for text in arguments:
        name, _, folder = text.partition("=")
        label, _, folds = name.rpartition(":")
        if not (label.strip() and folder and folds.isascii() and folds.isdigit() and int(folds) > 0):
            raise ValueError(f"run must be LABEL:FOLDS=FOLDER with at least one fold, got {text!r}")
        named.append((label, int(folds), folder))
    runs = read_results_folders([folder for _, _, folder in named], subset)
    require_same({"": runs})
    return [(label, folds, run) for (label, folds, _), run in zip(named, runs, strict=True)]


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments, writes and prints."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        runs = read_runs(options.runs, options.subset)
        curves = curves_of((label, folds, run.metric(options.metric)) for label, folds, run in runs)
        text = efficiency_text(curves, options.baseline, options.metric)
        picture = options.output / f"label_efficiency.{options.format}"
        draw_efficiency(curves, picture, options.baseline, options.metric)
        write_efficiency(options.output / "label_efficiency.tsv", curves)
        write_whole(options.output / "label_efficiency.txt", text + "\n")
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{text}\n\nWritten to {options.output}.")


if __name__ == "__main__":
    main()
