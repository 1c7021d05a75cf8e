"""Where each lead stands on ECG paper: three rows of four leads and a rhythm strip, as in the clinic.

Conventions: everything is in millimetres of paper, with the zero of both axes at the lower left corner. The columns
show successive stretches of the recording, so a column's boundary is one moment in all its leads.
"""

from dataclasses import dataclass

import numpy as np

SPEED = 25.0  # mm per second
GAIN = 10.0  # mm per millivolt
MAX_SECONDS = 10.0
ROW = 28.0  # mm between the zero lines of two rows

_LAYOUT = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_RHYTHM_LEAD = "II"
_MARGIN = 10.0  # mm of paper left of the first column; holds the calibration pulse
_TITLE, _FOOTER = 12.0, 7.0  # mm above and below the traces


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
    leads: tuple[str, ...], samples: int, rate: float, rhythm: bool = True
) -> tuple[list[Strip], float, float]:
    """Strips of the standard sheet, or one full-length row per lead where four or fewer leads are there.

    Args:
        leads: names, in standard order.
        samples: of each.
        rate: Hz.
        rhythm: with a whole-length strip under the standard sheet.

    Returns:
        The strips, and width and height of the paper in mm, multiples of 5.
    """
    if len(leads) <= 4:
        rows: list[tuple] = [(lead,) for lead in leads]
    else:
        columns = [i for i in range(4) if any(row[i] in leads for row in _LAYOUT)]
        rows = [tuple(row[i] for i in columns) for row in _LAYOUT]
        rows += [(_RHYTHM_LEAD if _RHYTHM_LEAD in leads else leads[0],)] if rhythm else []
    bottom = _FOOTER + 0.5 * ROW
    strips = []
    for number, row in enumerate(rows):
        edges = np.linspace(0, samples, len(row) + 1).round().astype(int)
        zero = bottom + (len(rows) - 1 - number) * ROW
        for lead, start, stop in zip(row, edges[:-1], edges[1:], strict=True):
            if lead in leads:
                strips.append(Strip(lead, int(start), int(stop), _MARGIN + start / rate * SPEED, zero))
    width = max(_MARGIN + samples / rate * SPEED + 5, 105)
    height = bottom + (len(rows) - 0.5) * ROW + _TITLE
    return strips, float(np.ceil(width / 5) * 5), float(np.ceil(height / 5) * 5)
