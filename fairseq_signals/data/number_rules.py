"""Classes out of numbers: `lvsd: ef <= 40` is the class lvsd, which applies where the column ef is at most 40.

A cell that is empty, or holds anything but a number in digits (a unit, a decimal comma, `n/a`, `nan`), says nothing:
the class is **unknown** for that recording, never absent. Operators: `<`, `<=`, `>`, `>=`, `==`, and `between A and B`,
both included. Numbers that stand for a missing one are told at the end: `lvsd: ef <= 40 missing -1 and 999`. Numbers
that no ejection fraction can have say nothing either (`ejection_fraction`), in a column that is called one.

A rule stands wherever a class code does (`task.classes`, `--label` of a preparation). Its class is called by the name
before the colon.
"""

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_COMPARISONS: dict[str, Callable[..., bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
    "between": lambda value, low, high: low <= value <= high,
}
_RULE = re.compile(
    r"([^\s:,;?-][^\s:,;?]*)\s*:\s*(.+?)\s*(<=|>=|==|<|>|\bbetween\b)\s*(.+?)(?:\s+missing\s+(.+))?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_MEANT_AS_RULE = re.compile(r":\s|:.*([<>=]|\bbetween\b)")


@dataclass(frozen=True)
class Rule:
    """A class that applies where a number of a table is in a range.

    Attributes:
        name: of the class.
        column: of the table or manifest.
        comparison: one of the operators.
        numbers: it compares with; two for `between`.
        missing: numbers of the column that stand for a missing one.
    """

    name: str
    column: str
    comparison: str
    numbers: tuple[float, ...]
    missing: tuple[float, ...] = ()

    def applies(self, value: float) -> bool:
        """Whether the class applies to a number."""
        return _COMPARISONS[self.comparison](value, *self.numbers)


def is_rule(text: str) -> bool:
    """Whether a text is meant as a rule, well written or not, and not as a class code."""
    return _MEANT_AS_RULE.search(text) is not None


def parse_rule(text: str) -> Rule:
    """The rule that a text such as `lvsd: ef <= 40` or `mildly_reduced: ef between 41 and 49` tells.

    Raises:
        ValueError: it is none; says what one looks like.
    """
    found = _RULE.fullmatch(text.strip())
    numbers = _numbers(found[4]) if found else ()
    missing = _numbers(found[5]) if found and found[5] else ()
    if not found or None in (*numbers, *missing) or len(numbers) != (2 if found[3] == "between" else 1):
        raise ValueError(
            f"rule must be NAME: COLUMN OPERATOR NUMBER with <, <=, >, >=, == or between A and B, such as "
            f"'lvsd: ef <= 40', and a name without blanks, commas and question marks, got {text!r}; numbers that stand "
            f"for a missing one follow, such as 'lvsd: ef <= 40 missing -1 and 999'"
        )
    if list(numbers) != sorted(numbers):
        raise ValueError(f"numbers of between must be in ascending order, got {text!r}")
    return Rule(found[1], found[2], found[3], numbers, missing)


def _numbers(text: str) -> tuple[float | None, ...]:
    return tuple(number_of(part) for part in text.split(" and "))


def number_of(cell: str) -> float | None:
    """The finite number that a cell holds, or None where it holds anything else."""
    return float(cell) if _NUMBER.fullmatch(cell.strip()) and abs(float(cell)) < float("inf") else None


def class_names(classes: Sequence[str]) -> list[str]:
    """What classes are called: codes by themselves, rules by the name before the colon.

    Raises:
        ValueError: a rule is not written as one, or two classes have one name.
    """
    names = [parse_rule(text).name if is_rule(text) else text for text in classes]
    if len(set(names)) != len(names):
        raise ValueError(f"classes must differ in name, got {', '.join(names)}")
    return names
