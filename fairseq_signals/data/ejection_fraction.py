"""What can be an ejection fraction (EF), and which columns hold one: the one place that knows its bounds.

A number outside of them was not measured: 0 and -1 stand for a missing one, 250 and 0.35 are slips or of another scale.
So they say nothing, wherever a class is made of them, and are counted.
"""

import re
from collections.abc import Sequence

LOWEST, HIGHEST = 5.0, 90.0
"""Of an ejection fraction in per cent, both included."""

_CALLED = frozenset(("ef", "lvef"))
_SPELT_OUT = frozenset(("ejection", "fraction"))
_BESIDE = frozenset(
    "lv left ventricle ventricular of the percent pct value measured mean visual biplane simpson simpsons d echo tte "
    "echocardiography echocardiographic".split()
)


def is_ejection_fraction(column: str) -> bool:
    """Whether a column is called one: `ef`, `LVEF (%)`, `lvef_value`; not `ef_days`, `reduced_ef` or `rvef`."""
    words = frozenset(re.findall("[a-z]+", column.lower()))
    return bool(words & _CALLED or words >= _SPELT_OUT) and words <= _CALLED | _SPELT_OUT | _BESIDE


def bounds_of(column: str, cuts: Sequence[float]) -> tuple[float, float] | None:
    """Between which numbers a column's cells say something; None where nothing is known of that.

    Args:
        column: its name.
        cuts: what its numbers are compared with, which tells their scale: per cent above 1, else fractions of 1.
    """
    highest = max(cuts, default=0.0)
    if not is_ejection_fraction(column) or highest <= 0:
        return None
    return (LOWEST, HIGHEST) if highest > 1 else (LOWEST / 100, HIGHEST / 100)
