"""From a source's recordings to a prepared data set: store, manifests, list of rejects and card.

A preparation may be killed at any moment and started again with the same command; what was packed is not packed
again and the result is the same to the byte. One that was begun with other recordings or other options is refused.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.card import write_card
from fairseq_signals.data.checksums import published
from fairseq_signals.data.destination import PAIRS, REJECTED, SPLITS, WARNINGS, begin, finish, held
from fairseq_signals.data.faults import FAULTS
from fairseq_signals.data.item import Item, Packed, Packing, Reject, Stated
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.packing import pack
from fairseq_signals.data.pairs import without_patients_of
from fairseq_signals.data.row import Row, clean
from fairseq_signals.data.self_test import Verdict, judge
from fairseq_signals.data.splits import check_disjoint
from fairseq_signals.data.table import STORE_FOLDER

_OWN_COLUMNS = ("derived", "waveform")  # which every preparation adds


@dataclass(frozen=True)
class Source:
    """What is prepared.

    Attributes:
        name, version: of the source; the version is None where it is not known.
        root: its folder.
        items: its recordings, sorted.
        left_out: recordings that the source itself rejects.
        choices: every option beyond the packing's that changes the result; no paths.
        stated: what its documentation says of its files that they do not say themselves.
        expected: how many recordings it publishes; None where that is not known.
        remarks: what its tables show as a whole (counts, assumptions), one line each, for the card and the summary.
        odd: what its tables say of single recordings that is odd, by id.
    """

    name: str
    version: str | None
    root: Path
    items: Sequence[Item]
    left_out: Sequence[Reject] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    stated: Stated = Stated()
    expected: int | None = None
    remarks: Sequence[str] = ()
    odd: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Arrangement:
    """What a source makes of the packed recordings.

    Attributes:
        splits: rows of train, valid and test.
        pairs: rows of gallery and probe (test) and of valid_gallery and valid_probe, as far as there are any.
        classes: codes in fixed order.
        unannotated: those that the source does not annotate.
        how: one sentence on how splits and pairs were made.
        extra_columns: further columns of the manifests.
        remarks: what came to light on the way, one line each, for the card and the summary.
    """

    splits: Mapping[str, Sequence[Row]]
    pairs: Mapping[str, Sequence[Row]]
    classes: Sequence[str]
    how: str
    unannotated: Sequence[str] = ()
    extra_columns: Sequence[str] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Work:
    """Who does the work, which changes nothing about the result.

    Attributes:
        workers: processes of this machine.
        dask: address of a Dask scheduler to work on instead.
        overwrite: discard a preparation that is finished or was begun differently.
    """

    workers: int = 1
    dask: str | None = None
    overwrite: bool = False


def prepare(
    source: Source,
    dest: Path,
    packing: Packing,
    arrange: Callable[[list[Packed]], Arrangement],
    work: Work = Work(),
) -> dict[str, Any]:
    """Prepares a source into the folder `dest`, prints a summary, and returns the contents of `dataset.yaml`.

    Args:
        source: recordings and choices.
        dest: a new or empty folder, or one in which the same preparation was begun.
        packing: how recordings are packed.
        arrange: makes rows, splits, pairs and classes from what was packed.
        work: who does it.

    Raises:
        ValueError: `dest` holds something else, nothing could be packed, files change meanwhile, the self-tests find
            the whole source wrong, or the splits share a patient.
    """
    dest = Path(dest)
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
            packed, rejects = _without_repeated_ids(packed, [*rejects, *source.left_out])
            card = _finish(source, dest, packing, arrange, packed, rejects, digest)
        else:
            print(f"{dest} is prepared already; --overwrite prepares it anew")
        finish(folder)
    _print_summary(dest, card)
    return card


def row_of(packed: Packed, **changes: Any) -> Row:
    """The manifest's row of a packed recording; what the item leaves open comes from the file."""
    item = packed.item
    cells = {
        "id": item.id,
        "ecg": packed.ecg,
        "start": 0,
        "length": packed.length,
        "rate": packed.rate,
        "leads": packed.leads,
        "patient": item.patient or packed.patient or item.id,
        "labels": packed.labels if item.labels is None else item.labels,
        "unknown": item.unknown,
        "unlabelled": item.unlabelled,
        "extra": {**item.extra, "derived": ",".join(packed.meta.get("derived", ())), "waveform": packed.digest},
    }
    return Row(**(cells | changes))


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
    _write_table(dest / REJECTED, ("id", "file", "reason", "message"), _rejected_lines(rejects))
    _write_table(dest / WARNINGS, ("id", "file", "warning"), _warning_lines(packed, source, verdict))
    if verdict.refusal:
        raise ValueError(f"{verdict.refusal} (see {dest / REJECTED} and {dest / WARNINGS})")
    if not packed:
        raise ValueError(
            f"at least one recording must be usable, got none of {len(source.items)}; see {dest / REJECTED}"
        )
    arrangement = arrange(packed)
    manifests = _manifests(arrangement)
    columns = _columns(arrangement, packed)
    for name, rows in manifests.items():
        write_manifest(dest / f"{name}.tsv", rows, columns)
    shards = sorted(path.relative_to(dest).as_posix() for path in (dest / STORE_FOLDER).iterdir())
    rates = {one.rate for one in packed}
    card = {
        "source": source.name,
        "version": source.version,
        "counts": _counts(source, packed, rejects, manifests, verdict),
        "checks": [*_expected_line(source), *source.remarks, *verdict.lines, *arrangement.remarks],
        "classes": list(arrangement.classes),
        "unannotated": list(arrangement.unannotated),
        "units": "mV" if source.stated.calibrated else "as given, not calibrated",
        "rate": rates.pop() if len(rates) == 1 else None,
        "split": arrangement.how,
        "options": {**_plain_options(packing), **source.choices},
        "preparation": digest,
    }
    return write_card(dest, card, [REJECTED, WARNINGS, *(f"{name}.tsv" for name in manifests), *shards])


