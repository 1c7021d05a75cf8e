"""EchoNext: 100,000 ECGs of 36,286 people with what an echocardiogram found of structural heart disease.

    python -m manifests.echonext --source echonext-1.1.0 --dest data/echonext

The source is the folder of https://physionet.org/content/echonext/1.1.0/ with `EchoNext_train_waveforms.npy` (`_val_`,
`_test_`) and the table of metadata. Its data and ids must not be shared: what is prepared from them is under the same
agreement. Splits are the source's own. Classes are its eleven findings and the composite
`shd_moderate_or_greater_flag`, under the names of their columns.

Traps. Signals are z-scores over the whole data set with constants that were not published, after a median filter and
clipping: they are no millivolts, are kept as they are, and amplitudes must not be compared with other sources'. The
leads' order is not stated; that it is the standard one follows from Einthoven's and Goldberger's sums, which are
tested, as are the scale and the number of samples (`manifests/details/echonext_arrays.py`). A finding that was not
measured is written as 0: it is unknown here wherever the measurement behind it is missing (a wall is thin only if both
were measured). The composite is published as if everything unmeasured were absent, and so it is here by default; with
`--composite measured` its 0 counts only where all eleven were measured. `presumed none` in the graded columns is the
report's inference, and counts as measured. The 17,457 recordings of `no_split` are of people who are in valid and test
too: they are left out. Row n of an array is row n of its split in the table: the counts must agree. The
`tabular_features` arrays are not used (their documented order of columns is wrong).

Columns beyond the standard: `age` (capped at 90), `sex`, `ef` (the ejection fraction in %, which is `lvef_value` under
the name that other sources use; empty where the cell is none, such as 0: then it was not measured), the measurements
(`lvef_value`, `ivs_measurement` …) and grades as published, the table's further facts on ECG and person, `source`.

Source: Poterucha et al. 2025, "Detecting structural heart disease from electrocardiograms using AI",
https://doi.org/10.1038/s41586-025-09227-0.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from fairseq_signals.data.ejection_fraction import HIGHEST, LOWEST
from fairseq_signals.data.faults import UNLISTED
from fairseq_signals.data.item import Item, Packed, Reject, Stated
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.number_rules import number_of
from fairseq_signals.data.preparation import Arrangement, Source, prepare, row_of
from fairseq_signals.data.readers import arrays
from manifests.details.echonext_arrays import check_shape, odd_numbers
from manifests.parts.arranging import by_split, pairs_of_splits
from manifests.parts.cells import sex_of, truth
from manifests.parts.csv_table import cells_of, columns_of
from manifests.parts.options import choices_of, option_parser, packing_of, run, source_folder, work_of
from manifests.parts.silence import NOTHING, patient_of_cell

MEASURED_BY = {
    "lvef_lte_45_flag": ("lvef_value",),
    "lvwt_gte_13_flag": ("ivs_measurement", "lvpw_measurement"),
    "aortic_stenosis_moderate_or_greater_flag": ("aortic_stenosis_value",),
    "aortic_regurgitation_moderate_or_greater_flag": ("aortic_regurgitation_value",),
    "mitral_regurgitation_moderate_or_greater_flag": ("mitral_regurgitation_value",),
    "tricuspid_regurgitation_moderate_or_greater_flag": ("tricuspid_regurgitation_value",),
    "pulmonary_regurgitation_moderate_or_greater_flag": ("pulmonary_regurgitation_value",),
    "rv_systolic_dysfunction_moderate_or_greater_flag": ("rv_systolic_function_value",),
    "pericardial_effusion_moderate_large_flag": ("pericardial_effusion_value",),
    "pasp_gte_45_flag": ("pasp_value",),
    "tr_max_gte_32_flag": ("tr_max_velocity_value",),
}
"""The eleven findings, and what must have been measured for one of them to be known to be absent."""
COMPOSITE = "shd_moderate_or_greater_flag"
CLASSES = (*MEASURED_BY, COMPOSITE)

_NAME, _TABLE = "EchoNext", "echonext_metadata_100k.csv"  # in lower case in some versions, elsewhere not
_EXPECTED = 100_000
_SPLITS = {"train": "train", "val": "valid", "test": "test", "no_split": None}
_NEEDED = ("ecg_key", "patient_key", "split", "age_at_ecg", "sex")
_MEASURES = tuple(dict.fromkeys(name for names in MEASURED_BY.values() for name in names))
_FURTHER = ("race_ethnicity", "location_setting", "acquisition_year", "most_recent_ecg")
_FURTHER += ("ventricular_rate", "atrial_rate", "pr_interval", "qrs_duration", "qt_corrected")
_COLUMNS = ("age", "sex", "ef", *_MEASURES, *_FURTHER, "source")
_NUMBERS = ("lvef_value", "ivs_measurement", "lvpw_measurement", "pasp_value", "tr_max_velocity_value")
_STATED = Stated(rate=250.0, leads=STANDARD_LEADS, unit="mV", calibrated=False)


def find_table(folder: Path) -> Path:
    """The table of metadata, however its name is written.

    Raises:
        ValueError, FileNotFoundError: there is none, or more than one.
    """
    found = sorted(path for path in folder.iterdir() if path.name.lower() == _TABLE)
    if not found:
        raise FileNotFoundError(f"source must have the file {_TABLE} (in whatever case), got none in {folder}")
    if len(found) > 1:
        raise ValueError(f"source must have one table of metadata, got {' and '.join(path.name for path in found)}")
    return found[0]


def read_items(folder: Path, composite: str = "published") -> tuple[list[Item], list[Reject]]:
    """One item per row of the arrays, split by split, and those of `no_split`.

    Args:
        folder: of the source.
        composite: `published` or `measured`, when the composite's 0 counts.

    Raises:
        ValueError, FileNotFoundError: a table or array is missing, or they differ in number; names the file.
    """
    path = find_table(folder)
    further = [name for name in _FURTHER if name in columns_of(path)]
    names = (*_NEEDED, *CLASSES, *_MEASURES, *further)
    shared: dict[str, str] = {}  # the same few texts again and again: each is kept once
    by_split: dict[str, list[Item]] = {split: [] for split in _SPLITS}
    for number, cells in cells_of(path, *names):
        row = {name: shared.setdefault(cell, cell) for name, cell in zip(names, cells, strict=True)}
        if row["split"] not in _SPLITS:
            got = f"{row['split']!r} ({path}, row {number})"
            raise ValueError(f"split must be one of {', '.join(_SPLITS)}, got {got}")
        items = by_split[row["split"]]
        items.append(_item(row, len(items), composite, f"{path}, row {number}"))
    for split, items in by_split.items():
        _check_array(folder, split, len(items))
    items = [item for split in _SPLITS for item in by_split[split] if item.split]
    message = "recording must be in a split of the source, got no_split, whose people are in valid and test too"
    return items, [Reject(item, UNLISTED, message) for item in by_split["no_split"]]


def _check_array(folder: Path, split: str, count: int) -> None:
    path = folder / _array_name(split)
    if _SPLITS[split] is None and not path.is_file():
        return
    if not path.is_file():
        raise FileNotFoundError(f"source must have the file {path.name}, got none in {folder}")
    if arrays.rows(path) != count:
        raise ValueError(
            f"rows of {path.name} must be those of its split in the table, {count}, got {arrays.rows(path)} ({folder})"
        )
    check_shape(path)


def _array_name(split: str) -> str:
    return f"EchoNext_{split}_waveforms.npy"


def check_numbers(folder: Path, keep_suspect: bool = False) -> list[str]:
    """Lines for people on arrays whose numbers cannot be those of the source; only where these are kept all the same.

    Raises:
        ValueError: there is such an array, and it is not kept.
    """
    kept: list[str] = []
    for path in (folder / _array_name(split) for split, ours in _SPLITS.items() if ours):
        found = odd_numbers(path)
        if found and not keep_suspect:
            raise ValueError(f"{'; '.join(found)} ({path}); --keep-suspect keeps what is so")
        kept += [f"kept against the rule that {line}" for line in found]
    return kept


def _item(row: Mapping[str, str], place: int, composite: str, where: str) -> Item:
    flags = {name: truth(_told(row[name]), f"{where}, column {name}") for name in CLASSES}
    ef = _ejection_fraction(row["lvef_value"])
    if number_of(row["lvef_value"]) is not None and not ef:
        flags["lvef_lte_45_flag"] = None  # a number that stands for a missing one may have been thresholded
    told = {name: ef if name == "lvef_value" else _told(row[name], name) for name in _MEASURES}
    measured = {name: all(told[one] for one in needed) for name, needed in MEASURED_BY.items()}
    known = measured | {COMPOSITE: composite == "published" or all(measured.values())}
    extra = {"age": row["age_at_ecg"], "sex": sex_of(_told(row["sex"].lower().replace("unknown", "")), where)}
    extra["ef"] = ef
    extra |= {name: _told(row[name], name) for name in (*_MEASURES, *_FURTHER) if name in row}
    return Item(
        file=_array_name(row["split"]),
        id=row["ecg_key"],
        patient=patient_of_cell(row["patient_key"]),
        labels=tuple(name for name in CLASSES if flags[name]),
        unknown=tuple(name for name in CLASSES if flags[name] is None or not (flags[name] or known[name])),
        extra=extra | {"source": _NAME},
        split=_SPLITS[row["split"]],
        row=place,
    )


def _ejection_fraction(cell: str) -> str:
    """The cell, or nothing where it is no number that an ejection fraction in % can be."""
    value = number_of(cell)
    return cell if value is not None and LOWEST <= value <= HIGHEST else ""


def _told(cell: str, column: str = "") -> str:
    """The cell, or nothing where it says nothing; `none` is a grade: looked for, and not there."""
    is_grade = cell.lower() == "none" and column not in _NUMBERS
    return cell if is_grade or cell.lower() not in NOTHING else ""


def arrange(packed: list[Packed], composite: str, seconds: float, seed: int) -> Arrangement:
    """The source's own splits, and pairs of the patients with two recordings or more."""
    splits = by_split([row_of(one) for one in packed], [one.item.split for one in packed])
    pairs, how_pairs, remarks = pairs_of_splits(splits, seconds, seed)
    how = f"the source's own splits, no_split left out; composite as {composite}; {how_pairs}"
    return Arrangement(splits, pairs, list(CLASSES), how, extra_columns=_COLUMNS, remarks=remarks)


