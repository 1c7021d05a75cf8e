"""What all tasks share: manifests opened, batches prepared on the model's device, every draw keyed."""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

import torch
from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from fairseq.models import ARCH_MODEL_NAME_REGISTRY, MODEL_REGISTRY
from fairseq.tasks import FairseqTask
from omegaconf import II, MISSING, open_dict

from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.keys import keyed_seed
from fairseq_signals.data.leads import STANDARD_LEADS, lead_indices, parse_leads
from fairseq_signals.data.manifest import manifest_path
from fairseq_signals.data.units import units_misfit, units_of
from fairseq_signals.data.windows import MODES
from fairseq_signals.models.ecg_model import encoder_leads, plain
from fairseq_signals.modules.gather import rank
from fairseq_signals.tasks.earlier_jobs import forget_earlier_scores
from fairseq_signals.tasks.refusals import (
    refuse_decay_of_frozen,
    refuse_legacy_parts,
    refuse_shared_folder,
    refuse_torn_checkpoint,
    refuse_useless_groups,
)
from fairseq_signals.tasks.unkept_validations import unkept_validations
from fairseq_signals.tasks.window_batches import WindowBatches
from fairseq_signals.transforms.pipeline import Pipeline, keyed_generator, resolve_transforms
from fairseq_signals.transforms.windows import Windows, choose_leads, windows_from_batch

logger = logging.getLogger(__name__)

WINDOW_MODES = ChoiceEnum(list(MODES))
_WINDOWS_PER_RECORDING = 1 << 20  # more than a week of five-second windows


@dataclass
class ECGTaskConfig(FairseqDataclass):
    """Settings of every task."""

    data: str = field(default=MISSING, metadata={"help": "folder with the manifests (train.tsv, valid.tsv, ...)"})
    rate: float = field(default=500.0, metadata={"help": "samples per second (Hz) of the prepared data and the model"})
    window_seconds: float = field(default=5.0, metadata={"help": "length of a window in seconds"})
    windows: WINDOW_MODES = field(
        default="tiled",
        metadata={
            "help": "windows in training: tiled (each recording from start to end), random (one place per epoch), "
            "centred; evaluation always tiles"
        },
    )
    stride_seconds: Optional[float] = field(
        default=None, metadata={"help": "seconds from one tile to the next; the window's length if not given"}
    )
    leads: str = field(
        default="12", metadata={"help": "available leads: a set (12, 6, 4, 3, 2, 1) or names such as I,II,V2"}
    )
    drop_leads: bool = field(
        default=False, metadata={"help": "build the model for these leads alone, instead of zero-filling the others"}
    )
    transforms: Any = field(
        default=None, metadata={"help": "random transforms in training: names separated by commas, or (yaml) a list"}
    )
    rebuild_batches: bool = field(
        default=True, metadata={"help": "new batches in every epoch; False keeps the first epoch's"}
    )
    results_path: Optional[str] = field(default=None, metadata={"help": "folder for scores and predictions"})
    seed: int = II("common.seed")
    save_dir: str = II("checkpoint.save_dir")
    restore_file: str = II("checkpoint.restore_file")


