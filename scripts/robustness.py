#!/usr/bin/env python
"""Scores trained models on recordings with physiological noise at several levels, and draws the scores.

Writes robustness.tsv (one line per model, level and number of positives) and robustness.png.
"""

import argparse
from pathlib import Path

import torch

from fairseq_signals.data.card import MILLIVOLTS
from fairseq_signals.data.manifest import Manifest, label_matrix, manifest_path
from fairseq_signals.data.units import units_of
from fairseq_signals.evaluation.noise_levels import LEVELS
from fairseq_signals.evaluation.noisy_scores import score_with_noise
from fairseq_signals.evaluation.robustness import LevelScore, robustness, write_robustness
from fairseq_signals.evaluation.robustness_chart import draw_robustness
from fairseq_signals.inference import TrainedModel, device_of


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="LABEL=CHECKPOINT", help="models for diagnosis; a label may repeat for several runs of one model")  # fmt: skip  # noqa: E501
    parser.add_argument("--data", type=Path, required=True, help="folder of prepared data, with its manifests")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where table and picture go")
    parser.add_argument("--subset", default="test", help="manifest to score (test)")
    parser.add_argument("--levels", type=_numbers, default=[0, *LEVELS], metavar="N,N", help="of noise, 0 without (0,1,2,3,4,5,6)")  # fmt: skip  # noqa: E501
    parser.add_argument("--positives", type=_numbers, default=[1, 10, 50], metavar="N,N", help="score all labels with at least so many positives in the subset (1,10,50)")  # fmt: skip  # noqa: E501
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the noise, the same for all models (1)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="windows at a time (64)")
    parser.add_argument("--device", default="cpu", help="such as cpu or cuda (cpu)")
    parser.add_argument("--format", default="png", choices=("png", "pdf", "svg"), help="of the picture (png)")
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _loaded(models: list[str], device: torch.device) -> dict[str, list[TrainedModel]]:
    """The models by label, all with the same classes.

    Raises:
        ValueError, FileNotFoundError: an argument or a checkpoint is not as it must be.
    """
    loaded: dict[str, list[TrainedModel]] = {}
    for text in models:
        label, equals, path = text.partition("=")
        if not (label and equals and path):
            raise ValueError(f"model must be LABEL=CHECKPOINT, got {text!r}")
        loaded.setdefault(label, []).append(TrainedModel(path).to(device))
    every = [model for runs in loaded.values() for model in runs]
    for model in every:
        if not model.classes or model.definitions != every[0].definitions:
            raise ValueError(
                f"models must diagnose the same classes in the same order, got {len(every[0].classes)} in "
                f"{every[0].checkpoint} and others or none in {model.checkpoint}"
            )
    return loaded


def _refuse_other_units(folder: Path, models: list[TrainedModel]) -> None:
    """Raises ValueError where noise in mV, or what the models were trained with, does not fit the data's amplitudes."""
    units = units_of(folder)
    if units not in (None, MILLIVOLTS):
        raise ValueError(f"data must be in {MILLIVOLTS}, as the noise is, got amplitudes {units} ({folder})")
    for model in models:
        misfit = model.misfit(units)
        if misfit and misfit.certain:
            raise ValueError(f"models must be of the data's units, but {misfit.text} ({folder}, {model.checkpoint})")


def measure(options: argparse.Namespace) -> list[LevelScore]:
    """Scores the models as asked for and writes table and picture."""
    loaded = _loaded(options.models, device_of(options.device))
    _refuse_other_units(options.data, [model for runs in loaded.values() for model in runs])
    manifest = Manifest(manifest_path(options.data, options.subset))
    labels, known = label_matrix(manifest, next(iter(loaded.values()))[0].definitions)
    models = {
        label: [lambda records, run=run: run.predict(records, options.batch_size, progress=False) for run in runs]
        for label, runs in loaded.items()
    }
    scores = score_with_noise(manifest, models, options.levels, options.seed, progress=True)
    rows = robustness(labels, known, scores, options.positives)
    write_robustness(options.output / "robustness.tsv", rows)
    draw_robustness(rows, options.output / f"robustness.{options.format}")
    return rows


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments, scores, writes and prints."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        rows = measure(options)
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    for row in rows:
        if row.min_positives == options.positives[0]:
            spread = f" +- {row.deviation:.4f} ({len(row.runs)} runs)" if len(row.runs) > 1 else ""
            print(f"{row.model}\tlevel {row.level}\t{row.snr_db:.1f} dB\t{row.macro_auc:.4f}{spread}")
    print(f"Written: {options.output / 'robustness.tsv'}, robustness.{options.format}")


if __name__ == "__main__":
    main()
