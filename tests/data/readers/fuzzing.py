"""Damaged and hostile files by the thousand: every reader must read them or refuse them, quickly and in little memory.

    python -m tests.data.readers.fuzzing --number 20000 --seed 1

One file of every format is made, then changed at random: bytes and numbers replaced, parts cut out, repeated, moved or
swapped, entities and paths to a secret outside the folder written in. Each input is read with a limit on memory and
time, and every file that is opened meanwhile is looked at. What may come out is a record, `ValueError` or
`FileNotFoundError`; anything else is printed with the number that makes it again. (Files that
libraries open in C, those of HDF5 and libsndfile, are not seen by this watch; the readers' own tests hold those.)
"""

import argparse
import json
import random
import re
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import soundfile
import wfdb
from tqdm import tqdm

from fairseq_signals.data.readers import read_record, readers
from tests.data.readers._vendor_files import WRITERS
from tests.data.readers._vendor_signals import LEADS as TWELVE
from tests.data.readers._vendor_signals import steps

LEADS = ("I", "II", "V1")
STATED = {"rate": 500, "leads": LEADS, "unit": "mV"}
SECONDS, MEMORY = 20, 2**30  # per input; memory beyond what the process had before
NUMBERS = (b"0", b"-1", b"1e9", b"4294967295", b"99999999999999999999", b"nan", b"inf", b"2147483648", b"1e-300")
INSERTS = (
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file://SECRET">]>',
    b'<!ENTITY a "&a;&a;&a;&a;">',
    b"&x;",
    b"../secret",
    b"SECRET",
    b"\0\0\0\0",
    b"]]>",
    b"<",
    b"\xff\xfe",
)


def write_samples(folder: Path) -> dict[str, tuple[Path, list[Path], dict]]:
    """By kind: what is read, all its files, and what must be said of it."""
    made = {}

    def place(kind: str, name: str) -> Path:
        (folder / kind).mkdir(parents=True)
        return folder / kind / name

    for kind, write in WRITERS.items():
        path = place(kind, "a.bin")
        path.write_bytes(write(steps(300)))
        made[kind] = (path, [path], {})
    values = np.random.default_rng(0).normal(0, 1, (len(LEADS), 400)).astype(np.float32)
    for fmt in ("16", "212", "24", "80"):
        place(f"wfdb{fmt}", "")
        wfdb.wrsamp("r", 500, ["mV"] * 3, list(LEADS), p_signal=values.T.astype(float), fmt=[fmt] * 3, write_dir=str(folder / f"wfdb{fmt}"))  # fmt: skip  # noqa: E501
        made[f"wfdb{fmt}"] = (folder / f"wfdb{fmt}" / "r.hea", sorted((folder / f"wfdb{fmt}").iterdir()), {})
    for kind, name, save in (
        ("npy", "a.npy", lambda path: np.save(path, values)),
        ("npz", "a.npz", lambda path: np.savez_compressed(path, signal=values, rate=500, leads=LEADS, unit="mV")),
        ("wav", "a.wav", lambda path: soundfile.write(path, values.T, 500, subtype="FLOAT")),
        ("flac", "a.flac", lambda path: soundfile.write(path, (values.T * 1000).astype(np.int16), 500)),
        ("mat", "a.mat", lambda path: scipy.io.savemat(path, {"val": values})),
        ("mat packed", "a.mat", lambda path: scipy.io.savemat(path, {"val": values}, do_compression=True)),
        ("mat struct", "A0001.mat", _save_struct),
        ("csv", "a.csv", lambda path: np.savetxt(path, values.T, delimiter=",", header=",".join(LEADS), comments="")),
        ("hdf5", "a.h5", _save_code),
    ):
        path = place(kind, name)
        save(path)
        sidecar = path.with_suffix(".json")
        said = dict(STATED) | ({"gain": 1000} if kind == "flac" else {})
        if kind in ("npy", "wav", "flac"):
            sidecar.write_text(json.dumps(said))
        stated = STATED if kind in ("mat", "mat packed", "csv") else {}
        stated = {"rate": 400, "unit": "mV", "leads": TWELVE} if kind == "hdf5" else stated
        made[kind] = (path, [path, *([sidecar] if sidecar.exists() else [])], stated | ({"row": 1} if kind == "hdf5" else {}))  # fmt: skip  # noqa: E501
    return made


def _save_struct(path: Path) -> None:
    data = np.random.default_rng(0).normal(0, 1, (12, 500))
    scipy.io.savemat(path, {"ECG": {"sex": "Male", "age": 61, "data": data}})


