"""Diagnosis: classes that may apply together, scored per recording by the mean of its windows' probabilities.

Beside these stand `cinc_score_windows` and `macro_auc_windows`, over single windows decided at 0.5: the unit of Oh et
al. 2022, not comparable with challenge scores.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from fairseq.tasks import register_task
from omegaconf import II, open_dict

from fairseq_signals.data.dataset import UNKNOWN
from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.number_rules import class_names, is_rule, parse_rule
from fairseq_signals.data.rule_labels import rule_doubts, rule_findings
from fairseq_signals.evaluation.diagnosis import diagnosis_scores, window_scores
from fairseq_signals.evaluation.prevalence import prevalence
from fairseq_signals.evaluation.report import write_predictions
from fairseq_signals.evaluation.subgroups import GROUPINGS
from fairseq_signals.evaluation.thresholds import fit_class_thresholds, fit_threshold
from fairseq_signals.models.ecg_model import plain
from fairseq_signals.tasks.ecg_task import ECGTaskConfig
from fairseq_signals.tasks.scored_task import ScoredTask

logger = logging.getLogger(__name__)

FITTED = ("fit", "fit_per_class")


@dataclass
class ECGClassificationConfig(ECGTaskConfig):
    """Settings of `ecg_classification`."""

    classes: Any = field(
        default=None,
        metadata={
            "help": "class codes, separated by commas or (yaml) a list; those of dataset.yaml if not given. A rule "
            "such as 'lvsd: ef < 40' (<, <=, >, >=, ==, between A and B) makes a class of the manifest's column ef, "
            "unknown where that holds no number, or none that an ejection fraction can have (5 to 90 %); "
            "'lvsd: ef < 40 missing -1' names numbers that stand for a missing one"
        },
    )
    threshold: str = field(
        default="0.5",
        metadata={
            "help": "probability from which a class is decided: a number; fit (one for all classes) or fit_per_class, "
            "fitted on subsets named valid*, kept with the checkpoint and used everywhere else"
        },
    )
    train_subset: str = II("dataset.train_subset")


@register_task("ecg_classification", dataclass=ECGClassificationConfig)
class ECGClassification(ScoredTask):
    """Labels come from the manifests; what is unknown there is neither trained on nor scored.

    Attributes:
        definitions: the classes as they were asked for: codes, and rules that make classes of numbers.
        classes: what they are called, in the same order.
    """

    resolved_keys = ("transforms", "classes")

    def __init__(self, cfg: ECGClassificationConfig, from_checkpoint: bool = False):
        super().__init__(cfg, from_checkpoint)
        self.definitions = self._class_list()
        self.classes = class_names(self.definitions)
        with open_dict(cfg):
            cfg.classes = self.definitions
        self.thresholds: list[float] | float | None = None
        if cfg.threshold not in FITTED:
            self.thresholds = _probability(cfg.threshold)
        self._known: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def _class_list(self) -> list[str]:
        given = plain(self.cfg.classes)
        if isinstance(given, str):
            given = [code.strip() for code in given.split(",") if code.strip()]
        if given:
            return [str(code) for code in given]
        manifests = sorted(Path(self.cfg.data).glob("*.tsv"))
        classes = next((classes for path in manifests if (classes := _classes_of(path))), None)
        if not classes:
            raise ValueError(
                f"classes must be listed in dataset.yaml beside the manifests or given by --classes, got none "
                f"({self.cfg.data})"
            )
        return list(classes)

    @property
    def rules(self) -> dict[str, str]:
        """The rules by the names of their classes."""
        return {name: text for name, text in zip(self.classes, self.definitions, strict=True) if is_rule(text)}

    def prevalence(self) -> np.ndarray:
        """Share of the training recordings with each class among those of which it is known, float64 `[C]`."""
        return prevalence(*label_matrix(Manifest(self.manifest(self.cfg.train_subset)), self.definitions))

    def label(self, windows, subset, training):
        """Attaches labels by class; a class that the data set does not list is unknown throughout."""
        tables = [self._labels(manifest, training) for manifest in windows.manifests]
        labels, known = (np.concatenate(parts) for parts in zip(*tables, strict=True))
        if training:
            self._refuse_one_sided(labels, known, subset)
        self._known[subset] = labels, known
        windows.attach_labels(np.where(known, labels, UNKNOWN).astype(np.uint8))

    def _labels(self, manifest: Manifest, training: bool) -> tuple[np.ndarray, np.ndarray]:
        listed = self.classes if manifest.classes is None else manifest.classes
        asked = [is_rule(text) or text in listed for text in self.definitions]
        missing = [text for text, there in zip(self.definitions, asked, strict=True) if not there]
        if training and missing:
            raise ValueError(
                f"classes to train on must be listed in dataset.yaml, got {', '.join(missing)}, which "
                f"{manifest.path} does not list"
            )
        if not any(asked):
            raise ValueError(
                f"classes of {manifest.folder} must share some with the model's ({', '.join(self.classes)}), "
                f"got {', '.join(listed)}"
            )
        labels, known = (np.zeros((len(manifest), len(asked)), bool) for _ in range(2))
        there = [text for text in self.definitions if text not in missing]
        labels[:, asked], known[:, asked] = label_matrix(manifest, there)
        for line in rule_findings(manifest, [parse_rule(text) for text in there if is_rule(text)]):
            logger.info("%s: %s", manifest.path.name, line)
        for line in rule_doubts(manifest, there):
            logger.warning("%s: %s", manifest.path.name, line)
        return labels, known

    def _refuse_one_sided(self, labels: np.ndarray, known: np.ndarray, subset: str):
        positive, negative = (labels & known).sum(axis=0), (~labels & known).sum(axis=0)
        if not self.rules or (positive.astype(bool) & negative.astype(bool)).any():
            return
        found = [f"{name} {a} with, {b} without" for name, a, b in zip(self.classes, positive, negative, strict=True)]
        raise ValueError(
            f"one class must have recordings with and without it to train on, got {'; '.join(found)} ({subset} in "
            f"{self.cfg.data}; the rule: {', '.join(self.rules.values())})"
        )

    def outputs(self, outcome):
        """Probabilities `[B, C]`."""
        return outcome.outputs["logits"].float().sigmoid()

    def score(self, subset: str, values: np.ndarray) -> dict[str, Any]:
        """See `evaluation.diagnosis.diagnosis_scores`."""
        labels, known = self._known[subset]
        # In training every validation fits anew; a checkpoint's own thresholds are final.
        if self.cfg.threshold in FITTED and subset.startswith("valid"):
            if not self.from_checkpoint or self.thresholds is None:
                fit = fit_threshold if self.cfg.threshold == "fit" else fit_class_thresholds
                fitted = fit(labels, values, self.classes, known=known)
                self.thresholds = np.asarray(fitted).tolist()
        if self.thresholds is None and self.from_checkpoint:
            raise ValueError(
                f"threshold must be a number, or fitted before on a subset named valid*, got {self.cfg.threshold!r} "
                f"for {subset} and none in the checkpoint"
            )
        threshold = 0.5 if self.thresholds is None else self.thresholds
        scores = diagnosis_scores(labels, known, values, self.classes, threshold, self._columns(subset))
        return scores | ({"rules": self.rules} if self.rules else {})

    def score_windows(self, subset: str, values: np.ndarray, recordings: np.ndarray) -> dict[str, Any]:
        """The paper's unit, not comparable with challenge scores; see `evaluation.diagnosis.window_scores`."""
        return window_scores(*self._known[subset], values, recordings, self.classes)

    def _columns(self, subset: str) -> dict[str, list[str]]:
        manifests = self.datasets[subset].windows.manifests
        shared = [name for name in GROUPINGS if all(name in m.columns for m in manifests)]
        return {name: [cell for manifest in manifests for cell in manifest.column(name)] for name in shared}

    def write(self, folder: Path, subset: str, values: np.ndarray):
        """Writes `predictions_<subset>.tsv`: probabilities and labels by class."""
        labels, known = self._known[subset]
        path = folder / f"predictions_{subset}.tsv"
        write_predictions(path, self.names(subset), self.classes, values, labels, known)

    def state_dict(self) -> dict[str, Any]:
        """Fitted thresholds, the classes that the model's outputs stand for, and its leads, for the checkpoint."""
        return {
            **super().state_dict(),
            "threshold": self.cfg.threshold,
            "thresholds": self.thresholds,
            "classes": self.classes,
            "rules": self.rules,
        }

    def load_state_dict(self, state_dict: dict[str, Any]):
        """Takes a checkpoint's thresholds where they were fitted in the way that is asked for.

        Raises:
            ValueError: other classes are asked for than the checkpoint's, whose outputs would bear wrong names, or
                other leads than its encoder has.
        """
        super().load_state_dict(state_dict)
        if state_dict.get("classes", self.classes) != self.classes:
            raise ValueError(
                f"classes must be the checkpoint's ({', '.join(state_dict['classes'])}), got {', '.join(self.classes)}"
            )
        for name, text in self.rules.items():
            before = state_dict.get("rules", {}).get(name, name)
            if before != text:
                logger.warning("class %s is told by %r here, by %r in the checkpoint's training", name, text, before)
        if self.cfg.threshold in FITTED and state_dict.get("threshold") == self.cfg.threshold:
            self.thresholds = state_dict["thresholds"]


def _classes_of(path: Path):
    try:
        return Manifest(path).classes
    except ValueError:
        return None  # other tables, such as rejected.tsv, lie beside the manifests


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"threshold must be a number from 0 to 1 or one of {', '.join(FITTED)}, got {text!r}")
    return value
