"""A folder of example data: many synthetic patients in WFDB files, made by several workers."""

from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from fairseq_signals.data.synthetic.claim import claim
from fairseq_signals.data.synthetic.recording import generate_patient, number_of_recordings
from fairseq_signals.data.synthetic.write import is_complete, write_wfdb

PATIENTS_PER_FOLDER = 300  # of at most three recordings each: below the thousand records of a CinC folder

SETTINGS = "example.json"


def make_example_data(
    dest: "str | Path",
    patients: int,
    rate: float = 500.0,
    seconds: float = 10.0,
    seed: int = 0,
    workers: int = 1,
    progress: bool = False,
) -> int:
    """Number of recordings in the folder, written where they are not there yet.

    A run that was stopped goes on where it was; the files do not depend on the number of workers, and ten
    patients are the first ten of a thousand.

    Args:
        dest: the folder; gets `g1`, `g2` … with 300 patients each, and `example.json` with the settings.
        patients: how many patients, with two or three recordings each.
        rate: samples per second.
        seconds: length of each recording.
        seed: another seed makes another population.
        workers: processes that generate and write.
        progress: whether to show a progress bar.

    Raises:
        ValueError: an argument is out of range, or the folder holds example data of other settings.
    """
    if not 1 <= patients <= 99_999 or not 1 <= workers <= 256:
        raise ValueError(f"patients must be 1 to 99999 and workers 1 to 256, got {patients} and {workers}")
    generate_patient(0, seed, rate, seconds, recordings=0)  # refuses settings before anything is written
    dest = Path(dest)
    claim(dest / SETTINGS, {"rate": float(rate), "seconds": float(seconds), "seed": seed})
    task = partial(_make_patient, dest=dest, rate=rate, seconds=seconds, seed=seed)
    with tqdm(total=patients, unit="patient", desc="example data", disable=not progress) as bar:
        total = 0
        for count in _map(task, range(patients), workers):
            total += count
            bar.update()
    return total


def patient_folder(number: int) -> str:
    """The subfolder that holds a patient's recordings."""
    return f"g{1 + number // PATIENTS_PER_FOLDER}"


def _make_patient(number: int, dest: Path, rate: float, seconds: float, seed: int) -> int:
    folder, count = dest / patient_folder(number), number_of_recordings(number, seed)
    names = [f"syn{number:05d}_{index}" for index in range(1, count + 1)]
    if not all(is_complete(folder, name, round(seconds * rate)) for name in names):
        write_wfdb(generate_patient(number, seed, rate, seconds), folder)
    return count


def _map(task, numbers, workers: int):
    if workers == 1:
        yield from map(task, numbers)
        return
    with get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(task, numbers, chunksize=8)
