"""Everything that the result of a training depends on, as it is noted when the training begins.

Two trainings of equal settings give the same numbers; where one of these differs, what stands in a folder belongs to
another training.
"""

import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from fairseq_signals.data.card import CARD_NAME, file_digest
from fairseq_signals.data.folder_digest import folder_digest, subset_digests
from fairseq_signals.evaluation.session_pairs import ANOTHER_SESSION
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.defaults import RANDOM, section_of, setting, window_seconds
from fairseq_signals.experiments.job import Job

# Settings that change nothing in the result: where things stand, how they are shown, how devices find each other.
_FREE = ("checkpoint.save_dir", "common.log_", "common.user_dir", "dataset.num_workers", "distributed_training.")
_FREE += ("hydra.",)
_PLACES = ("model.pretrained", "task.data")  # by what lies there, which is noted, and not by where it lies
_WORLD = "distributed_training.distributed_world_size"  # a batch is as many times as large
_USUAL = {"window_seconds": 5.0, "threshold": "0.5", "train_subset": "train", "valid_subset": "valid"}
_PATH, _DIGEST, _SUBSET = "data", "data: digest of dataset.yaml without subsets", "data: digest of {}.tsv"
_LENGTH = 16  # of a digest, in hexadecimal digits
_BEFORE = "pretraining: "  # of the settings of what a training starts from


def settings_of(job: Job) -> dict[str, Any]:
    """Everything that a training's result depends on, flat, its data's and its pre-training's included.

    Raises:
        ValueError, FileNotFoundError: its recipe does not compose with its settings.
    """
    config = compose_recipe(job.recipe, list(job.settings)) if job.recipe else {}
    data = {_PATH: job.data, **_digests(job, config)}
    if job.descriptor:
        whiten = {"whiten": job.whiten, "whiten: sessions": list(ANOTHER_SESSION)} if job.whiten else {}
        return _plain({"descriptor": job.descriptor, **whiten, **descriptor_settings(config), **data})
    flat = _flat(config)
    own = data | {key: value for key, value in flat.items() if not key.startswith(_FREE) and key not in _PLACES}
    if flat.get(_WORLD, 1) != 1:
        own[_WORLD] = flat[_WORLD]
    own |= _foreign_start(job, config)
    if job.choices:
        own["choices"] = [list(choice.settings[len(job.settings) :]) for choice in job.choices]
    parent = settings_of(job.parent) if job.parent else {}
    return _plain({**own, **{f"{_BEFORE}{key}": value for key, value in parent.items()}})


def descriptor_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What a baseline without learning takes from the fine-tuning that it stands beside.

    Args:
        config: of the fine-tuning, composed.

    Returns:
        `leads`, and what is not as `_USUAL` says: `window_seconds`, and of diagnosis `threshold` and the subsets.
    """
    dataset = section_of(config, "dataset")
    given = {"window_seconds": window_seconds(config)}
    if setting(config, "task", "_name") == "ecg_classification":
        given["threshold"] = str(section_of(config, "task").get("threshold", "0.5"))
        given["train_subset"] = dataset.get("train_subset", "train")
        given["valid_subset"] = dataset.get("valid_subset", "valid").split(",")[0]
    unusual = {name: value for name, value in given.items() if value != _USUAL[name]}
    return {"leads": leads_of(config), **unusual}


def leads_of(config: Mapping[str, Any]) -> str:
    """The leads that a composed configuration names, as text."""
    leads = setting(config, "task", "leads")
    return ",".join(leads) if isinstance(leads, list) else str(leads)


def differences(begun: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """In words, each setting in which the two differ; data that was moved and is the same is no difference."""
    keys = dict.fromkeys([*begun, *wanted])
    return [
        f"{key} was {begun.get(key, 'not given')}, is {wanted.get(key, 'not given')}"
        for key in keys
        if begun.get(key) != wanted.get(key) and not _only_moved(key, begun, wanted)
    ]


def _only_moved(key: str, begun: dict[str, Any], wanted: dict[str, Any]) -> bool:
    # The card holds a digest of every file of the data set, so equal cards are equal data, wherever they stand.
    if key.split(_BEFORE)[-1] != _PATH:
        return False
    digest = key.removesuffix(_PATH) + _DIGEST
    return begun.get(digest) is not None and begun.get(digest) == wanted.get(digest)


def _foreign_start(job: Job, config: Mapping[str, Any]) -> dict[str, Any]:
    """The checkpoint of an encoder that the study did not pre-train."""
    path = section_of(config, "model").get("pretrained") if job.parent is None and job.task else None
    if path in (None, RANDOM, "???"):
        return {}
    return {"model.pretrained: digest": _once_per_file(_of_file, Path(path))}


def _digests(job: Job, config: Mapping[str, Any]) -> dict[str, "str | None"]:
    """Of the job's data as it was prepared, and of the subsets added to it since that the job reads."""
    dataset = section_of(config, "dataset")
    read = {dataset.get("train_subset", "train"), *dataset.get("valid_subset", "valid").split(","), *job.subsets}
    whole, subsets = _once_per_file(_of_folder, Path(job.data) / CARD_NAME) or (None, {})
    return {_DIGEST: whole} | {_SUBSET.format(name): subsets[name] for name in sorted(read & set(subsets))}


def _of_folder(card: Path) -> tuple[str, dict[str, str]]:
    subsets = {name: digest[:_LENGTH] for name, digest in subset_digests(card.parent).items()}
    return folder_digest(card.parent)[:_LENGTH], subsets


def _of_file(path: Path) -> str:
    return file_digest(path)[:_LENGTH]


def _once_per_file(digest: Callable[[Path], Any], path: Path) -> Any:
    """What `digest` says of a file, asked once for as long as the file is the same; None where there is none."""
    if not path.is_file():
        return None
    facts = path.stat()
    return _kept(digest, path.resolve(), facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=64)
def _kept(digest: Callable[[Path], Any], path: Path, changed: int, size: int) -> Any:
    return digest(path)


def _plain(settings: dict[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(settings))  # tuples as lists, as the file has them


def _flat(node: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(node, dict):
        return {prefix: node}
    parts = [_flat(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in node.items()]
    return {key: value for part in parts for key, value in part.items()} if parts else {prefix: {}}
