"""Discharge diagnoses of MIMIC-IV-ECG's recordings: the table `records_w_diag_icd10.csv` of MIMIC-IV-ECG-ICD.

Its five lists per recording are empty for four recordings of ten, which were taken outside any stay with a discharge
diagnosis: of these **nothing is known**, and an empty list is never taken for health. Codes are cut to a number of
characters and lose the X that ICD-10-CM fills gaps with, and a code also counts for the wider ones that it begins
with (I2510 for I251 and I25), as in Strodthoff et al. 2024, "Prospects for artificial intelligence-enhanced
electrocardiogram as a unified screening tool for cardiac and non-cardiac conditions", European Heart Journal - Digital
Health 5, https://doi.org/10.1093/ehjdh/ztae039: with 5 characters and at least 2,000 recordings per code, 1,076 codes.
"""

import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from manifests.parts.cells import sex_of
from manifests.parts.csv_table import cells_of, columns_of

LISTS = {"all": "all_diag_all", "hospital": "all_diag_hosp", "ed": "ed_diag_ed"}
"""Hospital diagnoses, else those of the emergency department; hospital alone; emergency department alone."""

FOLDS = {str(fold): "train" for fold in range(18)} | {"18": "valid", "19": "test"}
_KEPT = ("ecg_taken_in_ed", "ecg_taken_in_hosp", "ecg_no_within_stay")
COLUMNS = ("age", "sex", "fold", *_KEPT)
_COMMA = re.compile(r"'\s*,\s*'")
_CODE = re.compile(r"[A-Z][0-9][0-9A-Z]{1,5}")
_SHORTEST = 3  # characters of an ICD-10 category


class Diagnosed(NamedTuple):
    """What the table says of one recording.

    Attributes:
        patient: its `subject_id`.
        codes: of its diagnoses, or None where none is linked to it.
        fold: of the source's own split; empty where the table has none.
        cells: of `COLUMNS`.
    """

    patient: str
    codes: tuple[str, ...] | None
    fold: str
    cells: tuple[str, ...]


def read_diagnoses(
    path: Path, which: str = "all", digits: int = 5, wider: bool = True
) -> tuple[dict[str, Diagnosed], Counter[str]]:
    """What is known of each recording, by its `study_id`.

    Args:
        path: the table.
        which: one of `LISTS`.
        digits: characters that are kept of a code.
        wider: whether a code also counts for those that it begins with.

    Returns:
        The recordings, and how often each text occurred that is no ICD-10 code, which is left out.

    Raises:
        ValueError, FileNotFoundError: the table is not that of MIMIC-IV-ECG-ICD; names the row.
    """
    if not _SHORTEST <= digits <= 7:
        raise ValueError(f"characters of a code must be 3 to 7, got {digits} (--icd-digits)")
    fold = "strat_fold" if "strat_fold" in columns_of(path) else None
    columns = ("study_id", "subject_id", LISTS[which], "gender", "age", *_KEPT, *([fold] if fold else []))
    found: dict[str, Diagnosed] = {}
    odd: Counter[str] = Counter()
    shared: dict[str, str] = {}  # the same few texts again and again: each is kept once
    for number, (study, patient, cell, sex, age, *rest) in cells_of(path, *columns):
        own = rest.pop().removesuffix(".0") if fold else ""
        if fold and own not in FOLDS:
            raise ValueError(f"strat_fold must be 0 to 19, got {own!r} ({path}, row {number})")
        if study in found:
            raise ValueError(f"study_id must be listed once, got {study} again ({path}, row {number})")
        try:
            codes, strangers = _codes(cell, digits, wider)
        except ValueError as error:
            raise ValueError(f"{error} ({path}, row {number}, column {LISTS[which]})") from None
        odd.update(strangers)
        sex = sex_of("" if sex == "missing" else sex, f"{path}, row {number}, column gender")
        told = (age.removesuffix(".0"), sex, own, *rest)
        cells = tuple(shared.setdefault(one, one) for one in told)
        found[study] = Diagnosed(shared.setdefault(patient, patient), codes, cells[2], cells)
    return found, odd


@lru_cache(maxsize=1 << 12)  # recordings of one stay follow each other and have the same list
def _codes(cell: str, digits: int, wider: bool) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The codes of a list as the table writes it, and what is none; without any code, nothing is known."""
    if cell in ("", "[]"):
        return None, ()
    if not (cell.startswith("['") and cell.endswith("']")):
        raise ValueError(f"diagnoses must be a list such as ['I10', 'E785'], got {cell[:60]!r}")
    texts = _COMMA.split(cell[2:-2])
    codes = set().union(*(_one(text, digits, wider) for text in texts))
    return tuple(sorted(codes)) or None, tuple(text for text in texts if not _one(text, digits, wider))


@lru_cache(maxsize=1 << 16)
def _one(text: str, digits: int, wider: bool) -> tuple[str, ...]:
    """What one code stands for; nothing where it is no code of ICD-10."""
    code = text.strip().upper()[:digits] if _CODE.fullmatch(text.strip().upper()) else ""
    ends = range(_SHORTEST if wider else max(_SHORTEST, len(code)), len(code) + 1)
    return tuple(dict.fromkeys(code[:end].rstrip("X") for end in ends))
