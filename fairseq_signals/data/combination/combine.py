"""From several prepared folders to one: the store linked, the manifests joined, and nobody on both sides of a split.

Like a preparation it may be stopped at any moment and started again with the same command, and the result is the same
to the byte whatever the number of workers; a folder that was begun with other choices is refused.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.card import read_card, write_card
from fairseq_signals.data.combination.apart import prove_apart
from fairseq_signals.data.combination.comparison import SourceOfName, nothing_told
from fairseq_signals.data.combination.content import Content
from fairseq_signals.data.combination.exclusion import digests_of, display_name
from fairseq_signals.data.combination.label_space import Meanings, label_space
from fairseq_signals.data.combination.linking import ENDINGS, Shard, fill, shards_of
from fairseq_signals.data.combination.people import select
from fairseq_signals.data.combination.plan import Combination
from fairseq_signals.data.combination.prepared import Prepared
from fairseq_signals.data.combination.rows import extra_columns, rows_of
from fairseq_signals.data.combination.selection import Selection
from fairseq_signals.data.combination.summary import card_of, print_summary
from fairseq_signals.data.destination import EXCLUDED, LISTS, SPLITS, begin, finish, held
from fairseq_signals.data.folder_digest import folder_digest
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.preparation import Work
from fairseq_signals.data.prepared_files import write_table
from fairseq_signals.data.store import Store
from fairseq_signals.data.table import STORE_FOLDER

_FORMAT = 1  # another way of combining is another plan


def combine(
    plan: Combination,
    dest: Path,
    work: Work | None = None,
    meanings: Meanings | None = None,
    source_of_name: SourceOfName = nothing_told,
) -> dict[str, Any]:
    """Combines prepared folders into `dest`, prints a summary, and returns the contents of `dataset.yaml`.

    Args:
        plan: what, from where, without whom.
        dest: a new or empty folder, or one in which the same combination was begun.
        work: who does it; one process where None.
        meanings: what the sources' codes mean, and which classes there are; all under their own names where None.
            `plan.classes` and `plan.translate` name the tables it was read from.
        source_of_name: which source a recording's name tells; for `plan.apart_from`.

    Raises:
        ValueError, FileNotFoundError: a source is not prepared or not what its card tells, people would be on both
            sides of a split, the classes fit no source, a recording is of a folder that the plan must be apart
            from or cannot be compared with it, or `dest` holds something else.
    """
    dest, work, meanings = Path(dest), work or Work(), meanings or Meanings()
    parts = [Prepared(part, plan.allow_uncalibrated) for part in plan.parts]
    _check_apart(dest, parts)
    digest = _plan_digest(plan, parts, meanings)
    card = read_card(dest)
    if card is None or card.get("preparation") != digest or work.overwrite:
        # What cannot be combined is refused before anything is begun.
        content = _decide(plan, parts, meanings, source_of_name)
        with held(dest) as folder:
            begin(dest, folder, digest, work.overwrite)
            copied = fill(list(content.shards.values()), dest / STORE_FOLDER, work.workers, work.dask)
            card = _finish(content, dest, digest)
            finish(folder)
        if copied:
            print(f"{copied} shards could not be linked and were copied: they take room of their own")
    else:
        print(f"{dest} is combined already; --overwrite combines it anew")
    print_summary(dest, card)
    return card


def _check_apart(dest: Path, parts: Sequence[Prepared]) -> None:
    if any(part.part.folder.resolve() == dest.resolve() for part in parts):
        raise ValueError(f"dest must be another folder than the sources, got {dest}")


def _plan_digest(plan: Combination, parts: Sequence[Prepared], meanings: Meanings) -> str:
    told = {
        "format": _FORMAT,
        "parts": [asdict(one.part) | {"folder": folder_digest(one.part.folder)} for one in parts],
        "exclude": [[display_name(path), *digests_of(path)] for path in plan.exclude],
        "meanings": asdict(meanings),
        "apart": [folder_digest(path) for path in plan.apart_from],
        "choices": asdict(plan) | dict.fromkeys(("parts", "exclude", "translate", "apart_from")),
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _decide(plan: Combination, parts: Sequence[Prepared], meanings: Meanings, source_of_name: SourceOfName) -> Content:
    space = label_space(parts, meanings)
    selection = select(plan, parts)
    apart = prove_apart(plan, parts, selection, source_of_name)
    rate = _common_rate(plan, selection)
    return Content(plan, parts, selection, space, _used_shards(parts, selection, rate), rate, apart)


def _common_rate(plan: Combination, selection: Selection) -> float:
    rates = {
        rate
        for (_, name), listed in selection.recordings.listed.items()
        for rate in np.unique(listed.rate[selection.kept[name][listed.recording]]).tolist()
    }
    if plan.rate is None and len(rates) > 1:
        told = ", ".join(f"{rate:g}" for rate in sorted(rates))
        raise ValueError(f"rate must be given where recordings differ, got {told} Hz (--rate)")
    return float(plan.rate or rates.pop())


def _used_shards(parts: Sequence[Prepared], selection: Selection, rate: float) -> dict[tuple[int, str], Shard]:
    """What becomes of each shard of which anything is used, by part and name."""
    recordings, found = selection.recordings, {}
    for number, part in enumerate(parts):
        used = []
        for name in part.manifests:
            listed = recordings.listed[number, name]
            kept = selection.kept[name][listed.recording]
            used.append((listed.shard[kept], listed.place[kept], listed.rate[kept]))
        shards = shards_of(part.store, part.part.name, recordings.shards[number], part.card["files"], used, rate)
        found |= {(number, name): shard for name, shard in shards.items()}
    names = [shard.new_name for shard in found.values()]
    if len(set(names)) != len(names):
        raise ValueError(
            f"shards must differ in name, got {max(names, key=names.count)} twice (:name=… gives a source another name)"
        )
    return found


def _finish(content: Content, dest: Path, digest: str) -> dict[str, Any]:
    store, columns = Store(dest / STORE_FOLDER), extra_columns(content.parts)
    counts = {
        name: write_manifest(dest / f"{name}.tsv", rows_of(name, content, store), columns)
        for name in LISTS
        if content.selection.kept[name].any() or name in (*SPLITS, "pretrain")
    }
    write_table(dest / EXCLUDED, ("id", "reason"), content.selection.excluded())
    files = [EXCLUDED, *(f"{name}.tsv" for name in counts)]
    files += [f"{STORE_FOLDER}/{shard.new_name}{end}" for shard in content.shards.values() for end in ENDINGS]
    return write_card(dest, card_of(content, counts, digest), files)
