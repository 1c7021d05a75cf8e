"""What is in a prepared data set, counted line by line: the numbers behind the summary page.

Conventions: recordings are counted once, in the splits (train, valid, test) as far as there are any; other manifests
(pre-training, galleries, probes) are counted by rows and patients only. A label is present, unknown or absent;
`-` in a manifest makes every class unknown for its row, and a class that the source never annotates is unknown in
every row.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.card import CARD_NAME, read_card
from fairseq_signals.data.destination import EXCLUDED, REJECTED, SPLITS, WARNINGS
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.row import parse_labels

UNKNOWN = "unknown"
_LEFT_OUT = (REJECTED, EXCLUDED)  # of a preparation, and of a combination
_WARNINGS = (WARNINGS, "notes.tsv")  # the second is its name in older data sets
_LOCAL = frozenset({"id", "file"})
_NUMBERED = re.compile(r"\S*\d\S*")  # a word that is told of one recording alone
_DETAILS = re.compile(r"\s*[(:,]")


@dataclass
class ManifestCounts:
    """One manifest: its number of rows, and how many of each patient."""

    rows: int = 0
    patients: Counter[str] = field(default_factory=Counter)


@dataclass
class DataCounts:
    """Everything that was counted.

    Attributes:
        folder: of the data set.
        card: its `dataset.yaml`.
        manifests: by name without ending; the splits first.
        classes: codes in the order of the card.
        present, unknown: recordings by split and class code; what is neither is absent.
        without_class: recordings by split in which no class is present although something is known.
        nothing_known: recordings by split in which every class is unknown.
        sources, sexes, rates, leads: recordings by source, by sex, by Hz and by set of leads.
        ages: recordings by age in whole years; None where no age is told or it is no number.
        seconds: recordings by length in seconds, to the tenth.
        rejected, warned: lines by reason.
    """

    folder: Path
    card: Mapping[str, Any]
    manifests: dict[str, ManifestCounts] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    present: dict[str, Counter[str]] = field(default_factory=dict)
    unknown: dict[str, Counter[str]] = field(default_factory=dict)
    without_class: Counter[str] = field(default_factory=Counter)
    nothing_known: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    sexes: Counter[str] = field(default_factory=Counter)
    rates: Counter[float] = field(default_factory=Counter)
    leads: Counter[str] = field(default_factory=Counter)
    ages: Counter[int | None] = field(default_factory=Counter)
    seconds: Counter[float] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    warned: Counter[str] = field(default_factory=Counter)

    @property
    def splits(self) -> list[str]:
        """Names of the manifests whose recordings are counted."""
        return [name for name in SPLITS if name in self.manifests] or list(self.manifests)[:1]

    @property
    def recordings(self) -> int:
        """Number of recordings."""
        return sum(self.manifests[name].rows for name in self.splits)

    def shared_patients(self) -> int:
        """Patients who are in more than one split; anything but 0 is a leak."""
        homes = Counter(patient for name in self.splits for patient in self.manifests[name].patients)
        return sum(number > 1 for number in homes.values())

    def differing_rows(self) -> list[str]:
        """Sentences on manifests whose number of rows is not what the card says."""
        told = self.card["counts"].get("rows", {})
        return [
            f"{name}.tsv has {self.manifests[name].rows:,} rows, dataset.yaml says {told[name]:,}"
            for name in self.manifests
            if name in told and told[name] != self.manifests[name].rows
        ]


def count_data(folder: str | PathLike) -> DataCounts:
    """Counts of a prepared data set, from its card, manifests and lists of rejects and warnings.

    Raises:
        FileNotFoundError: the folder has no `dataset.yaml` or no manifest.
        ValueError: the card or a manifest is not as it must be; names file and line.
    """
    folder = Path(folder)
    card = read_card(folder)
    if card is None:
        raise FileNotFoundError(f"data set must have a {CARD_NAME}, got none in {folder}")
    counts = DataCounts(folder, card, classes=tuple(card["classes"]))
    listed = [name for name in card["counts"].get("rows", {}) if (folder / f"{name}.tsv").is_file()]
    names = [*(name for name in SPLITS if (folder / f"{name}.tsv").is_file()), *listed]
    for name in dict.fromkeys(names):
        counts.manifests[name] = ManifestCounts()
    if not counts.manifests:
        raise FileNotFoundError(f"data set must have a manifest (train.tsv …), got none in {folder}")
    for name in counts.manifests:
        _count_manifest(counts, name, name in counts.splits)
    for name in _LEFT_OUT:
        counts.rejected += _count_reasons(folder / name)
    for name in _WARNINGS:
        counts.warned += _count_reasons(folder / name)
    return counts


def _count_manifest(counts: DataCounts, name: str, fully: bool) -> None:
    path = counts.folder / f"{name}.tsv"
    manifest, mine = Manifest(path), counts.manifests[name]
    mine.rows, mine.patients = len(manifest), _cells(manifest, "patient")
    if not fully:
        return
    counts.sources += _named(manifest, "source", str(counts.card["source"]))
    counts.sexes += _named(manifest, "sex", UNKNOWN)
    counts.leads += _cells(manifest, "leads")
    ages = _cells(manifest, "age") if "age" in manifest.columns else {"": len(manifest)}
    for cell, number in ages.items():
        counts.ages[_age(cell)] += number
    try:
        for (length, rate), number in _pairs(manifest, "length", "rate").items():
            counts.seconds[round(int(length) / float(rate), 1)] += number
            counts.rates[float(rate)] += number
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(f"length and rate must be numbers, got {error} ({path})") from error
    _count_labels(counts, name, _cells(manifest, "labels"))


def _cells(manifest: Manifest, column: str) -> Counter[str]:
    """Rows by cell; a million rows have few different ones, and each is made text once."""
    cells, places = manifest.distinct(column)
    return Counter(dict(zip(cells, np.bincount(places, minlength=len(cells)).tolist(), strict=True)))


def _pairs(manifest: Manifest, one: str, other: str) -> Counter[tuple[str, str]]:
    (ones, place), (others, place_) = manifest.distinct(one), manifest.distinct(other)
    both, numbers = np.unique(place.astype(np.int64) * len(others) + place_, return_counts=True)
    names = [(ones[pair // len(others)], others[pair % len(others)]) for pair in both.tolist()]
    return Counter(dict(zip(names, numbers.tolist(), strict=True)))


def _named(manifest: Manifest, column: str, without: str) -> Counter[str]:
    """Rows by cell, where an empty cell is unknown; all are `without` where there is no such column."""
    if column not in manifest.columns:
        return Counter({without: len(manifest)})
    named: Counter[str] = Counter()
    for cell, number in _cells(manifest, column).items():
        named[cell or UNKNOWN] += number
    return named


def _count_labels(counts: DataCounts, name: str, cells: Counter[str]) -> None:
    present, unknown = counts.present.setdefault(name, Counter()), counts.unknown.setdefault(name, Counter())
    nothing_known = 0
    for cell, number in cells.items():
        applying, unclear, unlabelled = parse_labels(cell)
        nothing_known += number * unlabelled
        counts.without_class[name] += number * (not applying and not unlabelled)
        for code in applying:
            present[code] += number
        for code in unclear:
            unknown[code] += number
    for code in counts.classes:
        unknown[code] = cells.total() if code in counts.card["unannotated"] else unknown[code] + nothing_known
    counts.nothing_known[name] = nothing_known


def _age(cell: str) -> int | None:
    try:
        return int(float(cell))
    except (ValueError, OverflowError):
        return None


def _count_reasons(path: Path) -> Counter[str]:
    """Lines by what their column `reason` says, or else by the kind that their wording tells."""
    if not path.is_file():
        return Counter()
    with open(path, encoding="utf-8", newline="\n") as file:
        columns, *lines = [line.rstrip("\r\n").split("\t") for line in file]
    told = "reason" in columns
    place = columns.index("reason" if told else next(name for name in columns if name not in _LOCAL))
    texts = (line[place] if place < len(line) else UNKNOWN for line in lines)
    return Counter(text if told else _kind(text) for text in texts)


def _kind(warning: str) -> str:
    """What a warning is about, without what it tells of one recording: numbers, leads, what was received."""
    text, received, _ = warning.partition(", got ")
    text = re.split(r"\s*[(:]", text)[0] if received else _DETAILS.split(text)[0]
    return _NUMBERED.sub("#", text).replace(" must agree", " disagree")
