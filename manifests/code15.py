"""CODE-15 %: 345,779 recordings of 233,770 patients in primary care in Brazil, with six findings and mortality.

    python -m manifests.code15 --source code-15 --dest data/code15 --rate 500

The source is a folder with `exams.csv` and as many of `exams_part0.hdf5` to `exams_part17.hdf5` as there are, unpacked
(https://zenodo.org/records/4916206). Labels are the six findings. With `code15_chagas_labels.csv` beside them
(PhysioNet's challenge of 2025), `Chagas` is a seventh class, unknown where that table has no row; those labels are
what patients said of themselves. Splits are by patient, stratified by label; the source has none of its own.

Traps. The rows of `exams.csv` are not in the order of the files: recordings are found by the `exam_id` in the files.
Each file has one row more than recordings, all zeros and with `exam_id` 0. A recording without any of the six findings
is not normal: `normal_ecg` says whether it is, and about 173,000 are neither. `death` and `timey` stand with the first
exam of a patient only: an empty cell is unknown, not alive. Some recordings appear under two patients, byte for byte:
they stay in one split. Amplitudes beyond ±10 mV are common here; the bound of ±20 mV (`--bound-mv`) rejects some 2 %.

Columns beyond the standard: `age` in years, `sex`, `normal_ecg`, `death` and `timey` (years to death or to the end of
follow-up), `nn_predicted_age` (a network's guess), `source`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairseq_signals.data.faults import UNLISTED
from fairseq_signals.data.item import Item, Packed, Reject
from fairseq_signals.data.preparation import Arrangement, Source, prepare, row_of
from fairseq_signals.data.readers import hdf5, read_record
from manifests.parts.arranging import add_shares, pairs_of_splits, split_by_patient
from manifests.parts.cells import truth
from manifests.parts.code_cohort import CHAGAS, FINDINGS, assumptions, find_file, find_files, sex_of_male, stated
from manifests.parts.csv_table import cells_of
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of
from manifests.parts.silence import patient_of_cell

_NAME, _TABLE, _CHAGAS_TABLE = "CODE-15%", "exams.csv", "code15_chagas_labels.csv"
_EXPECTED = 345_779
_PARTS = range(18)
_PART = re.compile(r"exams_part(\d+)\.hdf5")
_PADDING = "0"  # `exam_id` of the row that is no recording
_CONTRADICTION = "normal_ecg is true, and yet there is a finding; both are kept"
_KEPT = ("normal_ecg", "death", "timey", "nn_predicted_age")
_COLUMNS = ("age", "sex", *_KEPT, "source")


@dataclass
class Exams:
    """`exams.csv`: item without a place, and part, by `exam_id`; what is odd; how many are neither ill nor normal."""

    items: dict[str, Item] = field(default_factory=dict)
    odd: dict[str, list[str]] = field(default_factory=dict)
    neither: int = 0


def read_exams(folder: Path, chagas: Mapping[str, bool | None] | None = None) -> Exams:
    """What `exams.csv` tells of each recording.

    Args:
        folder: with the table.
        chagas: as `read_chagas` gives them; None where there is no such table.

    Raises:
        ValueError, FileNotFoundError: the table is missing or not that of CODE-15 %; names file and row.
    """
    path, exams = find_file(folder, _TABLE), Exams()
    columns = ("exam_id", "patient_id", "trace_file", "age", "is_male", *_KEPT, *FINDINGS)
    shared: dict[str, str] = {}  # the same few texts again and again: each is kept once
    for number, (exam, patient, file, age, male, *cells) in cells_of(path, *columns):
        where = f"{path}, row {number}"
        if exam in exams.items or not exam or exam == _PADDING:
            raise ValueError(f"exam_id must be a number of its own, got {exam!r} ({where})")
        if not _PART.fullmatch(file):
            raise ValueError(f"trace_file must be one of exams_part0.hdf5 to exams_part17.hdf5, got {file!r} ({where})")
        kept, findings = cells[: len(_KEPT)], [truth(cell, where) for cell in cells[len(_KEPT) :]]
        labels = tuple(name for name, found in zip(FINDINGS, findings, strict=True) if found)
        unknown = tuple(name for name, found in zip(FINDINGS, findings, strict=True) if found is None)
        normal = truth(kept[0], where)
        truth(kept[1], where)
        if normal and labels:
            exams.odd[exam] = [_CONTRADICTION]
        exams.neither += not normal and not labels
        if chagas is not None:
            labels += (CHAGAS,) if chagas.get(exam) else ()
            unknown += (CHAGAS,) if chagas.get(exam) is None else ()
        extra = dict(zip(_COLUMNS, (age, sex_of_male(male, where), *kept, _NAME), strict=True))
        extra = {name: shared.setdefault(cell, cell) for name, cell in extra.items()}
        file, person = shared.setdefault(file, file), patient_of_cell(shared.setdefault(patient, patient))
        exams.items[exam] = Item(file, exam, person, labels, unknown, extra=extra)
    return exams


def read_chagas(path: Path) -> dict[str, bool | None]:
    """Whether a patient told of Chagas disease, by `exam_id`.

    Raises:
        ValueError, FileNotFoundError: the table is missing or not as it should be; names file and row.
    """
    table: dict[str, bool | None] = {}
    for number, (exam, cell) in cells_of(path, "exam_id", "chagas"):
        if exam in table:
            raise ValueError(f"exam_id must be listed once, got {exam} again ({path}, row {number})")
        table[exam] = truth(cell, f"{path}, row {number}")
    return table


def find_parts(folder: Path) -> dict[int, Path]:
    """The files that are there, by number.

    Raises:
        ValueError, FileNotFoundError: there is none, or one of them twice.
    """
    parts: dict[int, Path] = {}
    for path in find_files(folder, "exams_part*.hdf5"):
        named = _PART.fullmatch(path.name)
        if named and parts.setdefault(int(named[1]), path) != path:
            raise ValueError(f"source must have the file {path.name} once, got {parts[int(named[1])]} and {path}")
    if not parts:
        parts[0] = find_file(folder, "exams_part0.hdf5")  # which tells what is missing
    return dict(sorted(parts.items()))


def read_items(folder: Path, exams: Exams, parts: Mapping[int, Path]) -> tuple[list[Item], list[Reject]]:
    """One item per recording in the order of the files, and those that only one of file and table has.

    Args:
        folder: of the source.
        exams: as `read_exams` gives them; what is odd about a recording's place is noted there.
        parts: as `find_parts` gives them.

    Raises:
        ValueError: a file is damaged, has no `exam_id`, or a row of `exam_id` 0 that holds a signal.
    """
    items, left_out = [], []
    for path in parts.values():
        file = path.relative_to(folder).as_posix()
        for row, exam in _recordings(path):
            known = exams.items.get(exam)
            if known is None:
                message = f"exam_id must be listed in {_TABLE}, got {exam}"
                left_out.append(Reject(Item(file, exam, row=row), UNLISTED, message))
                continue
            if known.file != path.name:
                exams.odd.setdefault(exam, []).append(f"{_TABLE} says {known.file}; found by its exam_id")
            items.append(Item(file, exam, known.patient, known.labels, known.unknown, extra=known.extra, row=row))
    return items, left_out + _lost(exams, items, parts)


def _recordings(path: Path) -> Iterator[tuple[int, str]]:
    """Row and `exam_id` of each recording of a file."""
    ids = hdf5.ids(path)
    if ids is None:
        raise ValueError(f"a part must have the dataset exam_id, as tables are joined through it, got none ({path})")
    for row, exam in enumerate(ids):
        if exam != _PADDING:
            yield row, exam
        elif _holds_signal(path, row):
            raise ValueError(f"the row of exam_id 0 must be empty, got a signal in row {row} ({path})")


def _holds_signal(path: Path, row: int) -> bool:
    told = stated()
    return bool(read_record(path, told.rate, told.leads, told.unit, row).signal.any())


def _lost(exams: Exams, items: Iterable[Item], parts: Mapping[int, Path]) -> list[Reject]:
    found = {item.id for item in items}
    here = {path.name for path in parts.values()}
    message = "exam_id must be in the file that the table names, got none"
    return [
        Reject(item, "missing", message) for item in exams.items.values() if item.file in here and item.id not in found
    ]


def arrange(
    packed: list[Packed], classes: list[str], shares: dict[str, float], seconds: float, seed: int
) -> Arrangement:
    """Splits by patient and pairs of the patients with two recordings or more."""
    splits, how = split_by_patient([row_of(one) for one in packed], shares, seed)
    pairs, how_pairs, remarks = pairs_of_splits(splits, seconds, seed)
    return Arrangement(splits, pairs, classes, f"{how}; {how_pairs}", extra_columns=_COLUMNS, remarks=remarks)


def _remarks(exams: Exams, absent: Mapping[int, int], has_chagas: bool) -> list[str]:
    contradictory = sum(_CONTRADICTION in notes for notes in exams.odd.values())
    elsewhere = sum(notes != [_CONTRADICTION] for notes in exams.odd.values())
    neither = f"{exams.neither} of {len(exams.items)}"
    lines = [assumptions(), f"recordings with none of the six findings that are not normal either: {neither}"]
    if absent:
        parts = ", ".join(map(str, absent))
        lines.append(f"parts that are not there: {parts} ({sum(absent.values())} recordings of {_TABLE})")
    if contradictory:
        lines.append(f"recordings that are called normal and have a finding, both kept: {contradictory}")
    if elsewhere:
        lines.append(f"recordings in another file than {_TABLE} tells, found by their exam_id: {elsewhere}")
    return lines if has_chagas else [*lines, f"no {_CHAGAS_TABLE}: {CHAGAS} is no class"]


def _absent(exams: Exams, items: Iterable[Item], parts: Mapping[int, Path]) -> dict[int, int]:
    """Recordings that are not there with their parts, by number of the part."""
    found = {item.id for item in items}
    listed = Counter(item.file for exam, item in exams.items.items() if exam not in found)
    return {number: listed[f"exams_part{number}.hdf5"] for number in _PARTS if number not in parts}


def main(arguments: list[str] | None = None) -> dict:
    """Prepares CODE-15 % as the command line tells and returns the contents of `dataset.yaml`."""
    parser = option_parser(__doc__.splitlines()[0], f"folder with {_TABLE} and unpacked exams_part*.hdf5")
    add_shares(parser)
    options = parser.parse_args(arguments)
    folder = source_folder(options)
    tables = find_files(folder, _CHAGAS_TABLE)
    parts = find_parts(folder)
    exams = read_exams(folder, read_chagas(tables[0]) if tables else None)
    items, left_out = read_items(folder, exams, parts)
    absent = _absent(exams, items, parts)
    classes = [*FINDINGS, *([CHAGAS] if tables else [])]
    source = Source(
        _NAME,
        "1.0.0",
        folder,
        items,
        left_out,
        choices_of(options, "shares", "pair_seconds", "seed"),
        stated(),
        expected=_EXPECTED - sum(absent.values()),  # those of the parts that are there
        remarks=_remarks(exams, absent, bool(tables)),
        odd=exams.odd,
    )
    return prepare(
        source,
        options.dest,
        packing_of(options),
        lambda packed: arrange(packed, classes, options.shares, options.pair_seconds, options.seed),
        work_of(options),
    )


if __name__ == "__main__":
    run(main)
