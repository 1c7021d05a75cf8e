"""Prepared folders of a few made-up recordings, written by hand so that every cell is known."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import pytest

from fairseq_signals.data.card import write_card
from fairseq_signals.data.combination.plan import Combination, Part, part_of
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.row import Row, parse_labels
from fairseq_signals.data.store import ShardWriter

SPLITS = ("train", "valid", "test")


@dataclass
class Made:
    """One recording: `wave` decides its samples and its digest."""

    id: str
    patient: str
    split: str = "train"
    labels: str = ""
    wave: int | None = None
    source: str = ""
    seconds: float = 3.0


def samples(wave: int, rate: float, seconds: float, leads: int = 12) -> np.ndarray:
    """Whole microvolts, int16 `[L, T]`."""
    return np.random.default_rng(wave).integers(-3000, 3000, (leads, round(rate * seconds))).astype(np.int16)


@pytest.fixture
def made():
    """The class of a recording, see `Made`."""
    return Made


@pytest.fixture
def prepared(tmp_path):
    """`prepared(name, recordings, …) -> Part`: a prepared folder `tmp_path/name`, two recordings in a shard."""

    def make(
        name,
        recordings,
        classes=("A", "B"),
        unannotated=(),
        rate=100.0,
        source=None,
        identified=None,
        leads=STANDARD_LEADS,
        signal=samples,
        card=None,
        extra=None,
        **choices,
    ) -> Part:
        folder = tmp_path / name
        (folder / "store").mkdir(parents=True)
        rows: dict[str, Row] = {}
        for start in range(0, len(recordings), 2):
            with ShardWriter(folder / "store", f"shard-{start // 2:05d}") as writer:
                for one in recordings[start : start + 2]:
                    wave = wave_of(one, name)
                    integers = signal(wave, rate, one.seconds, len(leads))
                    place = writer.add(integers.astype(np.float32) / 1000)
                    labels, unknown, unlabelled = parse_labels(one.labels)
                    cells = {"waveform": f"{wave:016x}", **(extra or {})}
                    cells |= {"source": one.source} if one.source else {}
                    rows[one.id] = Row(one.id, f"shard-{start // 2:05d}:{place}", 0, integers.shape[1], rate, leads,
                                       one.patient, labels, unknown, unlabelled, cells)  # fmt: skip
        lists = {split: [rows[one.id] for one in recordings if one.split == split] for split in SPLITS}
        identified = identified or {}
        paired = {row.patient for some in identified.values() for row in map(rows.get, some)}
        lists["pretrain"] = [row for row in lists["train"] if row.patient not in paired]
        lists |= {key: [crop(rows[one], number) for number, one in enumerate(some)] for key, some in identified.items()}
        columns = list(dict.fromkeys(key for row in rows.values() for key in row.extra))
        for key, some in lists.items():
            write_manifest(folder / f"{key}.tsv", some, columns)
        told = {"source": source or name, "version": "1", "counts": {}, "classes": list(classes), "split": "by hand",
                "unannotated": list(unannotated), "rate": rate, "preparation": name, **(card or {})}  # fmt: skip
        shards = [f"store/{path.name}" for path in (folder / "store").iterdir()]
        write_card(folder, told, [*(f"{key}.tsv" for key in lists), *shards])
        return part_of({"folder": str(folder), **choices}, "test")

    return make


def wave_of(one: Made, name: str) -> int:
    """The seed of a recording's samples: its own, or one that only this folder and id have."""
    if one.wave is not None:
        return one.wave
    return int.from_bytes(hashlib.blake2b(f"{name} {one.id}".encode(), digest_size=7).digest())


def crop(row: Row, number: int) -> Row:
    """One second of a recording, from a place that differs from row to row."""
    return replace(row, start=7 * number + 1, length=round(row.rate))


@pytest.fixture
def plan():
    """`plan(*parts, **choices) -> Combination`."""

    def make(*parts, **choices) -> Combination:
        return Combination(tuple(parts), **choices)

    return make
