"""Manifests: which recordings a data set has, one row each, as tab-separated text with a header line.

Conventions: UTF-8, no quoting, the columns of `fairseq_signals.data.row.COLUMNS` and any number of others; what
the cells mean stands there. Classes that the source does not annotate at all stand in `dataset.yaml` beside the
manifest and are unknown for every row.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.card import read_card
from fairseq_signals.data.label_cells import LabelCells
from fairseq_signals.data.number_rules import class_names, is_rule, parse_rule
from fairseq_signals.data.row import COLUMNS, CellError, Row, clean, format_row, parse_labels, parse_row
from fairseq_signals.data.row_columns import RowColumns
from fairseq_signals.data.rule_labels import rule_matrix
from fairseq_signals.data.tab_separated import TabSeparated


class Manifest:
    """The rows of a manifest, parsed when asked for; a million rows take the room of the file and 8 bytes each.

    Attributes:
        path, folder: the file and the folder its paths are relative to.
        columns: names in the header, in order.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.folder = self.path.parent
        self._text = TabSeparated(self.path)
        self.columns = self._header()
        self._place = {name: place for place, name in enumerate(self.columns)}
        if self._text.uneven:
            line, fields = self._text.uneven
            raise ValueError(
                f"row must have {len(self.columns)} fields separated by tabs, got {fields} ({self.path}, line {line})"
            )

    def _header(self) -> tuple[str, ...]:
        names = tuple(self._text.fields(0)) if len(self._text) else ()
        for name in COLUMNS:
            if name not in names:
                got = ", ".join(map(repr, names)) or "an empty file"
                raise ValueError(f"column {name} must be in the header, got {got} ({self.path}, line 1)")
        if len(set(names)) != len(names):
            raise ValueError(f"columns must differ in name, got {', '.join(names)} ({self.path}, line 1)")
        return names

    def __len__(self) -> int:
        return len(self._text) - 1

    def __getitem__(self, index: int) -> Row:
        """Row by its place, 0 being the first after the header.

        Raises:
            IndexError: there is no such row.
            ValueError: a cell is not what its column holds.
        """
        index = int(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"row must be 0 to {len(self) - 1}, got {index} ({self.path})")
        line = index % len(self) + 1
        cells = dict(zip(self.columns, self._text.fields(line), strict=True))
        try:
            row = parse_row(cells, line + 1)
            self._check_codes(row.labels, row.unknown)
            return row
        except CellError as error:
            raise ValueError(f"{error} ({self.path}, line {line + 1}, column {error.column})") from None

    def _check_codes(self, labels: tuple[str, ...], unknown: tuple[str, ...]) -> None:
        if self.classes is None:
            return
        for code in labels + unknown:
            if code not in self._class_set:
                raise CellError("labels", f"label must be in the class list of dataset.yaml, got {code!r}")
        for code in labels:
            if code in self.unannotated:
                raise CellError("labels", f"label must be a class that the source annotates, got {code!r}")

    def column(self, name: str) -> list[str]:
        """All cells of a column, as text, in the order of the rows."""
        return self._text.column(self._column(name))

    def distinct(self, name: str) -> tuple[list[str], np.ndarray]:
        """The different cells of a column in the order in which they come, and int32 `[N]`: which each row has."""
        return self._text.distinct(self._column(name))

    def _column(self, name: str) -> int:
        if name not in self._place:
            known = ", ".join(self.columns)
            raise ValueError(f"column must be one of {known}, got {name!r} ({self.path}, line 1)")
        return self._place[name]

    def parsed(self) -> RowColumns:
        """All rows as arrays; those that `[index]` would refuse are marked as bad."""
        classes = None if self.classes is None else self._class_set
        return RowColumns(self._text, self.columns, classes, self.unannotated)

    @cached_property
    def _lists(self) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
        card = read_card(self.folder)  # of which the digests of all files need not travel to workers
        return (tuple(card["classes"]), tuple(card["unannotated"])) if card else (None, ())

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Class codes of `dataset.yaml`, in their fixed order, or None where there is no such file."""
        return self._lists[0]

    @cached_property
    def _class_set(self) -> frozenset[str]:
        return frozenset(self.classes or ())

    @property
    def unannotated(self) -> tuple[str, ...]:
        """Classes that the source does not annotate: unknown for every row."""
        return self._lists[1]

    def check(self) -> None:
        """Looks at all rows.

        Raises:
            ValueError: at the first row that cannot be parsed, or whose id came before.
        """
        bad = self.parsed().bad
        good = int(bad.argmax()) if bad.any() else len(self)  # rows before the first bad one
        ids = self.column("id") if good == len(self) else [row.id for row in map(self.__getitem__, range(good))]
        if len(set(ids)) != len(ids):
            self._refuse_twice(ids)
        if good < len(self):
            self.refuse(good)

    def refuse(self, index: int) -> None:
        """Raises what is wrong with the cells of a row that is marked as bad."""
        self[index]
        raise AssertionError(f"row must be refused when it is marked as bad ({self.path}, line {index + 2})")

    def _refuse_twice(self, ids: Sequence[str]) -> None:
        seen: dict[str, int] = {}
        for line, name in enumerate(ids, 2):
            first = seen.setdefault(name, line)
            if first != line:
                raise ValueError(
                    f"id must be unique, got {name!r} a second time, first in line {first} "
                    f"({self.path}, line {line}, column id)"
                )


def manifest_path(folder: str | Path, subset: str) -> Path:
    """The manifest of a subset in a folder of prepared data.

    Raises:
        FileNotFoundError: there is none; names those there are.
    """
    path = Path(folder) / f"{subset}.tsv"
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in path.parent.glob("*.tsv"))) or "none"
        raise FileNotFoundError(f"subset must be a manifest in {path.parent} ({known}), got {subset!r}")
    return path


def label_matrix(manifest: Manifest, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Which classes apply to each row, and of which that is known.

    Args:
        manifest: `N` rows.
        classes: `C` class codes, or rules that make a class of a column's numbers (`lvsd: ef < 40`, see
            `number_rules`), in the order of the columns wanted.

    Returns:
        labels bool `[N, C]`, and known bool `[N, C]`; labels are False where nothing is known.

    Raises:
        ValueError: a class is not in the data set's list, or, where there is no list, a label not among `classes`; a
            rule is not written as one, or its column is not in the manifest; two classes have one name.
    """
    class_names(classes)  # of which no two may be one
    ruled = np.array([is_rule(text) for text in classes], bool)
    labels, known = (np.zeros((len(manifest), len(classes)), bool) for _ in range(2))
    codes = [text for text, rule in zip(classes, ruled, strict=True) if not rule]
    rules = [parse_rule(text) for text, rule in zip(classes, ruled, strict=True) if rule]
    if codes:
        labels[:, ~ruled], known[:, ~ruled] = _code_matrix(manifest, codes)
    if rules:
        labels[:, ruled], known[:, ruled] = rule_matrix(manifest, rules)
    return labels, known


