"""From a prepared folder to one whose manifests are those of a design: the store linked, nothing copied.

Like a preparation it may be stopped at any moment and started again with the same command; a folder that was begun
with other choices is refused.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.card import CARD_NAME, read_card, write_card
from fairseq_signals.data.combination.linking import ENDINGS, Shard, fill
from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort, Dealt
from fairseq_signals.data.designs.report import HEADER, one_sided, table_of
from fairseq_signals.data.destination import SPLITS, begin, finish, held
from fairseq_signals.data.folder_digest import folder_digest
from fairseq_signals.data.manifest import Manifest, label_matrix, write_manifest
from fairseq_signals.data.preparation import Work
from fairseq_signals.data.prepared_files import write_table
from fairseq_signals.data.row import COLUMNS, Row
from fairseq_signals.data.rule_labels import rule_doubts
from fairseq_signals.data.splits import joined_by_signal
from fairseq_signals.data.subset import manifest_of_card
from fairseq_signals.data.table import STORE_FOLDER

PART, REPORT = "part", "design.tsv"
DESIGN, DOUBTS = "design", "doubts"  # the card's keys: of what is ours, and in there of what is odd


def write_design(
    folder: str | Path,
    dest: str | Path,
    name: str,
    design: Callable[[Cohort], Dealt],
    case: str,
    choices: Mapping[str, Any],
    institution: str | None = None,
    only: tuple[str, Sequence[str]] | None = None,
    work: Work | None = None,
) -> dict[str, Any]:
    """Writes the manifests of a design into `dest`, and returns the contents of its `dataset.yaml`.

    All recordings of the folder's train, valid and test are dealt out anew. Manifests have one more column, `part`, of
    the patients who are trained on (`scripts/subset.py --nested part=1,2,…` makes nested fractions of it). Whoever
    shares a recording, sample for sample, counts as one patient.

    Args:
        folder: prepared; its own splits do not matter.
        dest: a new or empty folder, or one in which the same design was begun.
        name: of the design.
        design: deals out a cohort.
        case: a class of the folder, or a rule such as `lvsd: ef < 40`.
        choices: what was chosen of the design, for the card.
        institution: column that tells where a recording was taken; None where that does not matter.
        only: a column and the cells of which a recording must have one to be dealt out; None for all.
        work: who does it; one process where None.

    Raises:
        ValueError, FileNotFoundError: the folder is not prepared or not what its card tells, the class or column is
            not there, the design does not fit the cohort, or `dest` holds something else.
    """
    folder, dest, work = Path(folder), Path(dest), work or Work()
    card = read_card(folder)
    if card is None:
        raise FileNotFoundError(f"folder must be a prepared one with {CARD_NAME}, got none in {folder}")
    if folder.resolve() == dest.resolve():
        raise ValueError(f"dest must be another folder than the source, got {dest}")
    manifests = [manifest_of_card(folder / f"{split}.tsv", card) for split in SPLITS]
    rows, cohort = _read(manifests, case, institution, only)
    doubts = [f"{manifest.path.name}: {line}" for manifest in manifests for line in rule_doubts(manifest, [case])]
    if (cohort.states == UNKNOWN).all():
        why = "".join(f"; {line}" for line in doubts)
        raise ValueError(f"case must be known of some of the recordings, got none with {case!r} ({folder}){why}")
    dealt = design(cohort)
    _prove(cohort, dealt)
    told = {"name": name, "case": case, "institution": institution, **choices}
    told |= {"only": None if only is None else f"{only[0]}={','.join(only[1])}"}
    plan = json.dumps([told, folder_digest(folder)], sort_keys=True)
    digest = hashlib.sha256(plan.encode()).hexdigest()
    with held(dest, [REPORT, *(f"{one}.tsv" for one in dealt.manifests)]) as scratch:
        made = begin(dest, scratch, digest, work.overwrite)
        if made is None:
            shards = _shards(folder, card)
            fill(shards, dest / STORE_FOLDER, work.workers, work.dask)
            made = _finish(dest, card, rows, cohort, dealt, told, doubts, shards, digest)
        finish(scratch)
    return made


def _read(
    manifests: Sequence[Manifest],
    case: str,
    institution: str | None,
    only: tuple[str, Sequence[str]] | None,
) -> tuple[list[Row], Cohort]:
    rows: list[Row] = []
    states: list[int] = []
    for manifest in manifests:
        if PART in manifest.columns:
            where = f"({manifest.path}, line 1)"
            raise ValueError(f"column {PART} must be free for the design's parts, got one already {where}")
        if institution is not None:
            manifest.column(institution)  # refuses a column that is not there
        labels, known = label_matrix(manifest, [case])
        of_split = np.where(known[:, 0], np.where(labels[:, 0], CASE, CONTROL), UNKNOWN)
        wanted = range(len(manifest)) if only is None else _fitting(manifest.column(only[0]), only[1])
        rows += [manifest[place] for place in wanted]
        states += [int(of_split[place]) for place in wanted]
    if not rows:
        raise ValueError(f"some recordings must be left, got none with {only[0]}={','.join(only[1])} (--only)")
    digests = [row.extra.get("waveform") or row.id for row in rows]
    patients = joined_by_signal([row.patient for row in rows], digests)
    places = [row.extra[institution] if institution else "" for row in rows]
    return rows, Cohort(patients, np.array(states), places, [row.id for row in rows])


def _fitting(cells: Sequence[str], values: Sequence[str]) -> list[int]:
    return [place for place, cell in enumerate(cells) if cell in values]


def _prove(cohort: Cohort, dealt: Dealt) -> None:
    """Makes sure that no manifest is empty and nobody is on two sides of the design."""
    empty = [name for name, places in dealt.manifests.items() if not len(places)]
    if empty:
        raise ValueError(f"every manifest must have recordings, got none for {', '.join(empty)}: too few patients")
    people = {name: {cohort.patients[place] for place in places} for name, places in dealt.manifests.items()}
    for group in dealt.apart:
        for number, one in enumerate(group):
            for other in group[number + 1 :]:
                if both := people[one] & people[other]:
                    raise ValueError(f"a patient must be in one manifest, got {min(both)!r} in {one} and in {other}")


def _shards(folder: Path, card: Mapping[str, Any]) -> list[Shard]:
    """Every shard of the folder under its own name, to be linked as it is."""
    found = []
    for index in sorted(
        name for name in card["files"] if name.startswith(f"{STORE_FOLDER}/") and name.endswith(".npy")
    ):
        name = Path(index).stem
        digests = tuple(card["files"].get(f"{STORE_FOLDER}/{name}{ending}") for ending in ENDINGS)
        places = np.arange(len(np.load(folder / index, mmap_mode="r")))
        store = (folder / STORE_FOLDER).resolve()
        found.append(Shard(store, name, name, digests, places, np.ones(len(places)), 1.0))
    return found


def _finish(
    dest: Path,
    card: Mapping[str, Any],
    rows: list[Row],
    cohort: Cohort,
    dealt: Dealt,
    told: Mapping[str, Any],
    doubts: Sequence[str],
    shards: list[Shard],
    digest: str,
) -> dict[str, Any]:
    extra = list(dict.fromkeys(name for name in rows[0].extra if name not in COLUMNS))
    for row, patient in zip(rows, cohort.patients, strict=True):
        row.extra[PART] = str(dealt.parts.get(patient, ""))
    for name, places in dealt.manifests.items():
        write_manifest(dest / f"{name}.tsv", (rows[place] for place in places.tolist()), [*extra, PART])
    table = table_of(cohort, dealt)
    write_table(dest / REPORT, HEADER, ([str(cell) for cell in row.values()] for row in table))
    counts = dict(card["counts"]) | {
        "recordings": len(rows),
        "patients": len({row.patient for row in rows}),
        "rows": {name: len(places) for name, places in dealt.manifests.items()},
    }
    how = ", ".join(f"{key} {_plain(value)}" for key, value in told.items() if key != "name" and value is not None)
    ours = {
        "counts": counts,
        "split": f"design {told['name']}, by patient ({how})",
        DESIGN: {**told, "table": table, DOUBTS: [*doubts, *one_sided(table)]},
        "preparation": digest,
        "prepared from": card.get("preparation"),
    }
    kept = {key: value for key, value in card.items() if key not in ("files", "subsets")}
    files = [REPORT, *(f"{name}.tsv" for name in dealt.manifests)]
    files += [f"{STORE_FOLDER}/{shard.name}{ending}" for shard in shards for ending in ENDINGS]
    return write_card(dest, kept | ours, files)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " + ".join(map(str, value))
    return f"{value:.4g}" if isinstance(value, float) else str(value)
