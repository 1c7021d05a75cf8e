"""Who is it? Embeddings trained with identities as classes, judged on people the training never saw.

Source: Oh et al. 2022, section 4 and 5.1: gallery and probe hold two recordings of each patient; the nearest gallery
recording by cosine gives the answer.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq.dataclass import ChoiceEnum
from fairseq.tasks import register_task
from omegaconf import II

from fairseq_signals.criterions.arcface import NO_IDENTITY
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.evaluation.identification import identification_scores, match
from fairseq_signals.evaluation.report import write_matches
from fairseq_signals.tasks.ecg_task import ECGTaskConfig
from fairseq_signals.tasks.scored_task import ScoredTask

PROBE, GALLERY = "probe", "gallery"


@dataclass
class ECGIdentificationConfig(ECGTaskConfig):
    """Settings of `ecg_identification`."""

    identity: ChoiceEnum(["patient", "recording"]) = field(
        default="patient",
        metadata={
            "help": "what a class is in training: a patient, or a recording (the paper's, where no patient is known)"
        },
    )
    train_subset: str = II("dataset.train_subset")


@register_task("ecg_identification", dataclass=ECGIdentificationConfig)
class ECGIdentification(ScoredTask):
    """Subsets to validate on are pairs: `probe` with `gallery`, `valid_probe` with `valid_gallery`."""

    def manifests(self, subset: str) -> list[Path]:
        """Gallery and probe for a probe subset, the one manifest for training."""
        if not subset.endswith(PROBE):
            return [self.manifest(subset)]
        return [self.manifest(subset.removesuffix(PROBE) + GALLERY), self.manifest(subset)]

    def load_dataset(self, split, combine=False, **kwargs):
        """Opens a subset.

        Raises:
            ValueError: a subset to validate on that is no probe.
        """
        if not combine and not split.endswith(PROBE):
            raise ValueError(
                f"--valid-subset of ecg_identification must end in {PROBE!r}, with its {GALLERY} manifest beside it "
                f"(probe, valid_probe), got {split!r}"
            )
        super().load_dataset(split, combine, **kwargs)

    def count_identities(self) -> int:
        """Number of classes in training."""
        manifest = Manifest(self.manifest(self.cfg.train_subset))
        column = "patient" if str(self.cfg.identity) == "patient" else "id"
        return len(set(manifest.column(column)))

    def prepare(self, sample, model, pipeline, *key):
        """As for every task; in training each window has its identity, in evaluation none."""
        prepared = super().prepare(sample, model, pipeline, *key)
        identity = prepared[str(self.cfg.identity)]
        known = key[0] == "train" and not sample["empty"]
        prepared["identity"] = identity if known else torch.full_like(identity, NO_IDENTITY)
        return prepared

    def outputs(self, outcome):
        """Embeddings `[B, E]`."""
        return outcome.outputs["embedding"]

    def score(self, subset: str, values: np.ndarray) -> dict[str, Any]:
        """See `evaluation.identification.identification_scores`."""
        gallery, probe, patients = self._parts(subset)
        return identification_scores(values[gallery], patients[gallery], values[probe], patients[probe])

    def write(self, folder: Path, subset: str, values: np.ndarray):
        """Writes `predictions_<subset>.tsv`: each probe's nearest gallery recording and the rank of its own."""
        gallery, probe, patients = self._parts(subset)
        ids = np.array(self.names(subset))
        matches = match(values[gallery], patients[gallery], values[probe], patients[probe])
        path = folder / f"predictions_{subset}.tsv"
        write_matches(path, matches, ids[probe], patients[probe], ids[gallery], patients[gallery])

    def _parts(self, subset: str) -> tuple[slice, slice, np.ndarray]:
        windows = self.datasets[subset].windows
        split = len(windows.manifests[0])
        patients = np.array(windows.table.patient_ids)[windows.table.patients]
        return slice(0, split), slice(split, None), patients