def _check_ejection_fractions(items: list[Item]) -> list[str]:
    """A line on cells of `lvef_value` that are no ejection fraction, if there are any.

    Raises:
        ValueError: none of its cells is one.
    """
    cells = [item.extra["lvef_value"] for item in items if item.extra["lvef_value"]]
    odd = Counter(cell for cell in cells if not _ejection_fraction(cell))
    if not odd:
        return []
    such = ", ".join(f"{cell!r} ({number})" for cell, number in odd.most_common(3))
    if odd.total() == len(cells):
        raise ValueError(f"lvef_value must hold ejection fractions, {LOWEST:g} to {HIGHEST:g} %, got none in {len(cells)} cells, such as {such}")  # fmt: skip  # noqa: E501
    return [f"EJECTION FRACTION: {odd.total()} of {len(cells)} cells of lvef_value are no number from {LOWEST:g} to {HIGHEST:g}, so unknown: {such}"]  # fmt: skip  # noqa: E501


def _remarks(items: list[Item], left_out: list[Reject]) -> list[str]:
    unknown = Counter(name for item in items for name in item.unknown)
    counts = ", ".join(f"{name} {unknown[name]}" for name in CLASSES)
    return [
        f"assumed: 250 Hz, leads in the order {', '.join(STANDARD_LEADS)}; z-scores, kept as they are, no millivolts",
        *_check_ejection_fractions(items),
        f"left out: {len(left_out)} recordings of no_split, whose people are in valid and test too",
        f"not measured, so unknown, of {len(items)}: {counts}",
    ]


def main(arguments: list[str] | None = None) -> dict:
    """Prepares EchoNext as the command line tells and returns the contents of `dataset.yaml`."""
    parser = option_parser(__doc__.splitlines()[0], f"folder with {_TABLE} and EchoNext_*_waveforms.npy")
    parser.add_argument(
        "--composite",
        choices=("published", "measured"),
        default="published",
        help="when the composite's 0 counts: always, as published, or only where all eleven findings were measured",
    )
    options = parser.parse_args(arguments)
    folder = source_folder(options)
    items, left_out = read_items(folder, options.composite)
    remarks = [*_remarks(items, left_out), *check_numbers(folder, options.keep_suspect)]
    choices = choices_of(options, "composite", "pair_seconds", "seed")
    source = Source(_NAME, "1.1.0", folder, items, left_out, choices, _STATED, _EXPECTED, remarks=remarks)
    return prepare(
        source,
        options.dest,
        packing_of(options),
        lambda packed: arrange(packed, options.composite, options.pair_seconds, options.seed),
        work_of(options),
    )


if __name__ == "__main__":
    run(main)
