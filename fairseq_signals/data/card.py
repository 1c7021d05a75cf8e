"""`dataset.yaml`: what a prepared data set is, and a digest of each of its files.

It holds no times and no paths of the machine, so equal input gives equal bytes.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from tqdm import tqdm

from fairseq_signals.data.atomic import written_whole

CARD_NAME = "dataset.yaml"
FORMAT = 1
MILLIVOLTS = "mV"
"""The units of calibrated amplitudes; where a card has others, it says what they are."""
_KEYS = ("format", "source", "version", "counts", "classes", "unannotated", "units", "rate", "split", "files")
_SAFE = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # thousands of digests: a fifth of the time
_LISTS, _MAPPINGS = ("classes", "unannotated"), ("counts", "files")


def write_card(folder: str | Path, card: dict[str, Any], files: Iterable[str | Path]) -> dict[str, Any]:
    """Writes `dataset.yaml` with the digests of `files` added, and returns what was written.

    Args:
        folder: the data set's folder.
        card: source, version, counts, classes (in fixed order), unannotated, rate (Hz, or None where it varies
            from recording to recording), split (how it was made); any further key is kept.
        files: paths relative to the folder.
    """
    folder = Path(folder)
    return _write(folder, {"format": FORMAT, "units": MILLIVOLTS} | card | {"files": _digests(folder, files)})


def add_to_card(folder: str | Path, changes: dict[str, Any], files: Iterable[str | Path]) -> dict[str, Any]:
    """Adds files to a data set that has a card, without reading the others, and returns what was written.

    Args:
        folder: the data set's folder.
        changes: keys of the card that are new or other than before.
        files: paths relative to the folder; those that the card has already get the digest of what is there now.

    Raises:
        FileNotFoundError: there is no card.
    """
    folder = Path(folder)
    card = read_card(folder)
    if card is None:
        raise FileNotFoundError(f"data set must have a {CARD_NAME}, got none in {folder}")
    return _write(folder, card | changes | {"files": card["files"] | _digests(folder, files)})


def _digests(folder: Path, files: Iterable[str | Path]) -> dict[str, str]:
    return {Path(name).as_posix(): file_digest(folder / name) for name in files}


def _write(folder: Path, card: dict[str, Any]) -> dict[str, Any]:
    _check(card, folder / CARD_NAME)
    card = card | {"files": dict(sorted(card["files"].items()))}
    ordered = {key: card[key] for key in _KEYS} | {key: card[key] for key in sorted(set(card) - set(_KEYS))}
    with written_whole(folder / CARD_NAME, "w") as file:
        yaml.safe_dump(ordered, file, sort_keys=False, allow_unicode=True, width=100)
    return ordered


def read_card(folder: str | Path) -> dict[str, Any] | None:
    """The contents of `dataset.yaml` in a folder, or None where there is none.

    Raises:
        ValueError: the file is no card of this format.
    """
    path = Path(folder) / CARD_NAME
    if not path.is_file():
        return None
    try:
        card = yaml.load(path.read_text(encoding="utf-8"), _SAFE)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{CARD_NAME} must be YAML, got {' '.join(str(error).split())} ({path})") from error
    _check(card, path)
    return card


def _check(card: Any, path: Path) -> None:
    if not isinstance(card, dict):
        raise ValueError(f"{CARD_NAME} must be a mapping, got {type(card).__name__} ({path})")
    if card.get("format") != FORMAT:
        raise ValueError(f"format must be {FORMAT}, got {card.get('format')!r} ({path})")
    missing = [key for key in _KEYS if key not in card]
    if missing:
        raise ValueError(f"{CARD_NAME} must have the keys {', '.join(_KEYS)}, got no {', '.join(missing)} ({path})")
    for key in _LISTS:
        # A class code such as 426783006 would be read back as a number unless it is written as text.
        if not isinstance(card[key], list) or not all(isinstance(code, str) for code in card[key]):
            raise ValueError(f"{key} must be a list of texts (quote codes made of digits), got {card[key]!r} ({path})")
        if len(set(card[key])) != len(card[key]):
            raise ValueError(f"{key} must name each class once, got {card[key]!r} ({path})")
    for key in _MAPPINGS:
        if not isinstance(card[key], dict):
            raise ValueError(f"{key} must be a mapping, got {card[key]!r} ({path})")
    strangers = sorted(set(card["unannotated"]) - set(card["classes"]))
    if strangers:
        raise ValueError(f"unannotated must be among the classes, got {', '.join(strangers)} ({path})")


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    if not path.is_file():
        raise FileNotFoundError(f"file of the data set must exist, got none at {path}")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: str | Path, progress: bool = True) -> int:
    """Number of files whose digests were found as `dataset.yaml` tells.

    Raises:
        FileNotFoundError: the card or one of its files is missing.
        ValueError: some file differs; all that differ are named.
    """
    folder = Path(folder)
    card = read_card(folder)
    if card is None:
        raise FileNotFoundError(f"data set must have a {CARD_NAME}, got none in {folder}")
    files = tqdm(card["files"].items(), desc="verifying", unit="file", disable=not progress)
    wrong = [name for name, digest in files if file_digest(folder / name) != digest]
    if wrong:
        raise ValueError(f"files must be as {CARD_NAME} tells, got other contents in {', '.join(wrong)} ({folder})")
    return len(card["files"])