class ECGTask(FairseqTask):
    """Base of all tasks.

    A batch arrives as stored integers and is prepared here, on the model's device: millivolts, leads, views,
    transforms. What is random is drawn from generators keyed by (seed, update, micro-batch, rank) in training and by
    (seed, first window) in validation, so a resumed run repeats exactly.
    """

    def __init__(self, cfg: ECGTaskConfig, from_checkpoint: bool = False):
        """Args: `from_checkpoint` is what fairseq says under `fairseq-validate`."""
        super().__init__(cfg)
        self.from_checkpoint = from_checkpoint
        self.leads = parse_leads(cfg.leads)
        if not Path(cfg.data).is_dir():
            raise FileNotFoundError(f"data must be a folder with manifests, got {cfg.data}")
        transforms = resolve_transforms(plain(cfg.transforms))
        with open_dict(cfg):
            cfg.transforms = transforms  # as OmegaConf's containers, which transforms do not know
        self.training_pipeline = Pipeline(self.views(), transforms, cfg.rate)
        self.evaluation_pipeline = (
            self.training_pipeline if self.transforms_in_evaluation else Pipeline(self.views(), None, cfg.rate)
        )
        self._update, self._micro_batch = -1, 0
        self.units = units_of(cfg.data)

    transforms_in_evaluation = False

    def views(self) -> Any:
        """How views are cut from windows."""
        return "single"

    @property
    def input_leads(self) -> int:
        """Number of leads that the model is built for."""
        return len(encoder_leads(self.cfg))

    def manifests(self, subset: str) -> list[Path]:
        """The manifests that make up a subset."""
        return [self.manifest(subset)]

    def manifest(self, subset: str) -> Path:
        """The manifest of this name in the data folder; FileNotFoundError where there is none."""
        return manifest_path(self.cfg.data, subset)

    def load_dataset(self, split, combine=False, **kwargs):
        """Opens a subset; fairseq combines the training subset alone, which is how it is known here.

        Raises:
            ValueError: it is to be trained on and was opened to validate on. fairseq keeps one iterator by name, and
                one of the two would use up the other's epoch.
        """
        if combine and split in self.datasets and not self.datasets[split].shuffle:
            raise ValueError(f"train_subset must be none of valid_subset, got {split} for both (dataset.valid_subset)")
        windows = WindowDataset(
            self.manifests(split),
            self.cfg.rate,
            self.cfg.window_seconds,
            str(self.cfg.windows) if combine else "tiled",
            self.cfg.stride_seconds,
            STANDARD_LEADS,
            self.cfg.seed,
        )
        self.label(windows, split, combine)
        self.datasets[split] = WindowBatches(windows, split, shuffle=combine, seed=self.cfg.seed)

    def label(self, windows: WindowDataset, subset: str, training: bool):
        """Attaches what the task needs to know of each recording."""

    def build_model(self, cfg, from_checkpoint=False):
        """The model; its settings are resolved into `cfg` first, which is what the checkpoint keeps."""
        if not from_checkpoint:
            forget_earlier_scores()
            refuse_shared_folder(Path(self.cfg.save_dir))
            refuse_torn_checkpoint(Path(self.cfg.save_dir), self.cfg.restore_file)
            with open_dict(cfg):
                cfg._name = ARCH_MODEL_NAME_REGISTRY.get(cfg._name, cfg._name)  # --arch gives a size's name
            MODEL_REGISTRY[cfg._name].resolve(cfg, self)
            self._keep_resolved(cfg._get_parent())
        model = super().build_model(cfg, from_checkpoint)
        if not from_checkpoint and hasattr(model, "load_pretrained"):
            model.load_pretrained()
        if not from_checkpoint and hasattr(model, "start"):
            model.start(self)
        return model

    resolved_keys = ("transforms",)

    def _keep_resolved(self, root):
        # fairseq hands tasks a copy of their configuration and saves the original, here two steps up from the model's.
        if root is not None and "task" in root:
            refuse_legacy_parts(root)
            refuse_useless_groups(root)
            if remark := unkept_validations(root):
                logger.warning(remark)
            with open_dict(root.task):
                for key in self.resolved_keys:
                    root.task[key] = self.cfg[key]

    def prepare(self, sample: dict, model, pipeline: Pipeline, *key: "int | str") -> dict[str, Any]:
        """A batch of stored integers as the model's input and the criterion's knowledge of it."""
        windows = windows_from_batch(sample, next(model.parameters()).device)
        windows = choose_leads(windows, lead_indices(self.leads), pad=not self.cfg.drop_leads)
        generator = keyed_generator(windows.signal.device, self.cfg.seed, *key)
        windows = pipeline(windows, generator)
        return {
            **{name: value for name, value in sample.items() if name not in ("source", "nanovolts", "padded")},
            **windows.ids,
            "counted": 0 if sample["empty"] else len(windows.signal),
            "view": windows.view,
            "groups": _groups(windows),
            "net_input": {
                "signal": windows.signal,
                "lengths": windows.lengths,
                "present": windows.present,
                "generator": generator,
            },
        }

    def train_step(self, sample, model, criterion, optimizer, update_num, ignore_grad=False):
        """Fairseq's step on the prepared batch."""
        # fairseq does not say which micro-batch of an update this is.
        self._micro_batch = self._micro_batch + 1 if update_num == self._update else 0
        self._update = update_num
        key = ("train", update_num, self._micro_batch, rank())
        torch.manual_seed(keyed_seed(self.cfg.seed, "dropout", *key))
        if hasattr(model, "before_update") and _without_gradients(model):
            model.before_update(update_num)
        sample = self.prepare(sample, model, self.training_pipeline, *key)
        return super().train_step(sample, model, criterion, optimizer, update_num, ignore_grad)

    def valid_step(self, sample, model, criterion):
        """Loss and logs of a batch in evaluation."""
        loss, size, logs, _ = self.evaluate(sample, model, criterion)
        return loss, size, logs

    def evaluate(self, sample, model, criterion):
        """Loss, sample size, logs and outcome of a batch in evaluation."""
        key = ("valid", int(sample["recording"][0]), int(sample["window"][0]), rank())
        model.eval()
        with torch.no_grad():
            prepared = self.prepare(sample, model, self.evaluation_pipeline, *key)
            return criterion.compute(model, prepared)

    def optimizer_step(self, optimizer, model, update_num):
        """One step of the optimiser, then of whatever the model keeps beside its parameters (momentum copies, queues).

        fp16 leaves an update with an overflow by an error, before or in the optimiser's step; amp leaves out the step
        without a word and lowers its scale.
        """
        refuse_decay_of_frozen(optimizer, model)
        if getattr(model, "encoder_frozen", False):
            # legacy_ddp gives zeros to parameters without a gradient, and weight decay would move them.
            for parameter in model.encoder.parameters():
                parameter.grad = None
        scale = _amp_scale(optimizer)
        super().optimizer_step(optimizer, model, update_num)
        if hasattr(model, "after_update") and _amp_scale(optimizer) >= scale:
            model.after_update(update_num)

    def state_dict(self) -> dict[str, Any]:
        """Units of the data's amplitudes, for the checkpoint; see `data.units`."""
        return {"units": self.units}

    def load_state_dict(self, state_dict: dict[str, Any]):
        """Compares the units with the checkpoint's, and warns where they differ."""
        if misfit := units_misfit(state_dict.get("units"), self.units):
            logger.warning("%s (%s)", misfit.text, self.cfg.data)

    def max_positions(self):
        """No limit: windows have one length."""
        return None

    @property
    def source_dictionary(self):
        """ECGs have no dictionary."""
        return None

    @property
    def target_dictionary(self):
        """ECGs have no dictionary."""
        return None


def _groups(windows: Windows) -> dict[str, torch.Tensor]:
    ids = windows.ids
    window = ids["recording"] * _WINDOWS_PER_RECORDING + ids["window"]
    return {"window": window, "recording": ids["recording"], "patient": ids["patient"]}


def _without_gradients(model) -> bool:
    """Whether an update begins: fairseq clears all gradients then, and tells tasks neither that nor of an overflow."""
    return all(parameter.grad is None for parameter in model.parameters())


def _amp_scale(optimizer) -> float:
    scaler = getattr(optimizer, "scaler", None)
    return scaler.get_scale() if hasattr(scaler, "get_scale") else 1.0