def _code_matrix(manifest: Manifest, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    place = {code: column for column, code in enumerate(classes)}
    strangers = [code for code in classes if manifest.classes is not None and code not in manifest.classes]
    if strangers:
        is_comparison = any(mark in code for code in strangers for mark in ("<", ">", "=", " between "))
        hint = "; a class out of a number is a rule, with a colon: 'lvsd: ef < 40'" if is_comparison else ""
        raise ValueError(
            f"classes must be different ones of the data set, got {', '.join(strangers)}{hint} ({manifest.folder})"
        )
    cells, places = manifest.distinct("labels")
    parsed = LabelCells(cells)
    listed = classes if manifest.classes is None else manifest.classes
    bad = (parsed.bad | parsed.refused(frozenset(listed), manifest.unannotated))[places]
    if bad.any():
        _refuse_labels(manifest, int(bad.argmax()), cells[places[bad.argmax()]], classes)
    labels, known = parsed.matrices(classes)
    known[:, [place[code] for code in manifest.unannotated if code in place]] = False
    return labels[places], known[places]


def _refuse_labels(manifest: Manifest, index: int, cell: str, classes: Sequence[str]) -> None:
    try:
        applying, unknown, _ = parse_labels(cell)
        manifest._check_codes(applying, unknown)
        raise CellError("labels", f"label must be one of {', '.join(classes)}, got {cell!r}")
    except CellError as error:
        raise ValueError(f"{error} ({manifest.path}, line {index + 2}, column labels)") from None


def write_manifest(path: str | Path, rows: Iterable[Row], extra_columns: Sequence[str] = ()) -> int:
    """Writes a manifest, whole or not at all, and returns its number of rows.

    Line breaks and tabs inside the extra columns become blanks; in any other column they are refused.

    Args:
        path: the file.
        rows: recordings; what `extra` lacks of the extra columns stays empty.
        extra_columns: names of further columns, in order.

    Raises:
        ValueError: a row could not be read back as it is, an id comes twice, or a name of a column is taken.
    """
    path, seen = Path(path), set()
    for name in extra_columns:
        if name in COLUMNS or clean(name) != name or not name or list(extra_columns).count(name) > 1:
            raise ValueError(f"extra column must have a new name without tabs, got {name!r} ({path})")
    with written_whole(path, "w") as file:
        file.write("\t".join((*COLUMNS, *extra_columns)) + "\n")
        for row in rows:
            if row.id in seen:
                raise ValueError(f"id must be unique, got {row.id!r} a second time ({path})")
            seen.add(row.id)
            try:
                file.write("\t".join(format_row(row, extra_columns)) + "\n")
            except CellError as error:
                raise ValueError(f"{error} ({path}, recording {row.id!r}, column {error.column})") from None
    return len(seen)
