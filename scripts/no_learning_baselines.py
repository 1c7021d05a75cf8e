#!/usr/bin/env python
"""Scores what can be had without learning: identification by descriptors, diagnosis by the nearest recordings."""

import argparse
from pathlib import Path

from fairseq_signals.data.leads import LEAD_SETS, parse_leads
from fairseq_signals.evaluation.ecg_descriptors import DESCRIPTORS
from fairseq_signals.evaluation.no_learning import PREVALENCE, diagnose, identify

_SUBSETS = {"identification": "probe", "diagnosis": "test"}
_SHOWN = ("rank1", "rank5", "macro_auc", "macro_average_precision", "macro_f1", "cinc_score", "n_silent_windows")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of prepared data, with its manifests")
    parser.add_argument("--task", choices=_SUBSETS, required=True, help="what to score")
    parser.add_argument("--descriptor", choices=[*DESCRIPTORS, PREVALENCE], default="median_beat", help="what an ECG is compared by; prevalence, for diagnosis, looks at none (median_beat)")  # fmt: skip  # noqa: E501
    parser.add_argument("--leads", default="12", help=f"available leads, the others being zero: a set ({', '.join(LEAD_SETS)}) or names such as I,II,V2 (12)")  # fmt: skip  # noqa: E501
    parser.add_argument("--subset", help="manifest to score: probe or valid_probe with its gallery beside it for identification (probe), any for diagnosis (test)")  # fmt: skip  # noqa: E501
    parser.add_argument("--window-seconds", type=float, default=5.0, metavar="S", help="length of the windows whose descriptors are averaged over a recording (5)")  # fmt: skip  # noqa: E501
    answer = "training recordings that answer, for diagnosis (50, or all where there are fewer)"
    parser.add_argument("--neighbours", type=int, metavar="K", help=answer)
    parser.add_argument("--threshold", default="0.5", help="probability from which a class is decided: a number, or fit or fit_per_class, fitted on valid (0.5)")  # fmt: skip  # noqa: E501
    parser.add_argument("--classes", action="append", metavar="CLASS", help="for diagnosis: a code, or a rule such as 'lvsd: ef < 40'; may be given several times (those of dataset.yaml)")  # fmt: skip  # noqa: E501
    parser.add_argument("--whiten", metavar="SUBSET", help="for identification: fit a linear map on simulated other sessions of these recordings first, such as pretrain (none)")  # fmt: skip  # noqa: E501
    parser.add_argument("--results-path", type=Path, metavar="FOLDER", help="where metrics_<subset>.json and predictions_<subset>.tsv are written")  # fmt: skip  # noqa: E501
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (1)")
    return parser


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments, scores and prints."""
    parser = _parser()
    options = parser.parse_args(arguments)
    subset = options.subset or _SUBSETS[options.task]
    windows = {"window_seconds": options.window_seconds, "workers": options.workers, "progress": True}
    try:
        common = options.data, options.descriptor, parse_leads(options.leads), options.results_path, subset
        if options.task == "identification":
            scores = identify(*common, options.whiten, **windows)
        else:
            scores = diagnose(*common, options.neighbours, options.threshold, classes=options.classes, **windows)
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    for name in _SHOWN:
        if name in scores:
            print(f"{name}\t{scores[name]:.4g}")


if __name__ == "__main__":
    main()
