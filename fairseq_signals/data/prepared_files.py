"""What a preparation leaves beside the store: manifests, lists of what was rejected or is odd, the card."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.card import MILLIVOLTS, write_card
from fairseq_signals.data.destination import PAIRS, REJECTED, SPLITS, TEST_PAIRS, VALID_PAIRS, WARNINGS
from fairseq_signals.data.faults import FAULTS
from fairseq_signals.data.item import Packed, Packing, Reject
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.pairs import without_patients_of
from fairseq_signals.data.row import Row, clean
from fairseq_signals.data.self_test import Verdict
from fairseq_signals.data.source import Arrangement, Source
from fairseq_signals.data.splits import check_disjoint
from fairseq_signals.data.table import STORE_FOLDER

_MANY_REJECTED = 0.1  # a share of which people are told in the summary
_OWN_COLUMNS = ("derived", "waveform")  # which every preparation adds


def write_lists(dest: Path, source: Source, packed: Sequence[Packed], rejects: Sequence[Reject], verdict: Verdict):
    """Writes `rejected.tsv` and `warnings.tsv`."""
    rejected = ((one.item.id, one.item.file, one.fault, one.message) for one in rejects)
    write_table(dest / REJECTED, ("id", "file", "reason", "message"), rejected)
    odd = ((one.item.id, one.item.file, text) for one in packed for text in _warnings_of(one, source, verdict))
    write_table(dest / WARNINGS, ("id", "file", "warning"), odd)


def write_arranged(
    dest: Path,
    source: Source,
    packing: Packing,
    arrangement: Arrangement,
    packed: Sequence[Packed],
    rejects: Sequence[Reject],
    verdict: Verdict,
    digest: str,
) -> dict[str, Any]:
    """Writes the manifests and `dataset.yaml`, and returns its contents.

    Raises:
        ValueError: a recording, a patient or a waveform is on both sides of a split.
    """
    manifests = _manifests(arrangement)
    if not packing.keep_suspect:
        _check_copies(arrangement.splits)
    columns = _columns(arrangement, packed)
    for name, rows in manifests.items():
        write_manifest(dest / f"{name}.tsv", rows, columns)
    shards = sorted(path.relative_to(dest).as_posix() for path in (dest / STORE_FOLDER).iterdir())
    rates = {one.rate for one in packed}
    checks = [*_expected_line(source), *source.remarks, *verdict.lines, *_rejected_line(source.offered, rejects)]
    card = {
        "source": source.name,
        "version": source.version,
        "counts": _counts(source, packed, rejects, manifests, verdict),
        "checks": [*checks, *arrangement.remarks],
        "classes": list(arrangement.classes),
        "unannotated": list(arrangement.unannotated),
        "units": MILLIVOLTS if source.stated.calibrated else "as given, not calibrated",
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
    if source.expected in (None, source.offered):
        return []
    return [f"the source publishes {source.expected} recordings, got {source.offered}: is the download complete?"]


def _plain_options(packing: Packing) -> dict[str, Any]:
    relabel = [list(pair) for pair in packing.relabel]
    return {**asdict(packing), "leads": list(packing.leads), "relabel": relabel}


def _rejected_line(offered: int, rejects: Sequence[Reject]) -> list[str]:
    if len(rejects) <= _MANY_REJECTED * offered:
        return []
    return [f"MANY REJECTED: {len(rejects)} of {offered}; {commonest(rejects)}"]


def _check_copies(splits: Mapping[str, Sequence[Row]]) -> None:
    """Makes sure that a source's own splits do not have copies of one recording on two sides."""
    home: dict[str, tuple[str, str]] = {}
    for name, rows in splits.items():
        for row in rows:
            other, id = home.setdefault(row.extra["waveform"], (name, row.id))
            if other != name:
                raise ValueError(
                    f"LEAK: a waveform must be in one split only, got {id!r} in {other} and the same samples as "
                    f"{row.id!r} in {name}; take one of them out or into the other's split, or keep both with "
                    f"--keep-suspect"
                )


def _manifests(arrangement: Arrangement) -> dict[str, Sequence[Row]]:
    """Rows by manifest, after making sure that nobody is on both sides of a split."""
    splits, pairs = arrangement.splits, arrangement.pairs
    check_disjoint(splits)
    identified = [pairs[name] for name in PAIRS if pairs.get(name)]
    pretrain = without_patients_of(splits["train"], *identified)
    ours = [row for name in TEST_PAIRS for row in pairs.get(name, ())]
    theirs = [row for name in VALID_PAIRS for row in pairs.get(name, ())]
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
        "offered": source.offered,
        "recordings": len(packed),
        "rejected": {fault: faults[fault] for fault in FAULTS if faults[fault]},
        "with warnings": sum(bool(_warnings_of(one, source, verdict)) for one in packed),
        "same signal as another": len(packed) - len({one.digest for one in packed}),
        "patients": len({row.patient for row in whole}),
        "rows": {name: len(rows) for name, rows in manifests.items()},
        **verdict.card,
    }


def _warnings_of(one: Packed, source: Source, verdict: Verdict) -> list[str]:
    name = one.item.id
    return [*one.meta.get("notes", ()), *source.odd.get(name, ()), *verdict.warnings.get(name, ())]


def write_table(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Writes tab-separated text for people, whole or not at all; line breaks and tabs in cells become blanks."""
    with written_whole(path, "w") as file:
        for line in (header, *lines):
            file.write("\t".join(map(clean, line)) + "\n")


def commonest(rejects: Sequence[Reject]) -> str:
    """The reason that most rejects have, how many have it, and what one of them says."""
    [(fault, number)] = Counter(reject.fault for reject in rejects).most_common(1)
    example = next(reject for reject in rejects if reject.fault == fault)
    return f"{number} {fault}, such as {example.item.id}: {example.message}"


def print_summary(dest: Path, card: Mapping[str, Any]) -> None:
    """Prints what was prepared, what was left out and what the checks say."""
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
