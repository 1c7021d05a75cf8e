"""Parts of a manifest by what a column says, for label efficiency: `train_folds2.tsv` are folds 1 and 2 of `train.tsv`.

A subset stands beside its manifest, lies in the same store, and is noted in `dataset.yaml` under `subsets`: of which
manifest, by which cells, how many rows and patients, and which classes have no example in it. As its rows are rows of
one split, nobody of another split can be in it. Its name begins with that manifest's, so that a part of `test` is never
taken for something to train on.

What was made of the folder before (studies that were begun, combinations, designs) knows it again: its digest is that
of everything but the subsets (`data/folder_digest.py`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.card import CARD_NAME, add_to_card, file_digest, read_card
from fairseq_signals.data.destination import SPLITS, held
from fairseq_signals.data.manifest import Manifest, label_matrix, write_manifest
from fairseq_signals.data.row import COLUMNS

SUBSETS = "subsets"  # the card's key
OF = (*SPLITS, "pretrain")
"""What a subset can be of in every folder; in one of a design (`data/designs/`), also of its manifests."""
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_MOST = 10  # values that a message shows


@dataclass(frozen=True)
class Subset:
    """What is wanted.

    Attributes:
        name: of the new manifest, without `.tsv`; begins with that of its list and `_`.
        where: by column the cells of which a row must have one; a row must fit every column.
    """

    name: str
    where: Mapping[str, Sequence[str]]


def nested(name: str, column: str, values: Sequence[str], sizes: Sequence[int] = ()) -> list[Subset]:
    """Subsets of which each holds the one before: the first value, the first two, and so on.

    Args:
        name: what their names begin with; the number of values follows.
        column: of the manifest.
        values: cells, in the order in which they are added.
        sizes: how many values to take; 1 to all of them where empty.

    Raises:
        ValueError: a size is not 1 to the number of values, or comes twice.
    """
    sizes = sizes or range(1, len(values) + 1)
    if len(set(sizes)) != len(sizes) or not all(1 <= size <= len(values) for size in sizes):
        told = ", ".join(map(str, sizes)) or "none"
        raise ValueError(f"sizes must be different numbers of 1 to {len(values)} values, got {told} (--sizes)")
    return [Subset(f"{name}{size}", {column: tuple(values[:size])}) for size in sizes]


def write_subsets(folder: str | Path, of: str, subsets: Sequence[Subset]) -> dict[str, dict[str, Any]]:
    """Writes parts of a manifest beside it, notes them in `dataset.yaml`, and returns what it says of each by name.

    What stands there already with the same rows is left as it is.

    Args:
        folder: prepared.
        of: the manifest: train, valid, test, pretrain, or one of the folder's design.
        subsets: of it.

    Raises:
        FileNotFoundError: the folder is not prepared, or has no such manifest.
        ValueError: the manifest is not the one that the card tells of, there is no such column or value, no row is
            left, or a name is taken by other rows. Nothing is written then.
    """
    folder, names = Path(folder), [one.name for one in subsets]
    card = read_card(folder)
    if card is None:
        raise FileNotFoundError(f"folder must be a prepared one with {CARD_NAME}, got none in {folder}")
    known = tuple(dict.fromkeys((*OF, *(card["counts"].get("rows", ()) if "design" in card else ()))))
    if of not in known:
        raise ValueError(f"subset must be of {', '.join(known)}, got {of!r}")
    _check_names(names, of)
    with held(folder, [f"{name}.tsv" for name in names]), TemporaryDirectory() as scratch:
        card = read_card(folder)
        manifest = manifest_of_card(folder / f"{of}.tsv", card)
        for one in subsets:
            _make(Path(scratch) / f"{one.name}.tsv", manifest, _chosen(manifest, one))
        for name in names:
            _check_free(folder, card, Path(scratch) / f"{name}.tsv")
        for name in names:
            _put(Path(scratch) / f"{name}.tsv", folder / f"{name}.tsv")
        told = {one.name: _told(folder / f"{one.name}.tsv", of, one, card["classes"]) for one in subsets}
        known = dict(sorted((card.get(SUBSETS, {}) | told).items()))
        add_to_card(folder, {SUBSETS: known}, [f"{name}.tsv" for name in names])
    return told


def _check_names(names: Sequence[str], of: str) -> None:
    wrong = [name for name in names if not _NAME.fullmatch(name) or not name.startswith(f"{of}_")]
    if wrong or len(set(names)) != len(names):
        got = ", ".join(map(repr, wrong or names))
        raise ValueError(f"names of subsets must be different ones that begin with {of}_, got {got} (--name)")


def manifest_of_card(path: Path, card: Mapping[str, Any]) -> Manifest:
    """A manifest that is as the folder's card tells.

    Raises:
        ValueError, FileNotFoundError: it is not there or cannot be read, or the card tells other contents.
    """
    manifest = Manifest(path)
    if card["files"].get(path.name) != file_digest(path):
        raise ValueError(f"files must be as {CARD_NAME} tells, got other contents in {path}")
    return manifest


def _chosen(manifest: Manifest, subset: Subset) -> np.ndarray:
    """Places of the rows, ascending."""
    fits = np.ones(len(manifest), bool)
    for column, values in subset.where.items():
        cells, places = manifest.distinct(column)
        _check_values(values, cells, f"{manifest.path}, column {column}")
        fits &= np.isin(places, [cells.index(value) for value in values])
    if not subset.where or not fits.any():
        told = " and ".join(f"{column}={','.join(values)}" for column, values in subset.where.items()) or "no condition"
        raise ValueError(f"subset must keep some rows for a reason, got none with {told} ({manifest.path})")
    return np.flatnonzero(fits)


def _check_values(values: Sequence[str], cells: Sequence[str], where: str) -> None:
    strangers = [value for value in values if value not in cells]
    if strangers or not values or len(set(values)) != len(values):
        known = ", ".join(map(repr, sorted(cells)[:_MOST])) + (" …" if len(cells) > _MOST else "")
        got = ", ".join(map(repr, strangers or values)) or "none"
        raise ValueError(f"values must be different cells of the column ({known}), got {got} ({where})")


def _make(path: Path, manifest: Manifest, rows: np.ndarray) -> None:
    extra = [name for name in manifest.columns if name not in COLUMNS]
    write_manifest(path, (manifest[place] for place in rows.tolist()), extra)


def _check_free(folder: Path, card: Mapping[str, Any], wanted: Path) -> None:
    """Makes sure that a name is free, or taken by the very same rows."""
    path = folder / wanted.name
    there = [file_digest(path)] if path.exists() else []
    there += [card["files"][path.name]] if path.name in card["files"] else []
    if set(there) - {file_digest(wanted)}:
        raise ValueError(f"name must be free or stand for the same rows, got other rows in {path} (--name)")


def _put(made: Path, path: Path) -> None:
    """Copies a manifest into its place, unless it stands there."""
    for partial in path.parent.glob(f"{path.name}.*.partial"):  # what a killed run left
        partial.unlink()
    if not path.exists():
        with written_whole(path) as file:
            file.write(made.read_bytes())


def _told(path: Path, of: str, subset: Subset, classes: Sequence[str]) -> dict[str, Any]:
    manifest = Manifest(path)
    labels, _ = label_matrix(manifest, classes)
    return {
        "of": of,
        "where": {column: list(values) for column, values in subset.where.items()},
        "rows": len(manifest),
        "patients": len(set(manifest.column("patient"))),
        "classes without an example": [
            code for code, any_ in zip(classes, labels.any(axis=0), strict=True) if not any_
        ],
    }
