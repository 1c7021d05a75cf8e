"""Which codes become classes, and the rows' labels in terms of them."""

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from fairseq_signals.data.row import Row
from fairseq_signals.evaluation.cinc2021 import CLASSES, merge_codes


def add_classes(
    parser: argparse.ArgumentParser,
    default: str = "all",
    choices: str = "all, cinc2021 (its 26), or codes separated by commas",
    min_count: int = 1,
) -> None:
    """Adds `--classes` and `--min-count`."""
    parser.add_argument("--classes", default=default, metavar="CLASSES", help=choices)
    help_text = "with --classes all: leave out what fewer recordings have"
    parser.add_argument("--min-count", type=int, default=min_count, metavar="N", help=help_text)


def listed_codes(text: str) -> tuple[str, ...]:
    """Codes that are separated by commas, each once."""
    return tuple(dict.fromkeys(code.strip() for code in text.split(",") if code.strip()))


def outside_line(outside: Counter[str]) -> list[str]:
    """What to say of the codes outside the class list, if there are any."""
    if not outside:
        return []
    common = ", ".join(f"{code} ({number})" for code, number in outside.most_common(5))
    return [f"labels outside the class list: {len(outside)}, {outside.total()} times; most often {common}"]


def absent(rows: Sequence[Row], classes: Sequence[str]) -> list[str]:
    """The classes that no recording has, in their order."""
    found = {code for row in rows for code in row.labels}
    return [name for name in classes if name not in found]


def absent_line(rows: Sequence[Row], classes: Sequence[str]) -> list[str]:
    """What to say of the classes that no recording has, if there are any and anything is labelled."""
    lacking = absent(rows, classes)
    if not lacking or all(row.unlabelled for row in rows):
        return []
    return [f"classes that no recording has: {len(lacking)} of {len(classes)}, such as {', '.join(lacking[:10])}"]


def in_classes(rows: Sequence[Row], choice: str, at_least: int = 1) -> tuple[list[Row], list[str], Counter[str]]:
    """The rows with labels among the classes chosen.

    A row whose codes are all outside the class list has none of the classes: that is known, not unknown.

    Args:
        rows: with the codes of the source.
        choice: `cinc2021` (the challenge's 26, codes that it scores as one merged), `all`, or codes separated by
            commas.
        at_least: for `all`: leave codes out that fewer recordings have.

    Returns:
        The rows, the classes in fixed order, and how often each code outside of them occurred.

    Raises:
        ValueError: no recording has any of the classes.
    """
    if choice == "cinc2021":
        rows = [replace(row, labels=merge_codes(row.labels), unknown=merge_codes(row.unknown)) for row in rows]
        rows = [replace(row, unknown=tuple(c for c in row.unknown if c not in row.labels)) for row in rows]
    counts = Counter(code for row in rows for code in row.labels)
    if choice == "cinc2021":
        classes = list(CLASSES)
    elif choice == "all":
        classes = sorted(code for code, number in counts.items() if number >= at_least)
    else:
        classes = list(listed_codes(choice))
    if any(row.labels for row in rows) and not any(counts[code] for code in classes):
        common = ", ".join(code for code, _ in counts.most_common(5))
        raise ValueError(
            f"classes must occur among the labels, got none that does; the labels have {common} (--classes)"
        )
    known = set(classes)
    outside = Counter({code: number for code, number in counts.items() if code not in known})
    rows = [
        replace(
            row,
            labels=tuple(code for code in row.labels if code in known),
            unknown=tuple(code for code in row.unknown if code in known),
        )
        for row in rows
    ]
    return rows, classes, outside
