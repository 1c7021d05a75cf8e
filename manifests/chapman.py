"""Chapman-Shaoxing: 10,646 recordings of as many patients, in either of its two forms, which are told apart by content.

    python -m manifests.chapman --source ChapmanECG --dest data/chapman
    python -m manifests.chapman --source ecg-arrhythmia-1.0.0 --dest data/chapman_ningbo --classes rhythm

- figshare (Zheng et al. 2020, https://doi.org/10.1038/s41597-020-0386-x): `Diagnostics.xlsx` and a CSV of 5,000 samples
  per recording, in microvolts at 500 Hz, neither of which stands in the file: `ECGData/`, or filtered by the authors
  `ECGDataDenoised/` (`--signals denoised`).
- PhysioNet (ecg-arrhythmia 1.0.0): WFDB records `WFDBRecords/NN/NNN/JS#####`, JS00001 to JS10646 being the same
  recordings, the other 34,506 of Ningbo First Hospital. Never train on one form and test on the other.

Labels are SNOMED CT codes, of the figshare form by the authors' own table (`manifests/details/chapman_codes.tsv`): one
of eleven rhythms and any number of further findings. In it **AF is atrial flutter** and AFIB fibrillation. `--classes`
takes `all`, `rhythm`, `beat` (all but the rhythms), `cinc2021` or codes. With `cinc2021`, classes that Chapman or
Ningbo do not annotate are unknown there (`manifests/parts/annotated.py`).

Splits are by recording, which is by patient here, stratified by label; nobody has two recordings for pairs.

Columns beyond the standard: `age` (years), `sex`, `source` (chapman_shaoxing or ningbo); of figshare's form also
`rhythm`, `beat` (its acronyms) and its eleven measurements under their names.
"""

import argparse
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fairseq_signals.data.faults import UNLISTED
from fairseq_signals.data.item import Item, Packed, Reject, Stated
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.preparation import Arrangement, Source, prepare
from manifests.parts.annotated import mask_unannotated
from manifests.parts.arranging import add_shares, split_by_patient
from manifests.parts.cells import sex_of
from manifests.parts.cinc2021_parts import part_of_name
from manifests.parts.class_list import absent_line, add_classes, in_classes, outside_line
from manifests.parts.header_row import row_of_header
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of
from manifests.parts.strays import headerless, unlisted, without_header
from manifests.parts.walk import files_below
from manifests.parts.workbook import workbook_cells

_CODES = Path(__file__).parent / "details" / "chapman_codes.tsv"
_DIAGNOSTICS, _RECORDS = "Diagnostics.xlsx", "WFDBRecords"
_SIGNALS = {"raw": "ECGData", "denoised": "ECGDataDenoised"}
_MEASUREMENTS = (
    "VentricularRate",
    "AtrialRate",
    "QRSDuration",
    "QTInterval",
    "QTCorrected",
    "RAxis",
    "TAxis",
    "QRSCount",
    "QOnset",
    "QOffset",
    "TOffset",
)
_NONE = "NONE"  # in the column Beat: nothing beside the rhythm


class Code(NamedTuple):
    """What an acronym stands for: a SNOMED CT code, and whether it is a rhythm."""

    code: str
    is_rhythm: bool


