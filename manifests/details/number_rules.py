"""Classes out of numbers: `lvsd: ef <= 40` is the class lvsd, which applies where the column ef is at most 40.

A cell that is empty, or holds anything but a number in digits (a unit, a decimal comma, `n/a`, `nan`), says nothing:
the class is **unknown** for that recording, never absent. Operators: `<`, `<=`, `>`, `>=`, `==`, and `between A and B`,
both included.
"""

import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from manifests.details.implausible_numbers import doubts

_COMPARISONS: dict[str, Callable[..., bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "between": lambda value, low, high: low <= value <= high,
}
_RULE = re.compile(r"([^\s:,;?-][^\s:,;?]*)\s*:\s*(.+?)\s*(<=|>=|==|<|>|\bbetween\b)\s*(.+)", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Rule:
    """A class that applies where a number of the table is in a range.

    Attributes:
        name: of the class.
        column: of the table.
        comparison: one of the operators.
        numbers: it compares with; two for `between`.
    """

    name: str
    column: str
    comparison: str
    numbers: tuple[float, ...]

    def applies(self, value: float) -> bool:
        """Whether the class applies to a number."""
        return _COMPARISONS[self.comparison](value, *self.numbers)


def parse_rule(text: str) -> Rule:
    """The rule that a text such as `lvsd: ef <= 40` or `mildly_reduced: ef between 41 and 49` tells.

    Raises:
        ValueError: it is none; says what one looks like.
    """
    found = _RULE.fullmatch(text.strip())
    parts = found[4].split(" and ") if found and found[3] == "between" else [found[4]] if found else []
    numbers = tuple(number_of(part) for part in parts)
    if not found or None in numbers or len(numbers) != (2 if found[3] == "between" else 1):
        raise ValueError(
            f"rule must be NAME: COLUMN OPERATOR NUMBER with <, <=, >, >=, == or between A and B, such as "
            f"'lvsd: ef <= 40', and a name without blanks, commas and question marks, got {text!r} (--label)"
        )
    if list(numbers) != sorted(numbers):
        raise ValueError(f"numbers of between must be in ascending order, got {text!r} (--label)")
    return Rule(found[1], found[2], found[3], numbers)


def number_of(cell: str) -> float | None:
    """The finite number that a cell holds, or None where it holds anything else."""
    return float(cell) if _NUMBER.fullmatch(cell.strip()) and abs(float(cell)) < float("inf") else None


@dataclass
class Tally:
    """What a column of numbers was found to hold.

    Attributes:
        numbers: how often each stands there.
        empty, missing: cells that are empty, or hold a number that stands for a missing one.
        odd: cells that hold no number, by their text.
        positive, negative: cells by class.
    """

    numbers: Counter[float] = field(default_factory=Counter)
    empty: int = 0
    missing: int = 0
    odd: Counter[str] = field(default_factory=Counter)
    positive: Counter[str] = field(default_factory=Counter)
    negative: Counter[str] = field(default_factory=Counter)


class Rules:
    """Several rules, applied to row after row, and what was found."""

    def __init__(self, rules: Sequence[Rule], missing: Mapping[str, Sequence[float]] | None = None):
        """With numbers that stand for a missing one, by column (`{"ef": [-1, 999]}`)."""
        names = [rule.name for rule in rules]
        if len(set(names)) != len(names):
            raise ValueError(f"classes must differ in name, got {', '.join(names)} (--label)")
        self.rules, self._missing = tuple(rules), dict(missing or {})
        self.columns = tuple(dict.fromkeys(rule.column for rule in rules))
        self.tallies = {column: Tally() for column in self.columns}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(rule.name for rule in self.rules)

    def of(self, cells: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Classes that apply to a row, and those that are unknown for it."""
        values = {column: self._value(column, cells[column]) for column in self.columns}
        applying, unknown = [], []
        for rule in self.rules:
            value, tally = values[rule.column], self.tallies[rule.column]
            if value is None:
                unknown.append(rule.name)
            elif rule.applies(value):
                applying.append(rule.name)
                tally.positive[rule.name] += 1
            else:
                tally.negative[rule.name] += 1
        return tuple(applying), tuple(unknown)

    def _value(self, column: str, cell: str) -> float | None:
        value, tally = number_of(cell), self.tallies[column]
        if value is None:
            tally.empty += not cell.strip()
            tally.odd.update([cell] if cell.strip() else [])
        elif value in self._missing.get(column, ()):
            tally.missing += 1
            return None
        else:
            tally.numbers[value] += 1
        return value

    def lines(self) -> list[str]:
        """What was found, for people: one line for each column, with its classes, and what is odd about its numbers.

        Raises:
            ValueError: a column holds no number at all.
        """
        lines = []
        for column, tally in self.tallies.items():
            odd = ", ".join(repr(text) for text, _ in tally.odd.most_common(3))
            unknown = f"unknown: {tally.empty} empty, {tally.missing} missing, {tally.odd.total()} that are no numbers"
            unknown += f" (such as {odd})" if odd else ""
            if not tally.numbers:
                raise ValueError(f"column {column} must hold numbers, got none; {unknown} (--label)")
            counts = [
                f"{rule.name} {tally.positive[rule.name]} positive, {tally.negative[rule.name]} negative"
                for rule in self.rules
                if rule.column == column
            ]
            span = f"from {min(tally.numbers):g} to {max(tally.numbers):g}"
            lines += [f"{column}: {span}; {unknown}; {'; '.join(counts)}", *doubts(column, tally.numbers)]
        return lines
