"""What a sidecar says about a file that holds bare samples: rate, leads, unit, ids, labels.

A sidecar is a JSON object in `name.json` beside `name.wav`, `name.npy` …:

    {"rate": 500, "leads": ["I", "II", "V1"], "unit": "mV", "gain": 1, "baseline": 0,
     "id": "rec1", "patient": "p7", "labels": ["426783006"], "age": 63, "sex": "female"}

`rate` (Hz), `leads` (in the file's order) and `unit` may instead be passed to `read_record`; where both state
one, they must agree. `gain` (digital steps per unit) and `baseline` (the value that means 0) are one number or one
per lead, and 1 and 0 unless given. `id` is the file's name unless given. Any other key goes to the record's `meta`.
"""

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.leads import common_name
from fairseq_signals.data.montage import choose_leads, millivolts_per
from fairseq_signals.data.record import Record

_LARGEST_SIDECAR = 2**20  # bytes


@dataclass(frozen=True)
class Description:
    """What is known about bare samples; `gain` is None where it is not stated."""

    rate: float
    leads: tuple[str, ...]
    unit: str
    where: str
    id: str
    gain: Any = None
    baseline: Any = 0
    patient: str | None = None
    labels: tuple[str, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)

    def record(self, samples: np.ndarray) -> Record:
        """The record of samples `[channels, T]`: leads in standard order, in millivolts."""
        chosen = choose_leads(self.leads, self.where, strict=True)
        factor = millivolts_per(self.unit, self.where)
        gain, baseline = (self._per_lead(value) for value in (1 if self.gain is None else self.gain, self.baseline))
        if not (np.isfinite(gain).all() and gain.all() and np.isfinite(baseline).all()):
            raise ValueError(f"gain and baseline must be numbers, gain not 0, got {self.gain} ({self.where})")
        rows = list(chosen.rows)
        signal = np.empty((len(rows), samples.shape[1]), np.float32)
        for i, row in enumerate(rows):
            signal[i] = (samples[row].astype(np.float64) - baseline[row]) / gain[row] * factor
        meta = {"unit": (self.unit,) * len(rows), "dropped": chosen.dropped} | self.meta
        return Record(signal, self.rate, chosen.leads, self.id, self.patient, self.labels, meta)

    def of_row(self, row: int, id: str | None = None) -> "Description":
        """The description of one recording of a file that holds many.

        Args:
            row: its place.
            id: its own id, where the file tells it; else the file's name and the place.

        Raises:
            ValueError: the sidecar says of all of them what can only be said of one.
        """
        if self.patient is not None or self.labels or self.id != Path(self.where).stem:
            raise ValueError(f"a sidecar of many recordings must tell no id, patient or labels, got one ({self.where})")
        return replace(self, id=id or f"{self.id}-{row}")

    def _per_lead(self, value: Any) -> np.ndarray:
        try:
            return np.broadcast_to(np.asarray(value, np.float64), len(self.leads))
        except (TypeError, ValueError) as error:
            expected = f"one number or one for each of {len(self.leads)} leads"
            raise ValueError(f"gain and baseline must be {expected}, got {value!r} ({self.where})") from error


def describe(path: Path, stated: dict[str, Any], passed: dict[str, Any]) -> Description:
    """The description of a file, from what it states itself, its sidecar, and what the caller passed.

    Args:
        path: the file.
        stated: what the file itself says, by the sidecar's names.
        passed: what the caller says (rate, leads, unit; None where nothing).

    Raises:
        ValueError: rate, leads or unit is missing, or two of the three sources disagree; names the file.
    """
    known: dict[str, Any] = {}
    for source in (stated, _sidecar(path), passed):
        for key, value in source.items():
            if value is None:
                continue
            if key in known and not _agree(key, known[key], value):
                raise ValueError(f"{key} must be the same wherever it is stated, got {known[key]} and {value} ({path})")
            known.setdefault(key, value)
    lacking = [key for key in ("rate", "leads", "unit") if key not in known]
    if lacking:
        raise ValueError(
            f"rate, leads and unit must be stated in {sidecar_of(path).name} beside the file or passed, "
            f"got no {' and no '.join(lacking)} ({path})"
        )
    return Description(
        rate=_rate(known.pop("rate"), path),
        leads=_texts(known.pop("leads"), "leads", path),
        unit=str(known.pop("unit")),
        where=str(path),
        id=str(known.pop("id", path.stem)),
        gain=known.pop("gain", None),
        baseline=known.pop("baseline", 0),
        patient=str(known.pop("patient")) if "patient" in known else None,
        labels=tuple(dict.fromkeys(_texts(known.pop("labels", ()), "labels", path))),
        meta=known,
    )


def sidecar_of(path: Path) -> Path:
    """Where the sidecar of a file stands, if it has one."""
    return path.with_suffix(".json")


def with_sidecar(path: Path) -> list[Path]:
    """The file and its sidecar: the `files` of every format that has one."""
    return [path, sidecar_of(path)]


def _sidecar(path: Path) -> dict[str, Any]:
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        return {}
    if sidecar.stat().st_size > _LARGEST_SIDECAR:
        raise ValueError(f"a sidecar must be below {_LARGEST_SIDECAR} bytes, got {sidecar.stat().st_size} ({sidecar})")
    try:
        content = json.loads(sidecar.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"a sidecar must be a JSON object, got {error} ({sidecar})") from error
    if not isinstance(content, dict):
        raise ValueError(f"a sidecar must be a JSON object, got a {type(content).__name__} ({sidecar})")
    return content


def _agree(key: str, one: Any, other: Any) -> bool:
    if key == "leads" and isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        one, other = ([common_name(str(name)) for name in names] for names in (one, other))
    if key == "unit":
        return millivolts_per(str(one), key) == millivolts_per(str(other), key)
    return one == other


def _rate(value: Any, path: Path) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    if not 0 < rate < math.inf:
        raise ValueError(f"rate must be a positive number (Hz), got {value!r} ({path})")
    return rate


def _texts(value: Any, what: str, path: Path) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, (str, int)) for one in value):
        raise ValueError(f"{what} must be a list of texts, got {value!r} ({path})")
    return tuple(str(one) for one in value)
