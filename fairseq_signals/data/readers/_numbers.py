"""Numbers and bytes from a vendor's file, refused with the file's name where they make no sense."""

import base64
import math
from pathlib import Path
from typing import Any

MOST_SAMPLES = 2**28
"""The most samples that a file may claim over all channels: a day of three leads at 1000 Hz."""

_NEARLY = 1e-3  # of a rate


def number(text: Any, what: str, path: Path) -> float:
    """A finite number."""
    try:
        value = float(str(text).strip())
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in str(text):
        raise ValueError(f"{what} must be a number, got {_short(text)} ({path})")
    return value


def count(text: Any, what: str, path: Path) -> int:
    """A number of things."""
    value = number(text, what, path)
    if not (value.is_integer() and 0 <= value <= MOST_SAMPLES):
        raise ValueError(f"{what} must be a whole number up to {MOST_SAMPLES}, got {_short(text)} ({path})")
    return int(value)


def sensible_rate(rate: float, path: Path) -> float:
    """A sampling rate in Hz."""
    if not 1 <= rate <= 1e6:
        raise ValueError(f"rate must be 1 to 1000000 Hz, got {rate:g} ({path})")
    return rate


def rate_of_interval(seconds: float, path: Path) -> float:
    """The rate (Hz) of a sampling interval; files round intervals (3906 µs is 256 Hz), so a whole rate that is near."""
    if not seconds > 0:
        raise ValueError(f"the time between samples must be positive, got {seconds:g} s ({path})")
    rate = 1 / seconds
    sensible_rate(rate, path)
    return float(round(rate)) if abs(rate - round(rate)) < _NEARLY * rate else rate


def from_base64(text: str | None, path: Path) -> bytes:
    """The bytes that a text in Base64 stands for; white space in it means nothing."""
    try:
        return base64.b64decode("".join((text or "").split()), validate=True)
    except ValueError as error:
        raise ValueError(f"samples must be in Base64, got {error} ({path})") from error


def _short(text: Any) -> str:
    return repr(str(text)[:40])
