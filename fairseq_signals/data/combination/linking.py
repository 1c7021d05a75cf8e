"""The combined store: shards that fit are linked into it, the others are resampled, one at a time.

A linked shard is the same file on disk under a second name: it costs no room, and stays when the source's folder is
moved or deleted. Where the file system cannot link, it is copied. An index is put into place after its data, so an
index in the combined store means a whole shard, as in every store.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fairseq_signals.data.atomic import partial_path, publish
from fairseq_signals.data.card import CARD_NAME, file_digest
from fairseq_signals.data.engine import engine
from fairseq_signals.data.parent import leave_with, stop_if_orphaned
from fairseq_signals.data.resample import resample
from fairseq_signals.data.store import ShardWriter, Store

ENDINGS = (".i16", ".npy")  # the data first: an index means that it is there


@dataclass(frozen=True)
class Shard:
    """One shard of a part, and what becomes of it.

    Attributes:
        store: folder of the part's shards.
        name, new_name: in the part's store and in the combined one.
        digests: SHA-256 of its data and of its index, as the part's card tells.
        places: rows of the shard that are used, sorted.
        rates: Hz of each of them.
        rate: Hz that is wanted.
    """

    store: Path
    name: str
    new_name: str
    digests: tuple[str | None, str | None]
    places: np.ndarray
    rates: np.ndarray
    rate: float

    @cached_property
    def fits(self) -> bool:
        """Whether every recording that is used has the rate."""
        return bool((self.rates == self.rate).all())

    def new_place(self, place: int) -> int:
        """Row in the combined store of one that is used."""
        return place if self.fits else int(np.searchsorted(self.places, place))


def fill(shards: Sequence[Shard], dest: Path, workers: int = 1, dask: str | None = None) -> int:
    """Puts the shards into a store as far as they are not there, and returns how many had to be copied.

    Args:
        shards: in any order; the store is the same whatever the order and the number of workers.
        dest: folder of the combined store, which exists.
        workers: processes of this machine.
        dask: address of a Dask scheduler to work on instead.

    Raises:
        ValueError, FileNotFoundError: a shard is not what its part's card tells.
    """
    open_shards = [shard for shard in shards if not _is_done(dest, shard.new_name)]
    total, left = (sum(len(shard.places) for shard in some) for some in (shards, open_shards))
    parent = None if dask else os.getpid()
    tasks = ((shard, dest.resolve(), parent) for shard in open_shards)
    copied = 0
    with (
        tqdm(total=total, initial=total - left, desc="combining", unit="recording", smoothing=0.1) as progress,
        engine(workers, dask) as work,
    ):
        for count, was_copied in work(_put, tasks):
            progress.update(count)
            copied += was_copied
    return copied


def _put(shard: Shard, dest: Path, parent: int | None) -> tuple[int, bool]:
    """Puts one shard into place; the number of its recordings, and whether it had to be copied."""
    leave_with(parent)
    for ending, digest in zip(ENDINGS, shard.digests, strict=True):
        file = shard.store / f"{shard.name}{ending}"
        if digest is None or file_digest(file) != digest:
            raise ValueError(f"files must be as {CARD_NAME} tells, got other contents in {file}")
    stop_if_orphaned(parent)
    if not shard.fits:
        _resample(shard, dest, parent)
        return len(shard.places), False
    linked = [_link(shard.store / f"{shard.name}{end}", dest / f"{shard.new_name}{end}") for end in ENDINGS]
    return len(shard.places), not all(linked)


def _link(file: Path, place: Path) -> bool:
    """Puts a file into place; whether it could be linked, and needed not to be copied."""
    place.unlink(missing_ok=True)  # what a killed run left
    try:
        os.link(file.resolve(), place)
        return True
    except OSError:  # another file system, or one that knows no links
        partial = partial_path(place)
        try:
            shutil.copyfile(file, partial)
            with open(partial, "rb+") as copy:
                os.fsync(copy.fileno())
            publish(partial, place)
        finally:
            partial.unlink(missing_ok=True)
        return False


def _resample(shard: Shard, dest: Path, parent: int | None) -> None:
    store = Store(shard.store)
    with ShardWriter(dest, shard.new_name) as writer:
        for place, rate in zip(shard.places.tolist(), shard.rates.tolist(), strict=True):
            stop_if_orphaned(parent)
            writer.add(resample(store.millivolts(shard.name, place), rate, shard.rate))
        stop_if_orphaned(parent)


def _is_done(dest: Path, name: str) -> bool:
    try:
        Store(dest).index(name)
    except (ValueError, FileNotFoundError):  # not there, or somebody took a part of it away
        return False
    return True


def shards_of(
    store: Path,
    part: str,
    names: Sequence[str],
    files: dict[str, str],
    used: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]],
    rate: float,
) -> dict[str, Shard]:
    """The shards of a part of which anything is used, by name.

    Args:
        store: the part's.
        part: name of the part, which the names in the combined store begin with.
        names: of its shards, by number.
        files: digests in the part's card.
        used: (number of shard, row in it, Hz) of rows that are used; a row may come more than once.
        rate: Hz that is wanted.
    """
    numbers, places, rates = (np.concatenate(one) for one in zip(*used, strict=True))
    order = np.lexsort((places, numbers))
    numbers, places, rates = numbers[order], places[order], rates[order]
    new = np.ones(len(numbers), bool)
    new[1:] = (np.diff(numbers) != 0) | (np.diff(places) != 0)
    numbers, places, rates = numbers[new], places[new], rates[new]
    shards, cuts = {}, np.flatnonzero(np.diff(numbers)) + 1
    for mine in np.split(np.arange(len(numbers)), cuts) if len(numbers) else ():
        name = names[numbers[mine[0]]]
        digests = tuple(files.get(f"{store.name}/{name}{ending}") for ending in ENDINGS)
        shards[name] = Shard(store.resolve(), name, f"{part}-{name}", digests, places[mine], rates[mine], rate)
    return shards
