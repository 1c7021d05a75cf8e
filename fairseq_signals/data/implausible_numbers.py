"""What is odd about a column of numbers as a whole: a stand-in for a missing one, or two scales in one column."""

import re
from collections import Counter

_RARE = 0.2  # of a column may be negative without its being one of signed numbers
_FAR = 2.0  # times the next number, and more than once: that was not measured
_EJECTION = re.compile(r"ef|ejection", re.IGNORECASE)
_SHOWN = 3


def doubts(column: str, counts: Counter[float]) -> list[str]:
    """What to say of a column's numbers, one line each.

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
        told = f"{fractions} of {counts.total()} numbers are fractions of 1, the others 5 and more"
        lines.append(f"{column}: {told}: two scales in one column?")
    beyond = sum(number for value, number in counts.items() if not 0 <= value <= 100)
    if _EJECTION.search(column) and beyond:
        lines.append(f"{column}: {beyond} numbers are not between 0 and 100, as an ejection fraction in per cent is")
    return lines


def _stand_ins(counts: Counter[float]) -> list[float]:
    """Negative numbers among positive ones, and a largest that is far from the others and stands more than once."""
    negative = Counter({value: number for value, number in counts.items() if value < 0})
    common = [value for value, _ in negative.most_common(_SHOWN)]
    rare = negative.total() <= _RARE * counts.total()
    found = common if rare or (len(negative) == 1 and counts[common[0]] > 1) else []
    *_, second, first = (0.0, 0.0, *sorted(counts))
    return [*found, first] if counts[first] > 1 and second > 0 and first >= _FAR * second else found


def _in_two_scales(counts: Counter[float]) -> bool:
    positive = [value for value in counts if value > 0]
    return max(positive) > 1 and not any(1 < value < 5 for value in positive) and any(value < 1 for value in positive)