def _columns(arrangement: Arrangement, packed: list[Packed]) -> list[str]:
    ours = ["derived"] if any(one.meta.get("derived") for one in packed) else []
    return [*(name for name in arrangement.extra_columns if name not in _OWN_COLUMNS), *ours, "waveform"]


def _expected_line(source: Source) -> list[str]:
    offered = len(source.items) + len(source.left_out)
    if source.expected in (None, offered):
        return []
    return [f"the source publishes {source.expected} recordings, got {offered}: is the download complete?"]


def _plain_options(packing: Packing) -> dict[str, Any]:
    relabel = [list(pair) for pair in packing.relabel]
    return {**asdict(packing), "leads": list(packing.leads), "relabel": relabel}


def _manifests(arrangement: Arrangement) -> dict[str, Sequence[Row]]:
    """Rows by manifest, after making sure that nobody is on both sides of a split."""
    splits, pairs = arrangement.splits, arrangement.pairs
    check_disjoint(splits)
    identified = [pairs[name] for name in PAIRS if pairs.get(name)]
    pretrain = without_patients_of(splits["train"], *identified)
    ours = [row for name in PAIRS[:2] for row in pairs.get(name, ())]
    theirs = [row for name in PAIRS[2:] for row in pairs.get(name, ())]
    for what, rows in (("test pairs", ours), ("validation pairs", theirs)):
        check_disjoint({"pretrain": pretrain, what: _one_per_recording(rows)})
    check_disjoint({"test pairs": ours, "validation pairs": theirs})
    return {**splits, "pretrain": pretrain, **{name: pairs[name] for name in PAIRS if pairs.get(name)}}


def _one_per_recording(rows: Sequence[Row]) -> list[Row]:
    return list({row.id: row for row in rows}.values())


def _counts(
    source: Source,
    packed: list[Packed],
    rejects: list[Reject],
    manifests: Mapping[str, Sequence[Row]],
    verdict: Verdict,
) -> dict[str, Any]:
    faults = Counter(reject.fault for reject in rejects)
    whole = [row for name in SPLITS for row in manifests[name]]
    return {
        "offered": len(source.items) + len(source.left_out),
        "recordings": len(packed),
        "rejected": {fault: faults[fault] for fault in FAULTS if faults[fault]},
        "with warnings": sum(bool(_warnings_of(one, source, verdict)) for one in packed),
        "same signal as another": len(packed) - len({one.digest for one in packed}),
        "patients": len({row.patient for row in whole}),
        "rows": {name: len(rows) for name, rows in manifests.items()},
        **verdict.card,
    }


def _rejected_lines(rejects: list[Reject]) -> Iterator[tuple[str, ...]]:
    for reject in rejects:
        yield reject.item.id, reject.item.file, reject.fault, reject.message


def _warnings_of(one: Packed, source: Source, verdict: Verdict) -> list[str]:
    name = one.item.id
    return [*one.meta.get("notes", ()), *source.odd.get(name, ()), *verdict.warnings.get(name, ())]


def _warning_lines(packed: list[Packed], source: Source, verdict: Verdict) -> Iterator[tuple[str, ...]]:
    for one in packed:
        for warning in _warnings_of(one, source, verdict):
            yield one.item.id, one.item.file, warning


def _write_table(path: Path, header: Sequence[str], lines: Iterator[tuple[str, ...]]) -> None:
    with written_whole(path, "w") as file:
        for line in (header, *lines):
            file.write("\t".join(map(clean, line)) + "\n")


def _print_summary(dest: Path, card: Mapping[str, Any]) -> None:
    counts = card["counts"]
    rejected = ", ".join(f"{number} {fault}" for fault, number in counts["rejected"].items()) or "none"
    print(
        f"{card['source']}: {counts['recordings']} of {counts['offered']} recordings of {counts['patients']} patients"
    )
    print(f"rejected: {rejected} ({dest / REJECTED})")
    if counts["with warnings"]:
        print(f"odd but kept: {counts['with warnings']} ({dest / WARNINGS})")
    if counts["same signal as another"]:
        print(f"recordings that hold the same signal as another: {counts['same signal as another']}")
    for line in card["checks"]:
        print(f"check: {line}")
    print("rows: " + ", ".join(f"{name} {number}" for name, number in counts["rows"].items()))
    print(f"classes: {len(card['classes'])}; {card['split']}")
