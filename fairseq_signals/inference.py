"""Embeddings and class probabilities from a trained checkpoint, without fairseq.

The numbers are those of `fairseq-validate`: the same windows, preprocessing, leads and averages over a recording's
windows.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.in_memory import batches_of_records
from fairseq_signals.data.leads import lead_indices, parse_leads
from fairseq_signals.data.number_rules import class_names
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.data.units import MILLIVOLTS, Misfit, units_misfit, units_of
from fairseq_signals.encoders import build_encoder
from fairseq_signals.evaluation.aggregate import aggregate_windows
from fairseq_signals.modules.checkpoint import load_part, read_checkpoint, units_of_training
from fairseq_signals.modules.heads import classification_head
from fairseq_signals.modules.preprocess import Preprocess, PreprocessSettings
from fairseq_signals.transforms.views import view_seconds
from fairseq_signals.transforms.windows import Windows, choose_leads, windows_from_batch

logger = logging.getLogger(__name__)

Recordings = str | Path | Record | Iterable[str | Path | Record]


class TrainedModel(nn.Module):
    """A checkpoint's preprocessing and encoder, and its classes where it diagnoses.

    Attributes:
        classes: names of the classes in the order of `predict`'s columns; empty for models without a diagnosis.
        definitions: the same as the task was told them: class codes, and rules that make a class of a number
            (`lvsd: ef < 40`), by which `data.manifest.label_matrix` finds the labels.
        rate: Hz of the windows.
        window_seconds, stride_seconds: how recordings are tiled.
        leads: leads that the model was given; others are ignored.
        units: of the amplitudes that it was trained with, see `data.units`; None where neither checkpoint nor data
            tell.
    """

    def __init__(self, checkpoint: str | Path):
        """Reads a checkpoint of any model of this project.

        Raises:
            FileNotFoundError, ValueError: see `modules.checkpoint.read_checkpoint`.
        """
        super().__init__()
        state = read_checkpoint(checkpoint)
        model, task = state["cfg"]["model"], state["cfg"]["task"]
        self.checkpoint, self.kind = Path(checkpoint), model["_name"]
        self.encoder = build_encoder(model["encoder"])
        load_part(self.encoder, state["model"], "encoder", checkpoint)
        self.preprocess = Preprocess(PreprocessSettings(**model["preprocess"]), self.encoder.rate, self.encoder.leads)
        diagnoses = self.kind == "ecg_classifier"
        self.definitions: list[str] = list(task.get("classes") or []) if diagnoses else []
        self.classes = class_names(self.definitions)
        if self.classes:
            # Checkpoints from before there were hidden layers, and a choice of norms, do not name them.
            kind = {"hidden": model.get("head_hidden"), "norm": model.get("head_norm")}
            self.head = classification_head(self.encoder.embedding_dim, len(self.classes), **kind)
            load_part(self.head, state["model"], "head", checkpoint)
        self.rate = float(task["rate"])
        self.leads, self.drop_leads = parse_leads(task["leads"]), bool(task["drop_leads"])
        # An embedding is of as much as the encoder saw at once: of a half, where pre-training cut halves.
        self.window_seconds = view_seconds(task.get("views", "single"), float(task["window_seconds"]))
        self.stride_seconds = float(task.get("stride_seconds") or self.window_seconds)
        self.units = units_of_training(state)
        self.float().eval()

    @torch.no_grad()
    def forward(self, batch: dict[str, Any]) -> Tensor:
        """Embeddings `[B, E]` of a batch of stored integers."""
        windows = self.prepared(batch)
        return self.encoder(windows.signal, windows.lengths, windows.present)

    def prepared(self, batch: dict[str, Any]) -> Windows:
        """Preprocessed windows of the model's leads, of a batch of stored integers."""
        windows = windows_from_batch(batch, next(self.parameters()).device)
        windows = choose_leads(windows, lead_indices(self.leads), pad=not self.drop_leads)
        return replace(windows, signal=self.preprocess(windows.signal, windows.lengths, windows.present))

    def embed(self, recordings: Recordings, batch_size: int = 64, progress: bool = True) -> np.ndarray:
        """Mean embedding of each recording's windows, float64 `[N, E]`; see `embed`."""
        return self._mean(recordings, lambda embedding: embedding, batch_size, progress)

    def predict(self, recordings: Recordings, batch_size: int = 64, progress: bool = True) -> np.ndarray:
        """Mean probability of each class over a recording's windows, float64 `[N, C]`; see `predict`."""
        self.require_classes()
        return self._mean(recordings, lambda embedding: self.head(embedding).sigmoid(), batch_size, progress)

    def require_classes(self) -> None:
        """Raises ValueError where this is no model for diagnosis."""
        if not self.classes:
            raise ValueError(
                f"checkpoint must hold a model for diagnosis (ecg_classifier), got {self.kind} ({self.checkpoint})"
            )

    def misfit(self, units: str | None) -> Misfit | None:
        """Whether amplitudes in these units are not those that the model was trained with, see `data.units`."""
        return units_misfit(self.units, units, self.preprocess.settings.normalise == "window")

    def _warn_of_units(self, units: str | None, where: Any) -> None:
        if misfit := self.misfit(units):
            logger.warning("%s (%s, %s)", misfit.text, where, self.checkpoint)

    @torch.no_grad()
    def _mean(self, recordings, output, batch_size, progress) -> np.ndarray:
        rows, windows, values = [], [], []
        for batch in tqdm(self._batches(recordings, batch_size), disable=not progress, unit="batch"):
            values.append(output(self(batch)).float().cpu())
            rows.append(batch["recording"])
            windows.append(batch["window"])
        if not rows:
            raise ValueError("recordings must hold at least one, got none")
        rows, windows, values = (torch.cat(parts).numpy() for parts in (rows, windows, values))
        return aggregate_windows(values, rows, windows, np.bincount(rows))

    def _batches(self, recordings: Recordings, batch_size: int) -> Iterator[dict[str, Any]]:
        if isinstance(recordings, (str, Path)) and str(recordings).endswith(".tsv"):
            self._warn_of_units(units_of(Path(recordings).parent), recordings)
            data = WindowDataset(recordings, self.rate, self.window_seconds, "tiled", self.stride_seconds)
            return (data.batch(range(k, min(k + batch_size, len(data)))) for k in range(0, len(data), batch_size))
        single = isinstance(recordings, (str, Path, Record))
        recordings = [recordings] if single else recordings
        window, stride = round(self.window_seconds * self.rate), round(self.stride_seconds * self.rate)
        return batches_of_records(self._records(recordings), self.rate, window, stride, batch_size)

    def _records(self, recordings: Iterable[str | Path | Record]) -> Iterator[Record]:
        told = False
        for item in recordings:
            if not told and not isinstance(item, Record):
                self._warn_of_units(MILLIVOLTS, item)  # which readers give
                told = True
            yield self._record(item)

    def _record(self, item: "str | Path | Record") -> Record:
        if not isinstance(item, Record) and Path(item).is_dir() and not Path(f"{item}.hea").exists():
            raise ValueError(f"recordings must be a manifest, files or records, got a folder: {item}{_advice(item)}")
        record = item if isinstance(item, Record) else read_record(item)
        record.require_leads(self.leads, self.drop_leads)
        return record


