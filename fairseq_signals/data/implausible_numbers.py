"""What is odd about a column of numbers as a whole, above all what may make its labels wrong, or its people others."""

import re
from collections import Counter

_RARE = 0.2  # of a column may be negative without its being one of signed numbers
_FAR = 2.0  # times the next number and times the others' span away from it, and more than once: that was not measured
_SEVERAL = 5  # different numbers are needed to say what is far from them
_SHOWN = 3
_DIGIT = re.compile("[0-9]")


def doubts(column: str, counts: Counter[float]) -> list[str]:
    """What to say of a column's numbers: a stand-in for a missing one, or two scales in one column; one line each.

    Args:
        column: its name.
        counts: how often each number stands there, without those that are known to stand for a missing one.
    """
    lines = []
    for value in _stand_ins(counts):
        times = f"stands {counts[value]} times" if counts[value] > 1 else "stands once"
        lines.append(
            f"{column}: {value:g} {times}: missing? --missing {column}={value:g} makes it unknown, "
            f"or 'missing {value:g}' at the end of its rule"
        )
    fractions = sum(number for value, number in counts.items() if 0 < value <= 1)
    if fractions and _in_two_scales(counts):
        told = f"{fractions} of {counts.total()} numbers {_are(fractions)} between 0 and 1, the others 5 and more"
        lines.append(f"{column}: {told}: two scales in one column?")
    return lines


def out_of_bounds(column: str, bounds: tuple[float, float], outside: Counter[float], total: int) -> str:
    """What to say of numbers that no ejection fraction can be, for people.

    Args:
        column: its name.
        bounds: between which they should be.
        outside: how often each stands there; one at least.
        total: numbers of the column, these among them.
    """
    shown = ", ".join(f"{value:g} ({number} time{'s' * (number > 1)})" for value, number in outside.most_common(_SHOWN))
    scale = "of 1" if bounds[1] < 1 else "in per cent"
    return (
        f"{column}: {outside.total()} of {total} numbers {_are(outside.total())} not from {bounds[0]:g} to "
        f"{bounds[1]:g}, as an ejection fraction {scale} is, such as {shown}: unknown"
    )


def measured_but_no_number(column: str, odd: Counter[str], numbers: int) -> list[str]:
    """What to say of cells that hold digits and yet no number (`35 %`, `<20`, `35,5`): one line, or none.

    Something was measured there, so what is left may be a biased choice of the people.

    Args:
        column: its name.
        odd: cells that hold no number, by their text.
        numbers: cells that do.
    """
    told = Counter({text: number for text, number in odd.items() if _DIGIT.search(text)})
    if not told:
        return []
    count, shown = told.total(), ", ".join(repr(text) for text, _ in told.most_common(_SHOWN))
    return [
        f"{column}: {count} of {count + numbers} measured cells {_are(count)} no plain number, such as {shown}: "
        f"unknown, and whoever is left may be a biased choice: write them as numbers, such as 35.5"
    ]


def one_sided(name: str, column: str, positive: int, negative: int) -> list[str]:
    """What to say of a class that applies to all numbers of its column or to none: one line, or none."""
    if bool(positive) == bool(negative):
        return []
    return [
        f"{column}: {name} applies to {'all' if positive else 'none'} of {positive + negative} numbers: "
        f"one class only; is its rule on the column's scale?"
    ]


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _stand_ins(counts: Counter[float]) -> list[float]:
    """Negative numbers among positive ones, and a largest that is far from the others and stands more than once."""
    negative = Counter({value: number for value, number in counts.items() if value < 0})
    common = [value for value, _ in negative.most_common(_SHOWN)]
    rare = negative.total() <= _RARE * counts.total()
    found = common if rare or (len(negative) == 1 and counts[common[0]] > 1) else []
    others = sorted(value for value in counts if value > 0)
    first = others.pop() if others else 0.0
    if len(others) < _SEVERAL or counts[first] < 2:
        return found
    span, second = others[-1] - others[0], others[-1]
    return [*found, first] if first >= _FAR * second and first - second >= _FAR * span else found


def _in_two_scales(counts: Counter[float]) -> bool:
    positive = [value for value in counts if value > 0]
    return max(positive) > 1 and not any(1 < value < 5 for value in positive) and any(value < 1 for value in positive)
