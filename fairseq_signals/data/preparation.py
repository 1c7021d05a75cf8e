"""From a source's recordings to a prepared data set: store, manifests, list of rejects and card.

A preparation may be killed at any moment and started again with the same command; what was packed is not packed
again and the result is the same to the byte. One that was begun with other recordings or other options is refused.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from fairseq_signals.data.checksums import published
from fairseq_signals.data.destination import REJECTED, SPLITS, WARNINGS, begin, finish, give_up, held
from fairseq_signals.data.item import Item, Packed, Packing, Reject
from fairseq_signals.data.packing import pack
from fairseq_signals.data.patients import with_patients
from fairseq_signals.data.prepared_files import commonest, print_summary, write_arranged, write_lists
from fairseq_signals.data.self_test import judge
from fairseq_signals.data.source import Arrangement, Source, Work, row_of
from fairseq_signals.data.table import STORE_FOLDER

__all__ = ["SPLITS", "Arrangement", "Source", "Work", "prepare", "row_of"]  # all that a preparer needs


def prepare(
    source: Source,
    dest: Path,
    packing: Packing,
    arrange: Callable[[list[Packed]], Arrangement],
    work: Work | None = None,
) -> dict[str, Any]:
    """Prepares a source into the folder `dest`, prints a summary, and returns the contents of `dataset.yaml`.

    Args:
        source: recordings and choices.
        dest: a new or empty folder, or one in which the same preparation was begun.
        packing: how recordings are packed.
        arrange: makes rows, splits, pairs and classes from what was packed.
        work: who does it; by default this process alone.

    Raises:
        ValueError: `dest` holds something else, nothing could be packed, files change meanwhile, the self-tests find
            the whole source wrong, or the splits share a patient.
    """
    dest, work = Path(dest), work or Work()
    digest = _plan_digest(source, packing)
    with held(dest) as folder:
        card = begin(dest, folder, digest, work.overwrite)
        if card is None:
            packed, rejects = pack(
                source.items,
                source.root,
                dest / STORE_FOLDER,
                folder,
                packing,
                work.workers,
                source.stated,
                published(source.root),
                work.dask,
            )
            if not packed:
                give_up(folder)  # another command may be tried in the same place
            packed, rejects = _without_repeated_ids(packed, [*rejects, *source.left_out])
            card = _finish(source, dest, packing, arrange, packed, rejects, digest)
        else:
            print(f"{dest} is prepared already (whether files changed since is not seen); --overwrite prepares it anew")
        finish(folder)
    print_summary(dest, card)
    return card


def _plan_digest(source: Source, packing: Packing) -> str:
    plan = {
        "source": [source.name, source.version],
        "choices": dict(source.choices),
        "stated": asdict(source.stated),
        "packing": asdict(packing),
    }
    digest = hashlib.sha256(json.dumps(plan, sort_keys=True).encode())
    for one in (*source.items, *source.left_out):  # one at a time: a million of them would be a gigabyte of text
        digest.update(json.dumps(_plain(one), sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _plain(one: Item | Reject) -> dict[str, Any]:
    cells = {each.name: getattr(one, each.name) for each in fields(one)}
    return cells | {"item": _plain(one.item)} if isinstance(one, Reject) else cells


def _without_repeated_ids(packed: list[Packed], rejects: list[Reject]) -> tuple[list[Packed], list[Reject]]:
    kept: dict[str, Packed] = {}
    repeated = []
    for one in packed:
        if kept.setdefault(one.item.id, one) is not one:
            first = kept[one.item.id].item.file
            repeated.append(Reject(one.item, "duplicate id", f"id must be unique, got that of {first} again"))
    return list(kept.values()), rejects + repeated


def _finish(
    source: Source,
    dest: Path,
    packing: Packing,
    arrange: Callable[[list[Packed]], Arrangement],
    packed: list[Packed],
    rejects: list[Reject],
    digest: str,
) -> dict[str, Any]:
    verdict = judge(packed, source.stated.calibrated, packing.keep_suspect)
    rejects = [*rejects, *verdict.rejects]
    gone = {reject.item.id for reject in verdict.rejects}
    packed = [one for one in packed if one.item.id not in gone]
    write_lists(dest, source, packed, rejects, verdict)
    if verdict.refusal:
        where = f"see {dest / REJECTED} and {dest / WARNINGS}; with other options add --overwrite"
        raise ValueError(f"{verdict.refusal} ({where})")
    if not packed:
        why = f"; {commonest(rejects)}" if rejects else ""
        raise ValueError(
            f"at least one recording must be usable, got none of {len(source.items)}{why} (see {dest / REJECTED})"
        )
    packed = with_patients(packed)
    return write_arranged(dest, source, packing, arrange(packed), packed, rejects, verdict, digest)