def _advice(folder: "str | Path") -> str:
    """The manifest of a folder that was most likely meant."""
    names = [name for name in ("test", "valid", "train", "pretrain") if (Path(folder) / f"{name}.tsv").is_file()]
    return f"; the manifest in it is {Path(folder) / names[0]}.tsv" if names else "; name the files in it"


def embed(checkpoint: str | Path, recordings: Recordings, batch_size: int = 64, progress: bool = True) -> np.ndarray:
    """Embeddings of recordings, float64 `[N, E]`.

    Args:
        checkpoint: of any model of this project, pre-trained or adapted to a task.
        recordings: a manifest (`….tsv`), a recording's path, a `Record`, or several of the latter two. They are
            resampled to the model's rate; leads are found by name, and those that a recording lacks are zero.
        batch_size: windows at a time.
        progress: show a progress bar.

    Raises:
        FileNotFoundError, ValueError: a file is not as it must be; the message says which and where.
    """
    return TrainedModel(checkpoint).embed(recordings, batch_size, progress)


def predict(checkpoint: str | Path, recordings: Recordings, batch_size: int = 64, progress: bool = True) -> np.ndarray:
    """Class probabilities of recordings, float64 `[N, C]`; arguments and errors as in `embed`.

    The columns are the checkpoint's classes, `TrainedModel(checkpoint).classes`.
    """
    return TrainedModel(checkpoint).predict(recordings, batch_size, progress)


def device_of(name: str) -> torch.device:
    """The device of this name, such as `cpu` or `cuda:1`.

    Raises:
        ValueError: PyTorch does not know it, or this machine has none.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
        return device
    except (RuntimeError, AssertionError) as error:  # an unknown name; one that this PyTorch or machine lacks
        raise ValueError(f"device must be one of this machine, such as cpu, got {name!r} ({error})") from error
