"""What files say about patient and date, in all their spellings; what cannot be understood is None."""

import datetime
import re
from collections.abc import Sequence

_SEXES = {"male": "male", "m": "male", "female": "female", "f": "female"}
_YEARS = {"y": 1, "a": 1, "yr": 1, "year": 1, "m": 1 / 12, "mo": 1 / 12, "month": 1 / 12}
_YEARS |= {"w": 7 / 365.25, "wk": 7 / 365.25, "week": 7 / 365.25, "d": 1 / 365.25, "day": 1 / 365.25}
_YEARS |= {"h": 1 / 8766, "hour": 1 / 8766}
_OLDEST = 150  # years
_COMPACT = ("%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d")

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def sex(text: str | None) -> str | None:
    """`male` or `female`."""
    return _SEXES.get((text or "").strip().lower())


def age(value: str | None, unit: str | None) -> float | None:
    """An age in years from a number and its unit."""
    try:
        years = float(value or "") * _YEARS[(unit or "").strip().lower().removesuffix("s")]
    except (ValueError, KeyError):
        return None
    return years if 0 <= years <= _OLDEST else None


def age_between(birth: datetime.datetime | None, then: datetime.datetime | None) -> float | None:
    """The age in years, to a tenth, at a date."""
    if birth is None or then is None:
        return None
    years = round((then.date() - birth.date()).days / 365.25, 1)
    return years if 0 <= years <= _OLDEST else None


def moment(text: str | None, layouts: Sequence[str]) -> datetime.datetime | None:
    """A date and time written in one of these layouts (`datetime.strptime`'s)."""
    for layout in layouts:
        try:
            return datetime.datetime.strptime((text or "").strip(), layout)
        except ValueError:
            continue
    return None


def compact_moment(text: str) -> datetime.datetime | None:
    """A date and time written as in HL7 and DICOM (`20260131093000.25+0100`), without its fraction and zone."""
    return moment(re.split(r"[.+-]", text)[0], _COMPACT)


def written(time: datetime.datetime | None) -> str | None:
    """A date and time in ISO 8601, to the second."""
    return time.isoformat(timespec="seconds") if time else None


def words(*texts: str | None) -> str | None:
    """Texts joined by blanks."""
    return " ".join(" ".join((text or "").split()) for text in texts if text and text.strip()) or None
