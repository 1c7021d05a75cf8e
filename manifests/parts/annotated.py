"""Which diagnoses each sub-source of the PhysioNet/CinC Challenge 2021 looks for, so that silence is no "no".

Ningbo's 34,905 recordings carry no code of atrial fibrillation, and CPSC's none of sinus tachycardia: nobody coded
them. A class of which the official tables count no recording in a sub-source is not annotated there; counts stand in
`cinc2021_counts.tsv`.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from fairseq_signals.data.row import Row

_COUNTS = Path(__file__).with_name("cinc2021_counts.tsv")


@cache
def official_counts() -> dict[str, dict[str, int]]:
    """Recordings by SNOMED CT code and sub-source, as the challenge publishes them."""
    lines = [line for line in _COUNTS.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    _, _, *parts = lines[0].split("\t")
    rows = [line.split("\t") for line in lines[1:]]
    return {row[0]: dict(zip(parts, map(int, row[2:]), strict=True)) for row in rows}


def annotates(part: str, name: str) -> bool | None:
    """Whether a sub-source looks for a class; None where the official tables do not tell.

    Args:
        part: one of the eight sub-sources.
        name: SNOMED CT code, or several joined by "|", of which one is enough.
    """
    told = [official_counts().get(code, {}).get(part) for code in name.split("|")]
    known = [number for number in told if number is not None]
    return any(known) if known else None


def mask_unannotated(
    rows: Sequence[Row], classes: Sequence[str], by_occurrence: bool = False
) -> tuple[list[Row], list[str]]:
    """The rows with the classes unknown that their sub-source does not annotate, and the classes that none does.

    A code that the official tables do not list counts as annotated wherever it occurs. A class that a row carries is
    never unknown for it.

    Args:
        rows: labelled in terms of `classes`, with the sub-source in the column `source`.
        classes: the class list.
        by_occurrence: take a class for annotated wherever any row of the sub-source carries it, whatever the tables
            say; for labels that are not the challenge's.
    """
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        seen[row.extra["source"]].update(row.labels)
    silent = {
        part: [name for name in classes if not (by_occurrence and found[name]) and not _looked_for(part, name, found)]
        for part, found in seen.items()
    }
    masked = [replace(row, unknown=_unknown(row, silent[row.extra["source"]])) for row in rows]
    told = [row for row in masked if not row.unlabelled]
    everywhere = [name for name in classes if told and all(name in row.unknown for row in told)]
    gone = set(everywhere)
    rows = [replace(row, unknown=tuple(name for name in row.unknown if name not in gone)) for row in masked]
    return rows, everywhere


def _looked_for(part: str, name: str, seen: Counter[str]) -> bool:
    told = annotates(part, name)
    return seen[name] > 0 if told is None else told


def _unknown(row: Row, silent: Sequence[str]) -> tuple[str, ...]:
    if row.unlabelled:
        return ()
    return (*row.unknown, *(name for name in silent if name not in row.labels and name not in row.unknown))
