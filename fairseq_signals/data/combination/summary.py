"""What `dataset.yaml` says of a combination, and the same for people."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.card import MILLIVOLTS
from fairseq_signals.data.combination.apart import lines_of
from fairseq_signals.data.combination.content import Content
from fairseq_signals.data.combination.exclusion import display_name
from fairseq_signals.data.destination import EXCLUDED, LISTS


def card_of(content: Content, rows: Mapping[str, int], digest: str) -> dict[str, Any]:
    """The card of a combination.

    Args:
        content: what it holds.
        rows: number of rows by list.
        digest: of the plan.
    """
    recordings, plan = content.selection.recordings, content.plan
    whole = np.any([content.selection.kept[name] for name in rows], axis=0)
    units = {part.card["units"] for part in content.parts}
    excluded = [display_name(path) for path in plan.exclude]
    return {
        "source": " + ".join(dict.fromkeys(part.card["source"] for part in content.parts)),
        "version": None,
        "counts": {
            "offered": len(recordings),
            "recordings": int(whole.sum()),
            "patients": len(np.unique(recordings.patient[whole])),
            "rows": dict(rows),
        },
        "classes": list(content.space.classes),
        "unannotated": list(content.space.unannotated),
        "units": MILLIVOLTS if units == {MILLIVOLTS} else f"each source has its own: {', '.join(sorted(units))}",
        "rate": content.rate,
        "split": f"each source's own; not trained on: {', '.join(excluded) or 'nobody else'}",
        "options": {
            "classes": plan.classes,
            "translate": [display_name(Path(one)) for one in plan.translate],
            "exclude": excluded,
            "seed": plan.seed,
            "on_leak": plan.on_leak,
        },
        "parts": [_part_of_card(content, number) for number in range(len(content.parts))],
        "checks": content.selection.checks,
        **({"apart from": list(content.apart)} if content.apart else {}),
        "preparation": digest,
    }


def _part_of_card(content: Content, number: int) -> dict[str, Any]:
    prepared, known = content.parts[number], content.space.parts[number]
    part, card = prepared.part, prepared.card
    mine = content.selection.recordings.part == number
    kept = {name: int((content.selection.kept[name] & mine).sum()) for name in LISTS}
    return {
        "name": part.name,
        "source": card["source"],
        "version": card["version"],
        "preparation": card.get("preparation"),
        "rate": card["rate"],
        "share": part.share,
        "weight": part.weight,
        "without": list(part.without),
        "pairs": part.pairs,
        "whole": part.whole,
        "patients of": sorted(prepared.names.known),
        "offered": prepared.sizes(),
        "taken out": _taken_out(content, number),
        "kept": {name: count for name, count in kept.items() if count},
        "classes annotated": sum(name in known.certain for name in content.space.classes),
        "codes outside the classes": list(known.outside),
    }


def _taken_out(content: Content, number: int) -> dict[str, dict[str, int]]:
    """Rows of one part that were taken out, by reason and list."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for reason, counts in content.selection.steps:
        for name, count in counts.items():
            if count[number]:
                found[reason][name] = found[reason].get(name, 0) + int(count[number])
    return dict(found)


def print_summary(dest: Path, card: Mapping[str, Any]) -> None:
    """What the card tells, for people."""
    counts = card["counts"]
    print(f"{card['source']}: {counts['recordings']} of {counts['offered']} recordings, {counts['patients']} patients")
    for part in card["parts"]:
        rate = "rates of its own" if part["rate"] is None else f"{part['rate']:g} Hz"
        if part["rate"] is not None and part["rate"] < card["rate"]:
            rate += f", which holds nothing above {part['rate'] / 2:g} Hz"
        whole = ", trained on whole, its valid and test included" if part.get("whole") else ""
        print(f"{part['name']} ({part['source']}; {rate}; share {part['share']:g}, weight {part['weight']:g}{whole})")
        print(f"  patients are those of: {_few(part['patients of'])}")
        print(f"  offered: {_told(part['offered'])}")
        for reason, taken in part["taken out"].items():
            print(f"  taken out, {reason}: {_told(taken)}")
        print(f"  kept: {_told(part['kept'])}")
        classes, outside = part["classes annotated"], part["codes outside the classes"]
        remark = "" if classes else ": its rows are unlabelled (--translate says what its codes are called in common)"
        print(f"  annotates {classes} of {len(card['classes'])} classes; {len(outside)} codes are outside{remark}")
    if len(card["parts"]) > 1 or card["options"]["exclude"]:
        print(
            "copies were found by equal waveforms at equal recorded rates: the same ECG once at 100 and once at 500 Hz "
            "is found by its patient only"
        )
    for line in lines_of(card.get("apart from", ())):
        print(line)
    for line in card.get("checks", ()):  # none in a card of an earlier version
        print(f"check: {line}")
    print(f"rows: {_told(counts['rows'])}, all at {card['rate']:g} Hz; left out: {dest / EXCLUDED}")


def _told(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in rows.items()) or "nothing"


def _few(names: Sequence[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