def _save_code(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["tracings"] = np.zeros((3, 4096, 12), np.float16)
        file["tracings"][1, 2000:2010] = 1  # stored as it is, without chunks: the small metadata stand first
        file["exam_id"] = np.array([7, 8, 9])


def change(content: bytes, draws: random.Random, secret: str) -> bytes:
    """The content with one to four random changes."""
    for _ in range(draws.randint(1, 4)):
        content = draws.choice(CHANGES)(content, draws, secret)
    return content


def _place(content: bytes, draws: random.Random) -> int:
    # Headers are small and matter most: half of all changes fall into the first kilobyte.
    return draws.randrange(min(len(content), 1024) if draws.random() < 0.5 else len(content)) if content else 0


def _flip(content, draws, secret):
    changed = bytearray(content)
    for _ in range(draws.randint(1, 8) if changed else 0):
        changed[_place(content, draws)] = draws.randrange(256)
    return bytes(changed)


def _cut(content, draws, secret):
    begin = _place(content, draws)
    return content[:begin] + (b"" if draws.random() < 0.5 else content[begin + draws.randint(1, 200) :])


def _repeat(content, draws, secret):
    begin = _place(content, draws)
    part = content[begin : begin + draws.randint(1, 400)]
    return content[:begin] + part * draws.randint(2, 50) + content[begin:]


def _number(content, draws, secret):
    found = list(re.finditer(rb"\d+", content[:20000]))
    if not found:
        return content
    one = draws.choice(found)
    return content[: one.start()] + draws.choice(NUMBERS) + content[one.end() :]


def _extreme(content, draws, secret):
    begin, size = _place(content, draws), draws.choice((2, 4, 8))
    value = draws.choice((b"\xff", b"\x7f", b"\x80", b"\x00")) * size
    return content[:begin] + value + content[begin + size :]


def _insert(content, draws, secret):
    begin = _place(content, draws)
    return content[:begin] + draws.choice(INSERTS).replace(b"SECRET", secret.encode()) + content[begin:]


def _lead_elsewhere(content, draws, secret):
    names = list(re.finditer(rb"[\w.]+\.(?:dat|mat|hea|dtd|xml)", content[:5000]))
    if not names:
        return content
    one = draws.choice(names)
    return content[: one.start()] + draws.choice((b"../secret", secret.encode(), b"/dev/zero")) + content[one.end() :]


CHANGES = (_flip, _flip, _cut, _repeat, _number, _number, _extreme, _insert, _lead_elsewhere)


class Watch:
    """Notices every file that is opened outside the folder, except what Python itself loads."""

    def __init__(self, folder: Path):
        self.folder, self.strangers, self.active = str(folder), [], False
        sys.addaudithook(self._hook)

    def _hook(self, event, arguments):
        if self.active and event == "open" and isinstance(arguments[0], (str, bytes)):
            path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
            library = path.endswith((".py", ".pyc", ".so", ".json", ".zip")) and "secret" not in path
            if not path.startswith(self.folder) and not library:
                self.strangers.append(path)


class Late(BaseException):
    """An input took too long; no reader may catch this."""


def _late(number, frame):
    raise Late


def fuzz(number: int, seed: int, folder: Path, progress: bool = True) -> tuple[Counter, list[str]]:
    """How many inputs of each kind were read and refused, and what must not happen.

    Args:
        number: of inputs.
        seed: of the first; input n is made from seed + n alone.
        folder: for the files.
        progress: whether to show a bar.
    """
    inside, secret = folder / "source", folder / "secret"
    secret.write_text("r 1 500 10\nsecret 16 200/mV 16 0 0 0 0 I\n")
    samples = write_samples(inside)
    kinds, outcomes, wrong, watch = sorted(samples), Counter(), [], Watch(inside)
    originals = {path: path.read_bytes() for _, paths, _ in samples.values() for path in paths}
    for main, _, stated in samples.values():
        read_record(main, **stated)  # each is whole before it is damaged
    readers()
    _limit_memory()
    signal.signal(signal.SIGALRM, _late)
    for n in tqdm(range(seed, seed + number), desc="damaged files", unit="file", disable=not progress):
        draws = random.Random(n)
        kind = draws.choice(kinds)
        main, paths, stated = samples[kind]
        target = draws.choice(paths)
        target.write_bytes(change(originals[target], draws, str(secret)))
        outcome = _read(main, stated, watch)
        outcomes[kind, outcome if outcome in ("read", "refused") else "wrong"] += 1
        if outcome not in ("read", "refused"):
            wrong.append(f"seed {n}: {kind}: {outcome}")
        target.write_bytes(originals[target])
    signal.alarm(0)
    return outcomes, wrong


def _read(path: Path, stated: dict, watch: Watch) -> str:
    watch.strangers, watch.active = [], True
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record = read_record(path, **stated)
        outcome = "read" if record.signal.ndim == 2 else "no signal"
    except (ValueError, FileNotFoundError) as error:
        outcome = "refused" if str(path.parent) in str(error) else f"does not say where: {error!r}"
    except (Exception, Late) as error:
        outcome = f"{type(error).__name__}: {str(error)[:300]}"
    finally:
        signal.alarm(0)
        watch.active = False
    return f"opened {watch.strangers[0]}" if watch.strangers else outcome


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, hard))


def main(arguments=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--number", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        outcomes, wrong = fuzz(options.number, options.seed, Path(folder))
    kinds = sorted({kind for kind, _ in outcomes})
    for kind in kinds:
        counts = ", ".join(f"{outcomes[kind, what]} {what}" for what in ("read", "refused", "wrong"))
        print(f"{kind}: {counts}")
    print(f"{outcomes.total()} inputs, {len(wrong)} wrong", *wrong[:50], sep="\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
