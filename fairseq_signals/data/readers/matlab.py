"""ECGs in MATLAB files of any version: the China Physiological Signal Challenge's struct, or a plain matrix.

- A struct `ECG` with `sex`, `age` and `data` of 12 leads is a recording of CPSC 2018: 500 Hz, millivolts, leads in
  standard order, as the challenge says (Liu et al. 2018, "An Open Access Database for Evaluating the Algorithms of
  Electrocardiogram Rhythm and Morphology Abnormality Detection", https://doi.org/10.1166/jmihi.2018.2442).
- Otherwise the matrix is the variable `val` (PhysioNet's name), or the only one with as many rows or columns as there
  are leads; rate, leads and unit come from a sidecar (`_description.py`) or are passed.

A `.mat` file that a WFDB header beside it names belongs to that header, which knows its gains.
"""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.readers._axes import leads_first
from fairseq_signals.data.readers._description import describe, with_sidecar
from fairseq_signals.data.readers._facts import sex
from fairseq_signals.data.readers._hdf5_file import is_numeric, member, numeric_datasets, opened
from fairseq_signals.data.readers._matlab_file import Value, is_version_4, is_version_5, variables
from fairseq_signals.data.readers.physionet import header_of
from fairseq_signals.data.record import Record

FORMAT = "MATLAB .mat (CPSC's struct, or a matrix with a .json sidecar)"
files = with_sidecar

_CPSC = {"rate": 500.0, "leads": list(STANDARD_LEADS), "unit": "mV"}


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file begins as MATLAB's do, and no WFDB header describes it."""
    return (is_version_5(head) or _is_hdf5(head) or is_version_4(head)) and header_of(path) is None


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The recording in a MATLAB file.

    Args:
        path: the file.
        rate: Hz, if neither the file nor a sidecar states it.
        leads: one name per row (or column), if neither states them.
        unit: unit of the values, if neither states it.

    Raises:
        ValueError: the file is damaged, holds no matrix that fits its description, or more than one; names the file.
    """
    passed = {"rate": rate, "leads": leads, "unit": unit}
    held = _variables(path)
    challenge = held.get("ECG")
    if isinstance(challenge, dict):
        signal, stated = _of_challenge(challenge, path)
        return describe(path, stated, passed).record(signal)
    description = describe(path, {}, passed)
    matrix = _matrix(held, len(description.leads), path)
    return description.record(leads_first(matrix, len(description.leads), path))


def _is_hdf5(head: bytes) -> bool:
    return head[124:128] in (b"\x00\x02IM", b"\x02\x00MI")  # version 7.3


def _variables(path: Path) -> dict[str, Value]:
    with path.open("rb") as file:
        head = file.read(128)
    if not _is_hdf5(head):
        try:
            return variables(path.read_bytes())
        except ValueError as error:
            raise ValueError(f"a MATLAB file must be whole, got: {error} ({path})") from error
    with opened(path) as file:
        held: dict[str, Value] = {
            name: _as_in_matlab(found) for name, found in numeric_datasets(file, axes=2).items() if _is_value(found)
        }
        group = member(file, "ECG")
        if isinstance(group, h5py.Group):
            held["ECG"] = _fields(group)
        return held


def _fields(group: h5py.Group) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for name in ("sex", "age", "data"):
        found = member(group, name)
        if is_numeric(found) and found.size:
            values = _as_in_matlab(found)
            is_text = found.attrs.get("MATLAB_class") == b"char"
            fields[name] = "".join(chr(one) for one in values.ravel()[:64].tolist()) if is_text else values
    return fields


def _is_value(found: h5py.Dataset) -> bool:
    return "MATLAB_empty" not in found.attrs and found.attrs.get("MATLAB_class") != b"char"


def _as_in_matlab(found: h5py.Dataset) -> np.ndarray:
    return found[()].T  # MATLAB counts its axes from the one that varies fastest


def _of_challenge(held: dict[str, Value], path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    data, age, told = (held.get(name) for name in ("data", "age", "sex"))
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[0] != len(STANDARD_LEADS):
        shape = getattr(data, "shape", None)
        raise ValueError(f"ECG.data must have {len(STANDARD_LEADS)} rows, one for each lead, got {shape} ({path})")
    years = float(age.ravel()[0]) if isinstance(age, np.ndarray) and age.size == 1 else -1.0
    facts = {"age": years if 0 <= years < np.inf else None, "sex": sex(told) if isinstance(told, str) else None}
    return leads_first(data, len(STANDARD_LEADS), path), _CPSC | facts


def _matrix(held: dict[str, Value], n_leads: int, path: Path) -> np.ndarray:
    arrays = {name: value for name, value in held.items() if isinstance(value, np.ndarray) and value.size}
    if "val" in arrays:
        return arrays["val"]
    fitting = [name for name, value in arrays.items() if n_leads in value.shape and value.size > n_leads]
    if len(fitting) != 1:
        expected = f"one matrix with {n_leads} rows or columns, or val"
        got = ", ".join(f"{name} {arrays[name].shape}" for name in fitting or sorted(arrays)[:10]) or "none"
        raise ValueError(f"a MATLAB file must hold {expected}, got {got} ({path})")
    return arrays[fitting[0]]
