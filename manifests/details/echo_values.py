"""Ejection fractions (EF) of a table of echocardiograms, and the one that belongs to a recording.

Two layouts are told apart by their columns. MIMIC-IV-ECHO (https://doi.org/10.13026/nrjh-5r77), whose
`structured-measurement.csv` has one row per measured thing: `subject_id`, `measurement_id`, `measurement_datetime`,
`test_type`, `measurement`, `result`; and a hospital's, one row per echocardiogram: `subject_id`, `time`, `ef`, with
`--echo-columns` for other names. Of the first, only the transthoracic (`tte`) count by default: under stress the EF is
another.

The EF of a MIMIC echocardiogram is the reader's `lvef`, or the middle of `lvef` and `lvef_upper` where that is told;
else `biplane_lvef`; else `lvef_3d`. These names are taken from public code that reads the table, which itself is not
open: what of them occurs, and how often, is among the last lines of a preparation.

A value is unknown where it is no plain number (`>55` says no more than a side) or not within 5 and 90 %. `40-45` is
its middle; a range of more than 10, or one that begins with the larger number, is unknown. Values of one moment that
lie more than 10 apart contradict each other, and are unknown; others are averaged. A recording gets the value of the
nearest moment, before or after it, at most 14 days away, the interval of Attia et al. 2019
(https://doi.org/10.1038/s41591-018-0240-2); two equally near moments are treated as one. Where the nearest says
nothing, the recording's EF is unknown: a farther one is not put in its place.

Times are those of the clock on the wall, as the recordings' are; one with a zone is refused, since how the two clocks
stand to each other is not told. Where a time is a date alone, or all are midnight, the table knows days: then days are
compared, and all values of a day are of one moment. Rows that name no patient are left out.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

from fairseq_signals.data.ejection_fraction import HIGHEST, LOWEST
from fairseq_signals.data.number_rules import number_of
from manifests.parts.csv_table import cells_of, columns_of
from manifests.parts.silence import patient_of_cell

COLUMNS = ("ef", "ef_days")
"""Of the manifest: EF in %, and days from the recording to its echocardiogram, negative where that came before; whole
ones (`-3`) where the table knows no times of day."""
WITHIN_DAYS = 14.0

_LONG = ("subject_id", "measurement_datetime", "measurement", "result")
_WIDE = ("subject_id", "time", "ef")
_READERS, _UPPER = "lvef", "lvef_upper"
_NAMES = (_READERS, "biplane_lvef", "lvef_3d")
_APART = 10.0
_DATE, _BACKWARDS = "date without a time", "range from the larger to the smaller"
_RANGE = re.compile(r"([0-9.]+)\s*(?:-|\u2013|to)\s*([0-9.]+)")  # reports write both dashes


@dataclass
class Echoes:
    """EF by patient and moment.

    Attributes:
        of: for each patient, moments in ascending order and the EF of each, None where it is unknown.
        by_day: whether the moments are days, each told as its midnight.
        found: for people: how often what occurred.
    """

    of: dict[str, tuple[list[datetime], list[float | None]]] = field(default_factory=dict)
    by_day: bool = False
    found: Counter[str] = field(default_factory=Counter)

    def nearest(self, patient: str, moment: datetime, within_days: float = WITHIN_DAYS) -> tuple[str, str]:
        """Cells of `COLUMNS` for a recording of a patient; both empty where its EF is unknown."""
        moments, values = self.of.get(patient, ([], []))
        moment = _day(moment) if self.by_day else moment
        place = bisect_left(moments, moment)
        sides = [near for near in (place - 1, place) if 0 <= near < len(moments)]
        if not sides:
            return "", ""
        nearest = min(abs(moments[near] - moment) for near in sides)
        chosen = [near for near in sides if abs(moments[near] - moment) == nearest]
        value = _agreed([values[near] for near in chosen])
        if nearest > timedelta(days=within_days) or value is None:
            return "", ""
        days = (moments[chosen[0]] - moment) / timedelta(days=1)
        return f"{value:g}", f"{days:.{0 if self.by_day else 2}f}"


def read_echoes(path: Path, names: Mapping[str, str] | None = None, tests: Sequence[str] = ("tte",)) -> Echoes:
    """The EF values of a table.

    Args:
        path: in one of the two layouts, as text (unpacked).
        names: the table's columns by the names above, where they are others.
        tests: kinds of echocardiogram that count, where the table tells the kind (`test_type`).

    Raises:
        ValueError, FileNotFoundError: a column is missing, a moment is no date, or no EF is in the table.
    """
    echoes = Echoes()
    rows = _rows(path, names or {}, tests, echoes.found)
    if not rows:
        raise ValueError(f"table of echocardiograms must hold ejection fractions, got none ({path}; --echo-tests)")
    midnight = all(moment.time() == time.min for _, moment, _, _ in rows)
    echoes.by_day = midnight or echoes.found[_DATE] > 0
    raw = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for patient, moment, name, value in rows:
        raw[patient][_day(moment) if echoes.by_day else moment][name].append(value)
    for patient, moments in raw.items():
        order = sorted(moments)
        echoes.of[patient] = order, [_ejection_fraction(moments[moment], echoes.found) for moment in order]
    return echoes


def _rows(
    path: Path, theirs: Mapping[str, str], tests: Sequence[str], found: Counter[str]
) -> list[tuple[str, datetime, str, float | None]]:
    """Patient, moment, measurement and value of each row that counts."""
    present = {own for own in (*_LONG, *_WIDE, "test_type") if theirs.get(own, own) in columns_of(path)}
    is_long = {"measurement", "result"} <= present
    used = _LONG if is_long else _WIDE
    kind = ("test_type",) if "test_type" in present else ()
    rows = []
    for line, cells in cells_of(path, *(theirs.get(own, own) for own in (*used, *kind))):
        name = cells[2] if is_long else _READERS
        if name not in (*_NAMES, _UPPER):
            continue
        patient = patient_of_cell(cells[0])
        if patient is None or (kind and cells[-1].lower() not in tests):
            found[f"left out: {'no patient told' if patient is None else cells[-1] or 'no kind told'}"] += 1
            continue
        value = _value(cells[3 if is_long else 2], found)
        rows.append((patient, _moment(cells[1], f"{path}, row {line}"), name, value))
        found[_DATE] += _is_date(cells[1])
        found[name] += is_long
    return rows


def moment_of(cell: str) -> datetime | None:
    """The date and time of a cell, or None where it is none, or has a zone."""
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else None


def _is_date(cell: str) -> bool:
    try:
        return date.fromisoformat(cell) is not None
    except ValueError:
        return False


def _day(moment: datetime) -> datetime:
    return datetime.combine(moment.date(), time.min)


def _moment(cell: str, where: str) -> datetime:
    moment = moment_of(cell)
    if moment is None:
        expected = "such as 2180-07-23 08:44:00, without a zone"
        raise ValueError(f"time of an echocardiogram must be {expected}, got {cell!r} ({where})")
    return moment


def _value(cell: str, found: Counter[str]) -> float | None:
    text = cell.strip().removesuffix("%").strip()
    span = _RANGE.fullmatch(text)
    numbers = [number_of(part) for part in (span.groups() if span else (text,))]
    if None in numbers:
        found["empty" if not text else "no plain number"] += 1
        return None
    if not 0 <= numbers[-1] - numbers[0] <= _APART:
        found["range too wide" if numbers[-1] > numbers[0] else _BACKWARDS] += 1
        return None
    value = sum(numbers) / len(numbers)
    if not LOWEST <= value <= HIGHEST:
        found["implausible"] += 1
        return None
    return value


def _ejection_fraction(told: Mapping[str, Sequence[float | None]], found: Counter[str]) -> float | None:
    """The EF of one moment out of what was measured then."""
    name = next((name for name in _NAMES if any(value is not None for value in told.get(name, ()))), None)
    if name is None:
        return None
    values = list(told[name])
    if name == _READERS and any(value is not None for value in told.get(_UPPER, ())):
        uppers = told[_UPPER] * (len(values) == len(told[_UPPER]))
        if any(None not in pair and pair[0] > pair[1] for pair in zip(values, uppers, strict=False)):
            found[_BACKWARDS] += 1
            return None
        values += uppers
    value = _agreed(values)
    found["contradictory"] += value is None
    return value


def _agreed(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are known; None where there is none, or two lie too far apart."""
    known = [value for value in values if value is not None]
    if not known or max(known) - min(known) > _APART:
        return None
    return sum(known) / len(known)
