#!/usr/bin/env python
r"""Tests trained models on any number of cohorts: one table, predictions, ROC curves and calibration.

A cohort is a folder of prepared data, or one of its manifests; its labels come from the model's classes, a rule such as
`lvsd: ef < 40` from the cohort's own numbers. A threshold is chosen on one cohort and used on all:

  python scripts/external_validation.py cnn=cnn/checkpoint_best.pt vit=vit/checkpoint_best.pt \
      --data valid=prepared/one/valid one=prepared/one two=prepared/two three=prepared/three \
      --operating-point youden@valid --output external

Writes external_validation.txt, which is printed, and external_validation.tsv; roc.png and calibration.png; of each
model and cohort predictions_COHORT.tsv and metrics_COHORT.json in a folder of the model's name. A cohort that shares
recordings or patients with a model's training is refused, and so is one in units that the model was not trained with.
Patients are compared by name within a source alone (column source of a manifest, or that of dataset.yaml, which the
option --name of a preparation sets and else the folder's name): last year's export and this year's are one hospital
only if their sources bear one name. What differs is told below the table.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairseq_signals.data.manifest import Manifest, manifest_path
from fairseq_signals.data.rule_labels import rule_doubts
from fairseq_signals.data.table import RecordingTable
from fairseq_signals.evaluation.external_remarks import cohort_remarks
from fairseq_signals.evaluation.external_table import external_text
from fairseq_signals.evaluation.external_validation import Cohort, Point, score_cohorts, write_validation
from fairseq_signals.evaluation.operating_point import require_both_labels
from fairseq_signals.evaluation.report import write_whole
from fairseq_signals.experiments.seen_before import Seen, remarks_on, seen_by
from fairseq_signals.inference import TrainedModel, device_of

_NAME = re.compile(r"[\w.+-]+")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="[NAME=]CHECKPOINT", help="models for diagnosis of the same classes; of several, each needs a name")  # fmt: skip  # noqa: E501
    parser.add_argument("--data", nargs="+", required=True, metavar="NAME=FOLDER[/SUBSET]", help="cohorts: prepared folders (of which test is taken) or one of their manifests")  # fmt: skip  # noqa: E501
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where tables and pictures go")
    parser.add_argument("--operating-point", default="0.5", metavar="RULE[@NAME]", help="a threshold, or youden, sensitivity=SHARE or specificity=SHARE at least, chosen on the cohort NAME for each model (0.5)")  # fmt: skip  # noqa: E501
    parser.add_argument("--class", dest="outcome", metavar="CLASS", help="the model's class to test (needed where it has several)")  # fmt: skip  # noqa: E501
    parser.add_argument("--label", metavar="RULE", help="other labels for the class than the model's, such as 'lvsd: lvef < 40' or another code of the cohorts")  # fmt: skip  # noqa: E501
    parser.add_argument("--by", default="recording", choices=("recording", "patient"), help="intervals of the AUROC: DeLong's over recordings, or of resampled patients with all of theirs (recording)")  # fmt: skip  # noqa: E501
    parser.add_argument("--resamples", type=_at_least_one, default=1000, metavar="N", help="of patients (1000)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the resamples (1)")
    parser.add_argument("--allow-seen", action="store_true", help="mark cohorts with recordings or patients of the training instead of refusing them")  # fmt: skip  # noqa: E501
    parser.add_argument("--allow-other-units", action="store_true", help="mark cohorts whose amplitudes are in other units than the training's instead of refusing them")  # fmt: skip  # noqa: E501
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="windows at a time (64)")
    parser.add_argument("--device", default="cpu", help="such as cpu or cuda (cpu)")
    parser.add_argument("--format", default="png", choices=("png", "pdf", "svg"), help="of the pictures (png)")
    return parser


def _at_least_one(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {text!r}")
    return int(text)


def _named(texts: Sequence[str], what: str) -> dict[str, str]:
    """Paths by name; a single one may go without a name."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals and what == "model" and len(texts) == 1:
            name, path = "model", text
        if not (path and _NAME.fullmatch(name)) or name in found:
            raise ValueError(
                f"{what} must be NAME=PATH, with a name of its own of letters, digits and .+-_, got {text!r}"
            )
        found[name] = path
    return found


