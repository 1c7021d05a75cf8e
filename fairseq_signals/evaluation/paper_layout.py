"""Where each lead stands on ECG paper: three rows of four leads and a rhythm strip, as in the clinic.

Conventions: everything is in millimetres of paper, with the zero of both axes at the lower left corner. The columns
show successive stretches of the recording, so a column's boundary is one moment in all its leads. The scale is never
fitted to the signal; what is taller than its row is given more paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import minimum_filter1d

SPEED = 25.0  # mm per second
GAIN = 10.0  # mm per millivolt
MAX_SECONDS = 10.0
ROW = 28.0  # mm between the zero lines of two rows

_LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_RHYTHM_LEAD = "II"
_MARGIN = 10.0  # mm of paper left of the first column; holds the calibration pulse
_TITLE, _FOOTER = 12.0, 7.0  # mm above and below the traces
_THREE_LINES = 15.0  # mm that three lines of a title need
_NAME_TOP = 13.5  # mm above the zero line, where a lead's name ends
_NAME_SECONDS = 0.36  # of the trace that a name stands over
_BESIDE = 0.12  # seconds before and after which one trace keeps clear of the other
_MOST_ROOM = 60.0  # mm that a row is given beyond its own; what is taller is noise


@dataclass(frozen=True)
class Strip:
    """One lead's stretch on the paper: `start` to `stop` in samples, placed with its left end and zero line in mm."""

    lead: str
    start: int
    stop: int
    left: float
    zero: float


def stretch(values: np.ndarray, rate: float, start: float = 0.0) -> np.ndarray:
    """At most ten seconds of `[L, T]`, from the second `start` on."""
    seconds = values.shape[1] / rate
    if not 0 <= start < seconds:
        raise ValueError(f"start must be within the recording's {seconds:g} seconds, got {start:g}")
    first = round(start * rate)
    return values[:, first : first + round(MAX_SECONDS * rate)]


def arranged(
    leads: tuple[str, ...], samples: int, rate: float, rhythm: bool = True, apart: float = ROW, whole: bool = False
) -> tuple[list[Strip], float, float]:
    """Strips of the standard sheet, or one full-length row per lead where four or fewer leads are there.

    Args:
        leads: names, in standard order.
        samples: of each.
        rate: Hz.
        rhythm: with a whole-length strip under the standard sheet.
        apart: mm between the zero lines of two rows.
        whole: one full-length row per lead, however many there are.

    Returns:
        The strips, and width and height of the paper in mm, multiples of 5.
    """
    if whole or len(leads) <= 4:
        rows: list[tuple] = [(lead,) for lead in leads]
    else:
        columns = [i for i in range(4) if any(row[i] in leads for row in _LAYOUT)]
        rows = [tuple(row[i] for i in columns) for row in _LAYOUT]
        rows += [(_RHYTHM_LEAD if _RHYTHM_LEAD in leads else leads[0],)] if rhythm else []
    bottom = _FOOTER + 0.5 * apart
    strips = []
    for number, row in enumerate(rows):
        edges = np.linspace(0, samples, len(row) + 1).round().astype(int)
        zero = bottom + (len(rows) - 1 - number) * apart
        for lead, start, stop in zip(row, edges[:-1], edges[1:], strict=True):
            if lead in leads:
                strips.append(Strip(lead, int(start), int(stop), _MARGIN + start / rate * SPEED, zero))
    width = max(_MARGIN + samples / rate * SPEED + 5, 105)
    height = bottom + (len(rows) - 0.5) * apart + _TITLE
    return strips, float(np.ceil(width / 5) * 5), float(np.ceil(height / 5) * 5)


def with_room(
    strips: Sequence[Strip], height: float, heights: Mapping[str, np.ndarray], rate: float
) -> tuple[list[Strip], float]:
    """The strips, moved apart where a trace would run over another row or off the paper, and the paper's new height.

    Args:
        strips: as `arranged` gives them.
        height: of the paper (mm).
        heights: by lead, what is drawn in mm over its zero line, `[T]`, without NaN.
        rate: Hz.
    """
    rows = rows_of(strips)
    lowest = min(_part(one, heights).min() for one in rows[0])
    highest = max(_part(one, heights).max() for one in rows[-1])
    place = rows[0][0].zero + _more(-lowest - 0.5 * ROW)
    places = {rows[0][0].zero: place}
    for lower, upper in pairwise(rows):
        needed = max(distance_needed(one, other, heights, rate) for one in upper for other in lower)
        place += ROW + _more(needed - ROW)
        places[upper[0].zero] = place
    height += place - rows[-1][0].zero + _more(highest - 0.5 * ROW)
    return [replace(one, zero=places[one.zero]) for one in strips], float(np.ceil(height / 5) * 5)


def title_lines(strips: Sequence[Strip], height: float) -> int:
    """How many lines of a title fit above quiet traces: three, or two where the paper's height is rounded up little."""
    return 3 if height - max(strip.zero for strip in strips) - 0.5 * ROW >= _THREE_LINES else 2


def rows_of(strips: Sequence[Strip]) -> list[list[Strip]]:
    """Strips of one zero line together, the lowest row first."""
    return [[one for one in strips if one.zero == zero] for zero in sorted({one.zero for one in strips})]


def distance_needed(upper: Strip, lower: Strip, heights: Mapping[str, np.ndarray], rate: float) -> float:
    """Millimetres between two zero lines so that the upper trace touches neither the lower one nor its name."""
    first, last = max(upper.start, lower.start), min(upper.stop, lower.stop)
    if first >= last:
        return 0.0
    above, below = heights[upper.lead][first:last], heights[lower.lead][first:last]
    over_name = above[: max(0, lower.start + round(_NAME_SECONDS * rate) - first)]
    around = minimum_filter1d(above, 1 + 2 * round(_BESIDE * rate))
    return 1.0 + float(max((below - around).max(), _NAME_TOP - over_name.min(initial=0)))


def _part(strip: Strip, heights: Mapping[str, np.ndarray]) -> np.ndarray:
    return heights[strip.lead][strip.start : strip.stop]


def _more(millimetres: float) -> float:
    """Whole millimetres of additional room, within reason."""
    return float(np.ceil(np.clip(millimetres, 0, _MOST_ROOM)))
