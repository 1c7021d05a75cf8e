"""Rules applied to cell after cell, and what was found: how many numbers, how many that say nothing, what is odd.

A number that cannot be an ejection fraction says nothing in a column that is called one (`ejection_fraction`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairseq_signals.data.ejection_fraction import bounds_of
from fairseq_signals.data.implausible_numbers import doubts, measured_but_no_number, one_sided, out_of_bounds
from fairseq_signals.data.number_rules import Rule, number_of


@dataclass
class Tally:
    """What a column of numbers was found to hold.

    Attributes:
        numbers: how often each stands there.
        empty, missing: cells that are empty, or hold a number that stands for a missing one.
        implausible: numbers that cannot have been measured, see `ejection_fraction`, and how often each stands there.
        odd: cells that hold no number, by their text.
        positive, negative: cells by class.
    """

    numbers: Counter[float] = field(default_factory=Counter)
    empty: int = 0
    missing: int = 0
    implausible: Counter[float] = field(default_factory=Counter)
    odd: Counter[str] = field(default_factory=Counter)
    positive: Counter[str] = field(default_factory=Counter)
    negative: Counter[str] = field(default_factory=Counter)


class Rules:
    """Several rules, applied to row after row, and what was found."""

    def __init__(self, rules: Sequence[Rule], missing: Mapping[str, Sequence[float]] | None = None):
        """With numbers that stand for a missing one, by column (`{"ef": [-1, 999]}`), beside those that rules name.

        What one rule says of a column holds for all rules of it.
        """
        names = [rule.name for rule in rules]
        if len(set(names)) != len(names):
            raise ValueError(f"classes must differ in name, got {', '.join(names)}")
        self.rules = tuple(rules)
        self.columns = tuple(dict.fromkeys(rule.column for rule in rules))
        self._missing = {column: set((missing or {}).get(column, ())) for column in self.columns}
        for rule in rules:
            self._missing[rule.column].update(rule.missing)
        self._bounds = {
            column: bounds_of(column, [number for rule in rules if rule.column == column for number in rule.numbers])
            for column in self.columns
        }
        self.tallies = {column: Tally() for column in self.columns}

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(rule.name for rule in self.rules)

    def of(self, cells: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Classes that apply to a row, and those that are unknown for it."""
        found = [self.of_column(column, cells[column]) for column in self.columns]
        applying, unknown = ({name for part in found for name in part[kind]} for kind in (0, 1))
        return (
            tuple(name for name in self.classes if name in applying),
            tuple(name for name in self.classes if name in unknown),
        )

    def of_column(self, column: str, cell: str, times: int = 1) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The same by one column alone, counted as so many rows with this cell."""
        value, tally = self._value(column, cell, times), self.tallies[column]
        rules = [rule for rule in self.rules if rule.column == column]
        if value is None:
            return (), tuple(rule.name for rule in rules)
        applying = [rule.name for rule in rules if rule.applies(value)]
        tally.positive.update(dict.fromkeys(applying, times))
        tally.negative.update({rule.name: times for rule in rules if rule.name not in applying})
        return tuple(applying), ()

    def is_missing(self, column: str, cell: str) -> bool:
        """Whether a cell holds a number that stands for a missing one."""
        return column in self._missing and number_of(cell) in self._missing[column]

    def _value(self, column: str, cell: str, times: int) -> float | None:
        value, tally = number_of(cell), self.tallies[column]
        if value is None:
            tally.empty += 0 if cell.strip() else times
            tally.odd.update({cell: times} if cell.strip() else {})
        elif value in self._missing[column]:
            tally.missing += times
        elif (bounds := self._bounds[column]) and not bounds[0] <= value <= bounds[1]:
            tally.implausible[value] += times
        else:
            tally.numbers[value] += times
            return value
        return None

    def lines(self) -> list[str]:
        """What was found, for people: one line for each column, with its classes.

        Raises:
            ValueError: a column holds no number at all, or none that its rules can be meant for.
        """
        for column, tally in self.tallies.items():
            if not tally.numbers:
                raise ValueError(f"column {column} must hold {self._meant(column)}, got none; {_unknown(tally)}")
        return [self._line(column, tally) for column, tally in self.tallies.items()]

    def doubts(self) -> list[str]:
        """What is odd about the columns, for people, one line each; none where all is sound."""
        return [line for column, tally in self.tallies.items() for line in self._doubts(column, tally)]

    def _doubts(self, column: str, tally: Tally) -> list[str]:
        bounds, outside, numbers = self._bounds[column], tally.implausible, tally.numbers.total()
        lines = [out_of_bounds(column, bounds, outside, outside.total() + numbers)] if outside else []
        lines += measured_but_no_number(column, tally.odd, outside.total() + numbers)
        lines += doubts(column, tally.numbers)
        for rule in self.rules:
            if rule.column == column:
                lines += one_sided(rule.name, column, tally.positive[rule.name], tally.negative[rule.name])
        return lines

    def _meant(self, column: str) -> str:
        bounds = self._bounds[column]
        if bounds is None or not self.tallies[column].implausible:
            return "numbers"
        cuts = " and ".join(f"{number:g}" for rule in self.rules if rule.column == column for number in rule.numbers)
        return f"ejection fractions from {bounds[0]:g} to {bounds[1]:g}, the scale of the rules' {cuts}"

    def _line(self, column: str, tally: Tally) -> str:
        counts = [
            f"{rule.name} {tally.positive[rule.name]} positive, {tally.negative[rule.name]} negative"
            for rule in self.rules
            if rule.column == column
        ]
        span = f"from {min(tally.numbers):g} to {max(tally.numbers):g}"
        return f"{column}: {span}; {_unknown(tally)}; {'; '.join(counts)}"


def _unknown(tally: Tally) -> str:
    told = f"unknown: {tally.empty} empty, {tally.missing} missing"
    for counts, what in ((tally.implausible, "implausible"), (tally.odd, "that are no numbers")):
        shown = ", ".join(repr(text) if isinstance(text, str) else f"{text:g}" for text, _ in counts.most_common(3))
        told += f", {counts.total()} {what}" + (f" (such as {shown})" if counts else "")
    return told
