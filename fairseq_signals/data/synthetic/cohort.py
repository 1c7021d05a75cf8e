"""A folder of synthetic patients with ejection fractions from eight institutions, and the table that lists them.

It stands in for the hospitals' data of Nakamoto et al. 2022 and Sawano et al. 2022, which are private, so that both
papers' experiments can be carried out whole. What is invented stands in `institutions.py` and `lvsd.py`.

How hard it is, measured on the miniature (seed 0, half of the patients against the other half, AUROC for EF < 40): QRS
duration 0.73, lateral T wave 0.75, heart rate 0.61, age 0.57; QRS duration, voltage, rate and age together in a
logistic regression 0.69, with sex, T wave, S waves and irregularity 0.77, the same by boosted trees 0.82; the traits
that the generator drew, which no ECG shows undisturbed, 0.95, about the most that can be reached.
"""

import csv
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.engine import engine
from fairseq_signals.data.record import Record
from fairseq_signals.data.synthetic.claim import claim
from fairseq_signals.data.synthetic.dipole import twelve_leads
from fairseq_signals.data.synthetic.institutions import INSTITUTIONS, Institution
from fairseq_signals.data.synthetic.lvsd import Heart
from fairseq_signals.data.synthetic.noise import electrode_noise
from fairseq_signals.data.synthetic.recorder import filtered
from fairseq_signals.data.synthetic.recording import record_patient
from fairseq_signals.data.synthetic.visits import FIRST_DAY, Visit, generate_heart, stream
from fairseq_signals.data.synthetic.write import is_complete, write_wfdb

TABLE, SETTINGS = "recordings.csv", "cohort.json"
COLUMNS = ("file", "id", "patient", "institution", "age", "sex", "ef", "recording_date")
PATIENTS = {1: 2400, 2: 900, 3: 900, 4: 600, 5: 600, 6: 600, 7: 600, 8: 600}
"""Of each institution in the miniature."""

_PER_FOLDER, _PER_TASK = 300, 25
_INDEPENDENT = [0, 1, *range(6, 12)]  # I, II, V1 to V6 among the twelve leads


def make_lvsd_cohort(
    dest: str | Path,
    patients: Mapping[int, int] | None = None,
    rate: float = 100.0,
    seconds: float = 10.0,
    seed: int = 0,
    workers: int = 1,
    progress: bool = False,
) -> int:
    """Number of recordings in the folder, written where they are not there yet, with `recordings.csv` that lists them.

    A run that was stopped goes on where it was; the files do not depend on the number of workers, and ten patients of
    an institution are the first ten of a thousand.

    Args:
        dest: the folder; gets `institution1` … with WFDB files, `recordings.csv` and `cohort.json` with the settings.
        patients: number of patients by institution; `PATIENTS` where None.
        rate: samples per second.
        seconds: length of each recording.
        seed: another seed makes other people.
        workers: processes that generate and write.
        progress: whether to show a progress bar.

    Raises:
        ValueError: an argument is out of range, or the folder holds a cohort of other settings.
    """
    patients = _checked(PATIENTS if patients is None else patients, rate, seconds, seed, workers)
    dest = Path(dest)
    told = {str(number): count for number, count in patients.items()}
    claim(dest / SETTINGS, {"rate": float(rate), "seconds": float(seconds), "seed": seed, "patients": told})
    tasks = [
        (number, first, min(first + _PER_TASK, count), dest, float(rate), float(seconds), seed)
        for number, count in patients.items()
        for first in range(0, count, _PER_TASK)
    ]
    rows: list[tuple[str, ...]] = []
    with (
        tqdm(total=sum(patients.values()), unit="patient", desc="LVSD cohort", disable=not progress) as bar,
        engine(workers) as work,
    ):
        for made, count in work(_make, tasks):
            rows += made
            bar.update(count)
    _write_table(dest / TABLE, sorted(rows))
    return len(rows)