def _manifest(path: str) -> Manifest:
    """The manifest of a folder's test set, or that of FOLDER/SUBSET."""
    where = Path(path)
    if where.is_dir():
        return Manifest(manifest_path(where, "test"))
    return Manifest(manifest_path(where.parent, where.name.removesuffix(".tsv")))


def _definition(models: Mapping[str, TrainedModel], options: argparse.Namespace) -> tuple[str, str]:
    """The class that is tested, and how labels are told."""
    first = next(iter(models.values()))
    wanted = options.outcome or (first.classes[0] if len(first.classes) == 1 else None)
    told = {}
    for name, model in models.items():
        if wanted not in model.classes:
            known = ", ".join(model.classes)
            raise ValueError(f"class must be one of {name}'s ({known}), got {wanted!r} (--class; {model.checkpoint})")
        told[name] = model.definitions[model.classes.index(wanted)]
    if options.label is None and len(set(told.values())) > 1:
        got = "; ".join(f"{name} {rule}" for name, rule in told.items())
        raise ValueError(f"models must tell {wanted} by one rule, got {got}; --label says which labels to test by")
    return wanted, options.label or next(iter(told.values()))


def _remarks(models: Mapping[str, TrainedModel], cohorts: Mapping[str, Cohort], chosen_on: str, options) -> dict:
    """What is to be said of the cohorts, by model and cohort; what ends the run ends it before hours of predictions."""
    seen, remarks = {name: seen_by(model.checkpoint) for name, model in models.items()}, {}
    chosen = [Seen(f"choice of a threshold ({chosen_on})", cohorts[chosen_on].manifest.path)] if chosen_on else []
    if chosen_on:
        labels, known = cohorts[chosen_on].truth
        require_both_labels(labels[known])
    for name, cohort in cohorts.items():
        cohort.truth  # noqa: B018  # labels that cannot be had
        doubts = rule_doubts(cohort.manifest, [cohort.definition])
        for label, model in models.items():
            steps = seen[label] + (chosen if name != chosen_on else [])
            training = next((one.path for one in seen[label] if one.step == "training"), None)
            RecordingTable([cohort.manifest], model.rate)  # another rate, a shard that is not there
            of_people = remarks_on(cohort.manifest.path, steps, options.allow_seen)
            fit = cohort_remarks(model, cohort.manifest, training, options.allow_other_units)
            remarks[label, name] = [*of_people, *fit, *doubts]
    return remarks


def validate(options: argparse.Namespace) -> str:
    """Scores all models on all cohorts, writes tables, pictures and predictions, and returns the text.

    Raises:
        ValueError, FileNotFoundError: an argument, a checkpoint or a cohort is not as it must be.
    """
    paths, folders = _named(options.models, "model"), _named(options.data, "cohort")
    point = Point.of(options.operating_point, list(folders))
    models = {name: TrainedModel(path).to(device_of(options.device)) for name, path in paths.items()}
    for model in models.values():
        model.require_classes()
    outcome, definition = _definition(models, options)
    cohorts = {name: Cohort(_manifest(path), definition) for name, path in folders.items()}
    remarks, told = _remarks(models, cohorts, point.chosen_on, options), {}
    for model, trained in models.items():
        for name, cohort in cohorts.items():
            print(f"{model} on {name}: {len(cohort.manifest):,} recordings", file=sys.stderr)
            found = trained.predict(cohort.manifest.path, options.batch_size)
            told[model, name] = found[:, trained.classes.index(outcome)]
    draws = {"by_patient": options.by == "patient", "n_resamples": options.resamples, "seed": options.seed}
    rows = score_cohorts(outcome, cohorts, told, point, remarks, **draws)
    text = external_text(rows, str(point))
    write_validation(options.output, rows, cohorts, told, options.format)
    write_whole(options.output / "external_validation.txt", text + "\n")
    return text


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments, tests, writes and prints."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        text = validate(options)
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{text}\n\nWritten to {options.output}.")


if __name__ == "__main__":
    main()
