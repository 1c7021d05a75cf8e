"""One list of classes for sources that annotate different ones, in which what nobody looked for is never negative.

A table says what a source's code is called in common: columns `source` (empty: every source), `code`, `class`, lines
beginning with `#` are remarks. Several codes may mean one class, and one code several classes. A class written
`?CLASS` is one that the code makes doubtful: a recording with the code may have the class or not, so it is unknown.

A class of a row is positive where any of its codes applies; else unknown where any of them is unknown or the class is
doubtful; else negative, but only if the source annotates at least one of its codes.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fairseq_signals.data.combination.prepared import Prepared, normalised

_COLUMNS = ("source", "code", "class")
_DOUBT = "?"


@dataclass(frozen=True)
class Meaning:
    """One line of a table: in `source` (any where empty), `code` means `name`, or makes it doubtful."""

    source: str
    code: str
    name: str
    doubtful: bool = False


@dataclass(frozen=True)
class Meanings:
    """What codes mean, and which classes are wanted.

    Attributes:
        translate: what codes are called in common; a code without a line keeps its name.
        closed: a further table, applied after `translate`; codes without a line are left out.
        only: classes to keep, in this order; None keeps all: those of `closed`, or of the parts, in the order in which
            they come.
    """

    translate: tuple[Meaning, ...] = ()
    closed: tuple[Meaning, ...] | None = None
    only: tuple[str, ...] | None = None


def read_meanings(path: Path) -> list[Meaning]:
    """The lines of a table.

    Raises:
        ValueError, FileNotFoundError: the table is missing, or a line of it is not what it must be.
    """
    if not path.is_file():
        raise FileNotFoundError(f"table of classes must be a file, got none at {path}")
    with open(path, encoding="utf-8-sig", newline="") as file:
        lines = [(number, line) for number, line in enumerate(file, start=1) if line.strip() and line[0] != "#"]
    rows = csv.DictReader(line for _, line in lines)
    if tuple(rows.fieldnames or ()) != _COLUMNS:
        got = ", ".join(rows.fieldnames or ()) or "nothing"
        raise ValueError(f"table of classes must have the columns {', '.join(_COLUMNS)}, got {got} ({path})")
    return [_meaning(row, f"{path}, line {number}") for row, (number, _) in zip(rows, lines[1:], strict=True)]


def _meaning(row: dict, where: str) -> Meaning:
    if None in row or None in row.values():
        raise ValueError(f"line must have the cells {', '.join(_COLUMNS)}, got more or fewer ({where})")
    source, code, name = (row[column].strip() for column in _COLUMNS)
    bare = name.removeprefix(_DOUBT).strip()
    if not code or not bare or any(sign in text for text in (code, bare) for sign in ",?") or bare == "-":
        raise ValueError(f"code and class must be given, without commas, got {code!r} and {name!r} ({where})")
    return Meaning(normalised(source), code, bare, name.startswith(_DOUBT))


@dataclass(frozen=True)
class Annotated:
    """What one part knows of the classes.

    Attributes:
        certain: by class, the part's codes that mean it; every class here is annotated.
        doubtful: by class, the codes that make it doubtful.
        missing: classes that the part does not annotate but others do.
        outside: codes of the part that mean none of the classes.
    """

    certain: dict[str, frozenset[str]]
    doubtful: dict[str, frozenset[str]]
    missing: tuple[str, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class LabelSpace:
    """The classes of a combination.

    Attributes:
        classes: in fixed order.
        unannotated: those that no part annotates.
        parts: what each part knows of them.
    """

    classes: list[str]
    unannotated: list[str]
    parts: list[Annotated]

    @lru_cache(maxsize=65536)  # noqa: B019 - one label space lives as long as the combination
    def translated(
        self, part: int, labels: tuple[str, ...], unknown: tuple[str, ...], unlabelled: bool
    ) -> dict[str, Any]:
        """What a row of a part says of the classes: `labels`, `unknown` and `unlabelled` of the new row."""
        known = self.parts[part]
        positive, open_ = set(), set(known.missing)
        for name, codes in known.certain.items():
            doubtful = known.doubtful.get(name, frozenset())
            if codes & set(labels):
                positive.add(name)
            elif unlabelled or doubtful & set(labels) or (codes | doubtful) & set(unknown):
                open_.add(name)
        if not positive and open_ == set(known.certain) | set(known.missing):
            return {"labels": (), "unknown": (), "unlabelled": True}
        first, second = (tuple(name for name in self.classes if name in some) for some in (positive, open_))
        return {"labels": first, "unknown": second, "unlabelled": False}


def label_space(parts: Sequence[Prepared], meanings: Meanings) -> LabelSpace:
    """The classes of a combination, and what each part knows of them.

    Args:
        parts: with their cards.
        meanings: of their codes.

    Raises:
        ValueError: no part annotates any of the classes.
    """
    targets = [_targets(part, meanings) for part in parts]
    if meanings.only is not None:
        classes = list(dict.fromkeys(meanings.only))
    elif meanings.closed is not None:
        classes = list(dict.fromkeys(meaning.name for meaning in meanings.closed if not meaning.doubtful))
    else:
        every = (pair for codes in targets for pairs in codes.values() for pair in pairs)
        classes = list(dict.fromkeys(name for name, doubt in every if not doubt))
    known = [_annotated(part, codes, set(classes)) for part, codes in zip(parts, targets, strict=True)]
    annotated = {name for certain, _, _ in known for name in certain}
    if classes and not annotated:
        codes = ", ".join([code for part in parts for code in part.card["classes"]][:5]) or "none"
        raise ValueError(
            f"classes must be annotated by some source, got none that is: the sources have {codes} … and the list has "
            f"{', '.join(classes[:5])} … (--translate says what a source's codes are called in common)"
        )
    of_parts = []
    for certain, doubtful, outside in known:
        missing = tuple(name for name in classes if name in annotated and name not in certain)
        of_parts.append(Annotated(certain, doubtful, missing, outside))
    return LabelSpace(classes, [name for name in classes if name not in annotated], of_parts)


def _targets(part: Prepared, meanings: Meanings) -> dict[str, list[tuple[str, bool]]]:
    """By code of the part, the classes it means, each with whether it makes them doubtful only."""
    names, closed = {"", normalised(part.card["source"]), normalised(part.part.name)}, meanings.closed
    first, second = _by_code(meanings.translate, names), _by_code(closed or (), names)
    targets = {}
    for code in part.card["classes"]:
        pairs = first.get(code, [(code, False)])
        if closed is not None:
            pairs = [(name, doubt or also) for middle, doubt in pairs for name, also in second.get(middle, ())]
        targets[code] = pairs
    return targets


def _by_code(meanings: Iterable[Meaning], names: set[str]) -> dict[str, list[tuple[str, bool]]]:
    found = defaultdict(list)
    for meaning in meanings:
        if meaning.source in names:
            found[meaning.code].append((meaning.name, meaning.doubtful))
    return found


def _annotated(part: Prepared, targets: dict[str, list[tuple[str, bool]]], classes: set[str]):
    """Codes by class that are certain, that are doubtful, and codes that mean none of the classes."""
    certain, doubtful = defaultdict(set), defaultdict(set)
    for code, pairs in targets.items():
        for name, doubt in pairs:
            if name in classes and code not in part.card["unannotated"]:
                (doubtful if doubt else certain)[name].add(code)
    outside = tuple(code for code, pairs in targets.items() if not any(name in classes for name, _ in pairs))
    frozen = ({name: frozenset(codes) for name, codes in kind.items()} for kind in (certain, doubtful))
    return *frozen, outside
