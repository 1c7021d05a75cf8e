"""What is known of a training from its folder: begun with which settings, trained, scored."""

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.card import file_digest
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.plan import Job
from fairseq_signals.modules.checkpoint import is_whole, newest_whole

# Settings that change nothing in the result: where things stand, how they are shown, on how many machines they run.
_FREE = ("checkpoint.save_dir", "common.log_", "common.user_dir", "dataset.num_workers", "distributed_training.")
_FREE += ("hydra.", "model.pretrained", "task.data")


def settings_of(job: Job) -> dict[str, Any]:
    """Everything that a training's result depends on, flat, its data's and its pre-training's included."""
    data = {"data": job.data, "data: digest of dataset.yaml": _digest(Path(job.data) / "dataset.yaml")}
    if job.descriptor:
        return {"descriptor": job.descriptor, "leads": job.leads, **data}
    flat = _flat(compose_recipe(job.recipe, list(job.settings)))
    own = data | {key: value for key, value in flat.items() if not key.startswith(_FREE)}
    parent = settings_of(job.parent) if job.parent else {}
    return {**own, **{f"pretraining: {key}": value for key, value in parent.items()}}


def differences(begun: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """In words, each setting in which the two differ."""
    keys = dict.fromkeys([*begun, *wanted])
    return [
        f"{key} was {begun.get(key, 'not given')}, is {wanted.get(key, 'not given')}"
        for key in keys
        if begun.get(key) != wanted.get(key)
    ]


class State:
    """The folder of one training."""

    def __init__(self, job: Job, dest: Path):
        self.job = job
        self.folder = Path(dest) / job.name
        self._settings, self._trained = self.folder / "settings.yaml", self.folder / "trained.json"

    @property
    def trained(self) -> bool:
        """Whether the training came to its end."""
        return self._trained.is_file() or self.job.descriptor is not None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.trained and (self.job.task is None or self.metrics.is_file())

    @property
    def metrics(self) -> Path:
        """The file of scores."""
        return self.folder / self.job.metrics

    @property
    def checkpoint(self) -> Path:
        """The weights that score, and that fine-tunings start from."""
        return self.folder / "checkpoint_best.pt"

    def word(self) -> str:
        """`done`, `trained`, `begun` or `to do`, for people."""
        if self.done:
            return "done"
        return (
            "begun"
            if not self.trained and self._settings.is_file()
            else "trained"
            if self._trained.is_file()
            else "to do"
        )

    def check(self):
        """Looks whether what stands there was made with the job's settings.

        Raises:
            ValueError: it was made with others; says which.
        """
        if not self._settings.is_file():
            return
        changed = differences(yaml.safe_load(self._settings.read_text(encoding="utf-8")), self._wanted())
        if changed:
            raise ValueError(
                f"settings must be those that {self.job.name} was begun with: {'; '.join(changed[:8])} "
                f"({self.folder}); `run --overwrite` discards what is there, another --dest keeps it"
            )

    def begin(self, overwrite: bool):
        """Notes the settings of a new training; one that was begun must have the same.

        Raises:
            ValueError: it was begun with others, and `overwrite` does not allow to discard it.
        """
        try:
            self.check()
        except ValueError:
            if not overwrite:
                raise
            shutil.rmtree(self.folder)
        if self._settings.is_file():
            self._mend()
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self._settings, yaml.safe_dump(self._wanted(), sort_keys=True))

    def _wanted(self) -> dict[str, Any]:
        return json.loads(json.dumps(settings_of(self.job)))  # tuples as lists, as the file has them

    def finish_training(self, facts: dict[str, Any]):
        """Marks the training as ended; `facts` (seconds, versions) are kept for the report."""
        _write(self._trained, json.dumps(facts, indent=1) + "\n")

    def facts(self) -> dict[str, Any]:
        """What `finish_training` kept; empty where it has not ended."""
        return json.loads(self._trained.read_text(encoding="utf-8")) if self._trained.is_file() else {}

    def _mend(self):
        # fairseq copies its last checkpoint into place; a kill in that moment leaves a torn file, from which it would
        # refuse to go on, beside a whole one.
        last = self.folder / "checkpoint_last.pt"
        if last.is_file() and not is_whole(last):
            last.unlink()
            whole = newest_whole(self.folder)
            if whole:
                shutil.copyfile(whole, last)


def _digest(path: Path) -> "str | None":
    return file_digest(path)[:16] if path.is_file() else None


def _write(path: Path, text: str):
    with written_whole(path, "w") as file:
        file.write(text)


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(node, dict):
        return {prefix: node}
    parts = [_flat(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in node.items()]
    return {key: value for part in parts for key, value in part.items()} if parts else {prefix: {}}