@cache
def codes() -> dict[str, Code]:
    """SNOMED CT codes by the authors' acronyms."""
    lines = [line for line in _CODES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    rows = [line.split("\t") for line in lines[1:]]
    return {acronym: Code(code, kind == "rhythm") for acronym, code, kind, _ in rows}


def rhythms() -> list[str]:
    """The codes of the eleven rhythms."""
    return [code.code for code in codes().values() if code.is_rhythm]


def figshare_items(folder: Path, signals: str = "raw", kind: str = "all") -> tuple[list[Item], list[Reject]]:
    """One item per row of `Diagnostics.xlsx`, and the signal files that it does not list.

    Args:
        folder: with `Diagnostics.xlsx`, and `ECGData` or `ECGDataDenoised`.
        signals: raw or denoised.
        kind: of the labels: rhythm, beat, or anything else for both. Two kinds share a code (WAVN and SAAWR).

    Raises:
        ValueError, FileNotFoundError: the table or the signals are missing or not those of the source; names the row.
    """
    where, table = _SIGNALS[signals], folder / _DIAGNOSTICS
    if not (folder / where).is_dir():
        raise FileNotFoundError(f"source must have the folder {where}, got none in {folder} (--signals)")
    names = ("FileName", "Rhythm", "Beat", "PatientAge", "Gender", *_MEASUREMENTS)
    items = []
    for number, cells in workbook_cells(table, *names):
        items.append(_item(dict(zip(names, cells, strict=True)), where, kind, f"{table}, row {number}"))
    return items, unlisted(folder, f"{where}/*.csv", items, _DIAGNOSTICS)


def _item(row: dict[str, str], folder: str, kind: str, where: str) -> Item:
    name = row["FileName"].removesuffix(".csv")
    found = codes().get(row["Rhythm"])
    if not name or found is None or not found.is_rhythm:
        known = ", ".join(acronym for acronym, code in codes().items() if code.is_rhythm)
        got = f"{name!r} and {row['Rhythm']!r} ({where})"
        raise ValueError(f"row must have a file and one of the rhythms {known}, got {got}")
    beats = [beat for beat in row["Beat"].split() if beat != _NONE]
    labels = [found.code] if kind != "beat" else []
    labels += [codes()[beat].code if beat in codes() else beat for beat in beats] if kind != "rhythm" else []
    told = {"age": row["PatientAge"], "sex": sex_of(row["Gender"], where), "source": "chapman_shaoxing"}
    told |= {"rhythm": row["Rhythm"], "beat": " ".join(beats)} | {name: row[name] for name in _MEASUREMENTS}
    return Item(f"{folder}/{name}.csv", id=name, patient=name, labels=tuple(dict.fromkeys(labels)), extra=told)


def physionet_items(folder: Path) -> tuple[list[Item], list[Reject]]:
    """The records below `WFDBRecords`, sorted by path, and what is none of them or lacks its header."""
    files = [f"{_RECORDS}/{file}" for file in files_below(folder / _RECORDS, (".hea",))]
    items, left_out = [], []
    for file in files:
        name = PurePosixPath(file).stem
        part = part_of_name(name)
        item = Item(file, id=name, patient=name, extra={"source": part or ""})
        if part in ("chapman_shaoxing", "ningbo"):
            items.append(item)
        else:
            left_out.append(Reject(item, UNLISTED, f"record must be named JS and a number, got {name}"))
    lonely = [f"{_RECORDS}/{file}" for file in without_header(folder / _RECORDS)]
    return items, left_out + [headerless(Item(file, id=PurePosixPath(file).stem)) for file in lonely]


def arrange(packed: list[Packed], options: argparse.Namespace, columns: Sequence[str]) -> Arrangement:
    """Rows in terms of the classes, and stratified splits; a patient has one recording, so there are no pairs."""
    rows, classes, outside = in_classes(
        [row_of_header(one) for one in packed], _choice(packed, options.classes), options.min_count
    )
    rows, unannotated = mask_unannotated(rows, classes, by_occurrence=True)
    splits, how = split_by_patient(rows, options.shares, options.seed)
    how = f"{how}; no gallery and probe: one recording per patient"
    return Arrangement(
        splits, {}, classes, how, unannotated, columns, [*outside_line(outside), *absent_line(rows, classes)]
    )


def _choice(packed: Sequence[Packed], classes: str) -> str:
    if classes == "rhythm":
        return ",".join(rhythms())
    if classes == "beat":
        of_tables = {code for one in packed for code in one.item.labels or ()}
        of_headers = {code for one in packed if one.item.labels is None for code in one.labels}
        return ",".join(sorted(of_tables | (of_headers - set(rhythms()))))
    return classes


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = option_parser(__doc__.splitlines()[0], f"folder with {_DIAGNOSTICS} and ECGData, or with {_RECORDS}")
    add = parser.add_argument
    add("--signals", choices=sorted(_SIGNALS), default="raw", help="of figshare's form: as recorded, or filtered by its authors")  # fmt: skip  # noqa: E501
    add_classes(parser, choices="all, rhythm, beat, cinc2021 (its 26), or codes separated by commas")
    add_shares(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> dict:
    """Prepares either form as the command line tells and returns the contents of `dataset.yaml`."""
    options = _options(arguments)
    folder = source_folder(options)
    forms = [name for name in (_DIAGNOSTICS, _RECORDS) if (folder / name).exists()]
    if len(forms) != 1:
        got = " and ".join(forms) or "neither"
        raise FileNotFoundError(f"source must have {_DIAGNOSTICS} or {_RECORDS}, got {got} in {folder} (--source)")
    choices = choices_of(options, "signals", "classes", "min_count", "shares", "pair_seconds", "seed")
    columns = ("age", "sex", "source")
    if forms == [_DIAGNOSTICS]:
        columns = (*columns, "rhythm", "beat", *_MEASUREMENTS)
        stated = Stated(rate=500.0, leads=STANDARD_LEADS, unit="uV")
        items, left_out = figshare_items(folder, options.signals, options.classes)
        source = Source("Chapman-Shaoxing (figshare)", "2", folder, items, left_out, choices, stated, 10646)
    else:
        items, left_out = physionet_items(folder)
        source = Source("Chapman-Shaoxing and Ningbo", "1.0.0", folder, items, left_out, choices, expected=45152)
    if not items:
        raise FileNotFoundError(f"source must hold recordings, got none below {folder} (--source)")
    return prepare(
        source, options.dest, packing_of(options), lambda packed: arrange(packed, options, columns), work_of(options)
    )


if __name__ == "__main__":
    run(main)
