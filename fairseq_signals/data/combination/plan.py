"""What is to be combined, and how: the choices of a combination, from a command line or a yaml file.

A source is written `FOLDER` or `FOLDER:key=value,key=value`; the keys are the fields of `Part` after `folder`. The yaml
file has the fields of `Combination`, with the parts as a list of mappings under `sources`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

REFUSE, DROP = "error", "drop-from-training"
ON_LEAK = (REFUSE, DROP)
_KEY = re.compile(r"[:,](?=[a-z_]+=)")  # what a choice follows on: folders may hold colons and commas of their own
_NAME = re.compile(r"[A-Za-z0-9_-]+")  # of a shard, which begins with the part's name
_PATHS = ("exclude", "apart_from")
_SWITCH = {"yes": True, "no": False, True: True, False: False}


@dataclass(frozen=True)
class Part:
    """One prepared folder, and what is taken of it.

    Attributes:
        folder: holds `dataset.yaml`, `store/` and manifests.
        name: stands before the ids of its recordings; the folder's name where it is empty.
        share: of the patients it trains on, 0 to 1; valid and test stay whole.
        weight: expected visits of its recordings per epoch, 1 being the usual.
        without: values of the column `source` that are left out, separated by `+` on the command line.
        namespace: within which patient ids mean the same person; from the column `source`, or the card, where empty.
        pairs: whether its gallery and probe are kept.
        whole: whether all its recordings are trained on, those of its valid and test too.
    """

    folder: Path
    name: str = ""
    share: float = 1.0
    weight: float = 1.0
    without: tuple[str, ...] = ()
    namespace: str = ""
    pairs: bool = False
    whole: bool = False

    def __post_init__(self):
        where = f"source {self.folder}"
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"name of a source must be letters, digits, - and _, got {self.name!r} ({where}; name=… gives another)"
            )
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be 0 to 1, got {self.share:g} ({where})")
        if not 0 < self.weight < float("inf"):
            raise ValueError(f"weight must be positive, got {self.weight:g} ({where}; share=0 trains on none of it)")
        if self.whole and self.pairs:
            raise ValueError(f"pairs must be left out of a source that is trained on whole, got pairs=yes ({where})")


@dataclass(frozen=True)
class Combination:
    """The whole plan.

    Attributes:
        parts: in the order of precedence: of a recording that two have, the first one's is kept.
        rate: Hz; None where all parts have one rate, which is then kept.
        classes: `all` (the union), codes separated by commas, a table's file, or the name of a list.
        translate: tables that say what a source's codes are called in common.
        exclude: manifests and lists of recordings and patients that must not be trained on.
        seed: for shares.
        on_leak: `error`, or `drop-from-training`.
        allow_uncalibrated: take sources whose numbers are no millivolts.
        apart_from: prepared folders of which no recording may be in the combination; this is proven.
    """

    parts: tuple[Part, ...]
    rate: float | None = None
    classes: str = "all"
    translate: tuple[str, ...] = ()
    exclude: tuple[Path, ...] = ()
    seed: int = 1
    on_leak: str = REFUSE
    allow_uncalibrated: bool = False
    apart_from: tuple[Path, ...] = ()

    def __post_init__(self):
        if not self.parts:
            raise ValueError("sources must be at least one prepared folder, got none (--source)")
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError(f"sources must differ in name, got {', '.join(names)} (:name=… gives another)")
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise ValueError(f"rate must be positive (Hz), got {self.rate:g} (--rate)")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise ValueError(f"seed must be a whole number, got {self.seed!r} (--seed)")
        if not isinstance(self.allow_uncalibrated, bool):
            raise ValueError(f"allow_uncalibrated must be true or false, got {self.allow_uncalibrated!r}")
        if self.on_leak not in ON_LEAK:
            raise ValueError(f"on_leak must be one of {', '.join(ON_LEAK)}, got {self.on_leak!r}")


def part_of_text(text: str) -> Part:
    """The part that `FOLDER:key=value,…` tells."""
    folder, *choices = _KEY.split(text)
    return part_of(dict(choice.split("=", 1) for choice in choices) | {"folder": folder}, f"--source {text}")


def part_of(choices: Mapping[str, Any], where: str) -> Part:
    """The part that a mapping of its fields tells; numbers may be texts.

    Raises:
        ValueError: a key is none of `Part`'s, or a value not what it must be.
    """
    _check_keys(choices, Part, where)
    if not choices.get("folder"):
        raise ValueError(f"source must have a folder, got none ({where})")
    folder = Path(choices["folder"])
    cells = dict(choices) | {"folder": folder, "name": str(choices.get("name") or folder.resolve().name)}
    for key in ("share", "weight"):
        if key in cells:
            cells[key] = _number(cells[key], key, where)
    if "without" in cells:
        given = cells["without"]
        cells["without"] = tuple(given.split("+") if isinstance(given, str) else map(str, given))
    for key in {"pairs", "whole"} & set(cells):
        if cells[key] not in _SWITCH:
            raise ValueError(f"{key} must be yes or no, got {cells[key]!r} ({where})")
        cells[key] = _SWITCH[cells[key]]
    return Part(**cells)


def read_plan(path: Path) -> Combination:
    """The combination that a yaml file tells; paths in it are relative to the current folder.

    Raises:
        ValueError, FileNotFoundError: the file is missing, is no yaml, or holds an unknown key.
    """
    if not path.is_file():
        raise FileNotFoundError(f"plan must be a yaml file, got none at {path} (--from)")
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"plan must be yaml, got {' '.join(str(error).split())} ({path})") from error
    if not isinstance(told, dict) or not isinstance(told.get("sources"), list):
        raise ValueError(f"plan must be a mapping with a list of sources, got {type(told).__name__} ({path})")
    sources = [one if isinstance(one, dict) else {"folder": one} for one in told.pop("sources")]
    parts = tuple(part_of(one, f"{path}, source {number}") for number, one in enumerate(sources, start=1))
    _check_keys(told, Combination, str(path), besides=("parts",))
    if told.get("rate") is not None:
        told["rate"] = _number(told["rate"], "rate", str(path))
    lists = {key: tuple(_listed(told.pop(key), key, path)) for key in ("translate", *_PATHS) if key in told}
    lists |= {key: tuple(map(Path, lists[key])) for key in _PATHS if key in lists}
    if "classes" in told:  # a code made of digits is a number in yaml
        classes = told["classes"]
        told["classes"] = ",".join(map(str, classes)) if isinstance(classes, list) else str(classes)
    return Combination(parts, **told, **lists)


def _check_keys(choices: Mapping[str, Any], kind: type, where: str, besides: tuple[str, ...] = ()) -> None:
    known = [field.name for field in fields(kind) if field.name not in besides]
    strangers = [str(key) for key in choices if key not in known]
    if strangers:
        raise ValueError(f"keys must be among {', '.join(known)}, got {', '.join(strangers)} ({where})")


def _number(cell: Any, key: str, where: str) -> float:
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise ValueError(f"{key} must be a number, got {cell!r} ({where})") from None


def _listed(cell: Any, key: str, path: Path) -> list[str]:
    if not isinstance(cell, list):
        raise ValueError(f"{key} must be a list, got {cell!r} ({path})")
    return [str(one) for one in cell]
