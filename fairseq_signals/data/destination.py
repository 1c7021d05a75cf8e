"""The folder that a data set is prepared into: begun, left at any moment, continued, refused or discarded.

Unfinished work stands in a hidden folder inside it, together with the digest of the plan it belongs to. `dataset.yaml`
is written last and holds the same digest: where it stands, the preparation is finished.
"""

import fcntl
import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.card import CARD_NAME, read_card
from fairseq_signals.data.table import STORE_FOLDER

SPLITS = ("train", "valid", "test")
TEST_PAIRS, VALID_PAIRS = ("gallery", "probe"), ("valid_gallery", "valid_probe")
PAIRS = (*TEST_PAIRS, *VALID_PAIRS)
LISTS = (*SPLITS, "pretrain", *PAIRS)  # every manifest that a data set may have
REJECTED, WARNINGS = "rejected.tsv", "warnings.tsv"
EXCLUDED = "excluded.tsv"  # of a combination
_WORK, _PLAN = ".preparation", "plan.json"
_NOTHING = "nothing usable"  # in place of a plan's digest
_TABLES = (REJECTED, WARNINGS, EXCLUDED, *(f"{name}.tsv" for name in LISTS))
_OURS = {CARD_NAME, _WORK, STORE_FOLDER, *_TABLES}


@contextmanager
def held(dest: Path, ours: Collection[str] = ()) -> Iterator[Path]:
    """The folder for unfinished work, locked against a second preparation into the same place.

    Args:
        dest: the folder that is prepared into.
        ours: names of further files that may stand there.

    Raises:
        ValueError: `dest` holds what no preparation makes, or another process is preparing into it.
    """
    if dest.exists() and not dest.is_dir():
        raise ValueError(f"dest must be a folder, got the file {dest}")
    strangers = _strangers(dest, _OURS.union(ours)) if dest.exists() else []
    if strangers:
        raise ValueError(f"dest must be a folder of its own, got {dest}, which holds {', '.join(strangers[:5])}")
    work = dest / _WORK
    work.mkdir(parents=True, exist_ok=True)
    with open(work / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"dest must be free, got {dest}, into which another process is preparing") from None
        try:
            yield work
        finally:
            if [path.name for path in work.iterdir()] == ["lock"]:  # nothing was begun, or all is finished
                shutil.rmtree(work)


def begin(dest: Path, work: Path, digest: str, overwrite: bool) -> dict[str, Any] | None:
    """Makes room for a plan.

    Args:
        dest: the folder.
        work: what `held` gave.
        digest: of the plan.
        overwrite: discard a preparation that is finished, or that was begun with another plan.

    Returns:
        The card where this plan was already carried out, else None.

    Raises:
        ValueError: the folder holds the preparation of another plan, or files that no preparation left.
    """
    card, plan = read_card(dest), work / _PLAN
    begun = json.loads(plan.read_text())["digest"] if plan.is_file() else None
    if card is not None and not overwrite and card.get("preparation") == digest:
        return card
    leftovers = sorted(path.name for path in dest.iterdir() if path != work)
    if leftovers and card is None and begun is None:
        raise ValueError(f"dest must be a folder of its own, got {dest}, which holds {', '.join(leftovers[:5])}")
    if leftovers and (card is not None or begun != digest):
        if not overwrite and begun != _NOTHING:
            raise ValueError(
                f"dest must be empty or hold the same preparation, got {dest}, which was prepared from other "
                f"recordings or with other options; --overwrite discards it, another --dest keeps it"
            )
        _discard(dest, work)
    _write_plan(work, digest)
    (dest / STORE_FOLDER).mkdir(exist_ok=True)
    for folder in (dest, work, dest / STORE_FOLDER):
        for partial in folder.glob("*.partial"):
            partial.unlink()
    return None


def give_up(work: Path) -> None:
    """Frees the folder for any other plan, as this one found nothing that could be used; what it wrote is left."""
    _write_plan(work, _NOTHING)


def finish(work: Path) -> None:
    """Forgets the plan and the reports, once the card is written."""
    for path in work.glob("*.json"):
        path.unlink()


def _strangers(dest: Path, ours: Collection[str]) -> list[str]:
    """Names in the folder that are neither ours nor listed by its card, as manifests that were added later are."""
    found = sorted(path.name for path in dest.iterdir() if not _is_one_of(ours, path.name))
    card = read_card(dest) if found else None
    return [name for name in found if name not in card["files"]] if card else found


def _is_one_of(ours: Collection[str], name: str) -> bool:
    return name in ours or (name.endswith(".partial") and any(name.startswith(f"{own}.") for own in ours))


def _write_plan(work: Path, digest: str) -> None:
    with written_whole(work / _PLAN, "w") as file:
        json.dump({"digest": digest}, file)


def _discard(dest: Path, work: Path) -> None:
    _write_plan(work, "discarded")  # first: what a kill leaves behind is then known to be ours
    (dest / CARD_NAME).unlink(missing_ok=True)
    for path in (*work.glob("shard-*.json"), *dest.glob("*.tsv")):
        path.unlink()
    shutil.rmtree(dest / STORE_FOLDER, ignore_errors=True)
