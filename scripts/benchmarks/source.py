"""A whole simulated source, prepared by the installed command in several ways and beside what others do."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.io
import wfdb
from tqdm import tqdm

from benchmarks.table import Table
from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest

SECONDS, SEGMENT_SECONDS, GAIN = 10, 5, 1000
PER_FOLDER, PER_PATIENT, BESIDE = 1000, 2, 2000
CODES = ("426783006", "164889003", "164909002", "427084000,59118001", "")


def measure_source(table: Table, folder: Path, recordings: int, rate: int, dask: bool):
    """Preparation of a simulated WFDB source with one and two workers and on a Dask cluster of two.

    Args:
        table: where the measurements are entered.
        folder: for temporary files.
        recordings: of the source.
        rate: Hz.
        dask: whether to start a Dask cluster too.
    """
    source = simulate(folder / "source", recordings, rate)
    table.add("source: recordings", recordings, f"of {SECONDS} s at {rate} Hz")
    for name, decode in {"wfdb.rdrecord": wfdb.rdrecord, "wfdb.rdrecord + .mat per 5 s": _segmenter(folder)}.items():
        table.add(f"source: {name}", _per_second(decode, source, recordings), "recordings/s/core")
    rivals = ["source: wfdb.rdrecord", "source: wfdb.rdrecord + .mat per 5 s"]
    digests = {}
    ways: dict[str, tuple[int, Callable[[], list[str]]]] = {
        "1 worker": (1, lambda: _command(source, folder, "--workers", "1")),
        "2 workers": (2, lambda: _command(source, folder, "--workers", "2")),
    }
    if dask:
        ways["Dask, 2 workers"] = (2, lambda: _command(source, folder, "--dask", "$SCHEDULER"))
    for name, (cores, command) in ways.items():
        _forget(folder / "prepared")
        seconds, peak = _run(command(), on_cluster="Dask" in name)
        table.add(f"source: prepared, {name}", recordings / seconds / cores, "recordings/s/core", *rivals)
        table.add(f"source: peak memory of the largest process, {name}", peak / 2**20, "MiB")
        digests[name] = _digest(folder / "prepared")
    table.add("source: different results", len(set(digests.values())), "digests")
    _measure_opening(table, folder / "prepared", rate)
    _forget(source)


def simulate(folder: Path, recordings: int, rate: int) -> Path:
    """A folder of WFDB records whose limb leads obey Einthoven and Goldberger, no two alike.

    Each is a stretch of one long random walk, two of each patient, with a diagnosis, age and sex in the header.
    """
    samples = SECONDS * rate
    adc = _long_recording(np.random.default_rng(0), samples * 4)
    for number in tqdm(range(recordings), desc="simulated source", unit="recording"):
        place = folder / f"g{number // PER_FOLDER:04d}"
        place.mkdir(parents=True, exist_ok=True)
        name, begin = f"S{number:07d}", (number * 7919) % (3 * samples)
        signal = adc[begin : begin + samples].copy()
        signal[0, 6:8] = number % PER_FOLDER, number // PER_FOLDER  # no two recordings are the same
        (place / f"{name}.dat").write_bytes(signal.tobytes())
        (place / f"{name}.hea").write_text(_header(name, number, signal, rate))
    return folder


def _long_recording(generator: np.random.Generator, samples: int) -> np.ndarray:
    """ADC units, int16 `[T, 12]`; even numbers, so that halves are whole."""
    right, left, foot = (2 * generator.integers(-400, 400, samples) for _ in range(3))
    limb = [left - right, foot - right, foot - left]
    limb += [right - (left + foot) // 2, left - (right + foot) // 2, foot - (right + left) // 2]
    return np.stack([*limb, *generator.integers(-1500, 1500, (6, samples))], axis=1).astype("<i2")


def _header(name: str, number: int, signal: np.ndarray, rate: int) -> str:
    sums = signal.sum(axis=0, dtype=np.int64).astype("<i2")  # 16 bits, as the format wants them
    lines = [f"{name} {len(STANDARD_LEADS)} {rate} {len(signal)}"]
    for lead, first, total in zip(STANDARD_LEADS, signal[0], sums, strict=True):
        lines.append(f"{name}.dat 16 {GAIN}/mV 16 0 {first} {total} 0 {lead}")
    patient = number // PER_PATIENT
    lines += [f"#Age: {20 + patient % 70}", f"#Sex: {('Male', 'Female')[patient % 2]}"]
    lines += [f"#Dx: {CODES[patient % len(CODES)]}", f"#Patient: P{patient}"]
    return "\n".join(lines) + "\n"


def _segmenter(folder: Path) -> Callable[[str], None]:
    """What public preprocessing does: decode, then one .mat of float64 per segment of five seconds."""

    def decode(path: str) -> None:
        signals, fields = wfdb.rdsamp(path)
        length = SEGMENT_SECONDS * fields["fs"]
        for number in range(len(signals) // length):
            feats = signals[number * length : (number + 1) * length].T
            mat = {"feats": feats, "curr_sample_rate": fields["fs"], "patient_id": 0, "label": 0}
            scipy.io.savemat(folder / "segments" / f"{Path(path).name}_{number}.mat", mat)

    (folder / "segments").mkdir()
    return decode


def _per_second(decode: Callable[[str], object], source: Path, recordings: int) -> float:
    count = min(BESIDE, recordings)
    paths = [str(source / f"g{n // PER_FOLDER:04d}" / f"S{n:07d}") for n in range(recordings - count, recordings)]
    begin = time.perf_counter()
    for path in tqdm(paths, desc="beside", unit="recording"):
        decode(path)
    return count / (time.perf_counter() - begin)


def _command(source: Path, folder: Path, *how: str) -> list[str]:
    common = ["--source", str(source), "--dest", str(folder / "prepared"), "--name", "simulated"]
    return [sys.executable, "-m", "manifests.wfdb_folder", *common, *how]


def _run(command: list[str], on_cluster: bool) -> tuple[float, int]:
    """Seconds and bytes of a command's whole run; the cluster is there before and stays out of the time."""
    if not on_cluster:
        return _timed(command)
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster:
        return _timed([cluster.scheduler_address if part == "$SCHEDULER" else part for part in command])


def _timed(command: list[str]) -> tuple[float, int]:
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=_environment())
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"command must succeed, got exit status {process.returncode} ({' '.join(command)})")
    return time.perf_counter() - begin, usage.ru_maxrss * 1024


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}


def _measure_opening(table: Table, prepared: Path, rate: int):
    for name, open_it in {
        "Manifest": lambda: Manifest(prepared / "train.tsv"),
        "WindowDataset": lambda: WindowDataset(prepared / "train.tsv", rate, SEGMENT_SECONDS, "random"),
    }.items():
        begin = time.perf_counter()
        rows = len(open_it())
        table.add(f"source: opening {name} of {rows} rows", time.perf_counter() - begin, "s")


def _digest(prepared: Path) -> str:
    """Of names and contents of everything prepared."""
    whole = hashlib.sha256()
    for path in sorted(path for path in prepared.rglob("*") if path.is_file()):
        with open(path, "rb") as file:
            whole.update(f"{path.relative_to(prepared)} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _forget(folder: Path) -> None:
    # Faster by far than walking a million files from Python.
    subprocess.run(["rm", "-rf", str(folder)], check=True)
