"""What is known of a training from its folder: begun with which settings, trained, scored."""

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.experiments.fingerprint import differences, settings_of
from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.lock import LOCK
from fairseq_signals.modules.checkpoint import is_whole, newest_whole

_RESULTS = ("trained.json", "metrics_*.json", "*.pt")


class State:
    """The folder of one training."""

    def __init__(self, job: Job, dest: Path):
        self.job, self._dest = job, Path(dest)
        self.folder = self._dest / job.name
        self._settings, self._trained = self.folder / "settings.yaml", self.folder / "trained.json"

    @property
    def trained(self) -> bool:
        """Whether the training came to its end."""
        return self._trained.is_file() or self.job.descriptor is not None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.trained and all(self.metrics(subset).is_file() for subset in self.job.subsets)

    def metrics(self, subset: str) -> Path:
        """The file of scores of a subset."""
        return self.folder / f"metrics_{subset}.json"

    @property
    def checkpoint(self) -> Path:
        """The weights that score, and that fine-tunings start from; those of the choice where there is one."""
        chosen = self.facts().get("chosen") if self.job.choices else None
        return (self._dest / chosen if chosen else self.folder) / "checkpoint_best.pt"

    @property
    def last(self) -> Path:
        """The weights that a training goes on from."""
        return self.folder / "checkpoint_last.pt"

    def word(self) -> str:
        """`done`, `trained`, `begun` or `to do`, for people."""
        if self.done:
            return "done"
        if self._trained.is_file():
            return "trained"
        return "begun" if self._settings.is_file() else "to do"

    def changed(self) -> list[str]:
        """In words, how what stands there differs from the job's settings; nothing differs where nothing stands.

        Raises:
            ValueError, FileNotFoundError: the job's own settings do not compose.
        """
        wanted = settings_of(self.job)
        if not self._settings.is_file():
            results = sorted(path.name for kind in _RESULTS for path in self.folder.glob(kind))
            return [f"settings.yaml is missing beside {', '.join(results)}"] if results else []
        try:
            begun = yaml.safe_load(self._settings.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            begun = None
        return differences(begun, wanted) if isinstance(begun, dict) else ["settings.yaml is no longer readable"]

    def check(self):
        """Looks whether what stands there was made with the job's settings.

        Raises:
            ValueError: it was made with others; says which.
        """
        changed = self.changed()
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
        if overwrite and self.changed():
            self._discard()
        self.check()
        if self._settings.is_file():
            self._mend()
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self._settings, yaml.safe_dump(settings_of(self.job), sort_keys=True))

    def finish_training(self, facts: dict[str, Any]):
        """Marks the training as ended; `facts` (seconds, versions) are kept for the report.

        Scores of an earlier training in this folder go first: nobody shall take them for this one's.
        """
        for path in self.folder.glob("metrics_*.json"):
            path.unlink()
        _write(self._trained, json.dumps(facts, indent=1) + "\n")

    def facts(self) -> dict[str, Any]:
        """What `finish_training` kept; empty where it has not ended."""
        return json.loads(self._trained.read_text(encoding="utf-8")) if self._trained.is_file() else {}

    def _discard(self):
        # The settings go last: a kill on the way leaves what is still recognised as another training's. The lock stays,
        # or a second process would make and hold another one.
        for path in sorted(self.folder.iterdir(), key=lambda path: path == self._settings):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def _mend(self):
        # fairseq copies its last checkpoint into place; a kill in that moment leaves a torn file, from which it would
        # refuse to go on, beside a whole one.
        if self.last.is_file() and not is_whole(self.last):
            self.last.unlink()
            whole = newest_whole(self.folder)
            if whole:
                shutil.copyfile(whole, self.last)


def _write(path: Path, text: str):
    with written_whole(path, "w") as file:
        file.write(text)