def generate_recording(
    institution: int, number: int, index: int, seed: int = 0, rate: float = 100.0, seconds: float = 10.0
) -> Record:
    """The `index`th recording (from 1) of a patient, through the institution's recorder.

    Raises:
        ValueError: the patient has no such recording.
    """
    heart, visits = generate_heart(institution, number, seed)
    if not 1 <= index <= len(visits):
        raise ValueError(f"recording must be 1 to {len(visits)}, got {index} ({_patient(institution, number)})")
    return _record(INSTITUTIONS[institution - 1], number, index, heart, visits[index - 1], seed, rate, seconds)


def _record(
    institution: Institution,
    number: int,
    index: int,
    heart: Heart,
    visit: Visit,
    seed: int,
    rate: float,
    seconds: float,
) -> Record:
    generator = stream(seed, institution.number, number, index)
    patient = heart.at(visit.ef)
    clean = record_patient(patient, index, generator, rate, seconds, noise=False)
    time = np.arange(clean.signal.shape[1]) / rate
    noise = electrode_noise(time, rate, patient.respiration, generator, institution.noise, institution.mains_hz)
    seen = clean.signal[_INDEPENDENT].astype(float) + noise
    band = institution.high_pass_hz, institution.low_pass_hz
    signal = twelve_leads(filtered(seen, rate, *band, institution.mains_hz if institution.notch else None))
    name = _patient(institution.number, number)
    meta = {"age": _age(heart, visit), "sex": patient.sex}
    # The labels of the example data are not this cohort's: its table tells what is known.
    return replace(clean, signal=signal.astype(np.float32), id=f"{name}_{index}", patient=name, labels=(), meta=meta)


def _make(
    institution: int, first: int, last: int, dest: Path, rate: float, seconds: float, seed: int
) -> tuple[list[tuple[str, ...]], int]:
    """Rows of the table for some patients, whose recordings are written where they are not; and how many they are."""
    rows = []
    for number in range(first, last):
        heart, visits = generate_heart(institution, number, seed)
        place = Path(f"institution{institution}") / f"{number // _PER_FOLDER:03d}"
        for index, visit in enumerate(visits, 1):
            name = f"{_patient(institution, number)}_{index}"
            if not is_complete(dest / place, name, round(seconds * rate)):
                record = _record(INSTITUTIONS[institution - 1], number, index, heart, visit, seed, rate, seconds)
                write_wfdb([record], dest / place)
            rows.append(_row(place / f"{name}.hea", name, institution, heart, visit))
    return rows, last - first


def _row(file: Path, name: str, institution: int, heart: Heart, visit: Visit) -> tuple[str, ...]:
    told = "" if visit.told is None else str(visit.told)
    who = (name, name.rpartition("_")[0], str(institution), str(_age(heart, visit)), heart.healthy.sex)
    return (file.as_posix(), *who, told, visit.day.isoformat())


def _age(heart: Heart, visit: Visit) -> int:
    return int(heart.years + (visit.day - FIRST_DAY).days / 365.25 - 5)  # `years` holds in the middle of the decade


def _patient(institution: int, number: int) -> str:
    return f"h{institution}p{number:05d}"


def _write_table(path: Path, rows: list[tuple[str, ...]]) -> None:
    with written_whole(path, "w") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


def _checked(patients: Mapping[int, int], rate: float, seconds: float, seed: int, workers: int) -> dict[int, int]:
    known = [institution.number for institution in INSTITUTIONS]
    if not patients or not set(patients) <= set(known) or not all(1 <= one <= 99_999 for one in patients.values()):
        raise ValueError(f"patients must be 1 to 99999 of institutions {known[0]} to {known[-1]}, got {dict(patients)}")
    if seed < 0 or not 1 <= workers <= 256:
        raise ValueError(f"seed must be 0 or more and workers 1 to 256, got {seed} and {workers}")
    if not 50 <= rate <= 5000 or not 1 <= seconds <= 3600:
        raise ValueError(f"rate must be 50 to 5000 Hz and seconds 1 to 3600, got {rate} and {seconds}")
    return dict(sorted(patients.items()))
