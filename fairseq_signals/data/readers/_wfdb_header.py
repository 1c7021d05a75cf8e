r"""A WFDB header file as data: the record line, the signal or segment lines, and the comments by name.

Why not `wfdb.rdheader`: it refuses records that are named with their extension (`E00271.mat 12 500 5000`, 14 of
our Georgia files), it drops characters outside ASCII, so that `µV` silently becomes `V`, and it does not compare
the number of signal lines with the number of signals. Source: PhysioNet, "header(5)",
https://physionet.org/physiotools/wag/header-5.htm.
"""

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PureWindowsPath

_LARGEST_HEADER = 4 * 2**20  # bytes; real headers hold a few lines, a long Holter's some thousand segments
_FORMAT = re.compile(r"(\d{1,4})(?:x(\d{1,6}))?(?::(\d{1,9}))?(?:\+(\d{1,18}))?")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?"
_GAIN = re.compile(rf"({_NUMBER})(?:\(([+-]?\d{{1,18}})\))?(?:/(\S+))?")
_BRACKETED = re.compile(r"<([^<>]+)>:?([^<]*)")
_INTEGER = re.compile(r"[+-]?\d{1,18}")


@dataclass(frozen=True)
class SignalLine:
    """What the header says about one signal.

    Attributes:
        file: name of the signal file.
        format: WFDB storage format ("16", "212" …).
        per_frame: samples per frame (1 unless the signal is sampled faster than the record's rate).
        skew: frames by which the signal lags behind in the file.
        offset: bytes before the first sample (FLAC formats: samples).
        gain: digital steps per unit, or None where the header leaves it out or says 0.
        baseline: the digital value that means 0.
        unit: physical unit, or None where the header leaves it out.
        first: the first sample's digital value, if stated.
        checksum: 16-bit sum of all samples, if stated.
        name: the signal's description, if stated.
    """

    file: str
    format: str
    per_frame: int
    skew: int
    offset: int
    gain: float | None
    baseline: int
    unit: str | None
    first: int | None
    checksum: int | None
    name: str | None


@dataclass(frozen=True)
class Header:
    """A header file. `rate` (Hz) and `length` (frames) are None where it does not state them."""

    path: Path
    name: str
    rate: float | None
    length: int | None
    started: str
    signals: tuple[SignalLine, ...] = ()
    segments: tuple[tuple[str, int], ...] = ()
    comments: dict[str, str] = field(default_factory=dict)


def read_header(path: Path) -> Header:
    """A header file's content, checked for form.

    Raises:
        ValueError: the file is no WFDB header, or a field cannot be understood; names file, line and field.
    """
    found = path.stat()
    return _parsed(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=4)  # which files a record has is asked just before it is read
def _parsed(path: Path, size: int, changed: int) -> Header:
    if size > _LARGEST_HEADER:
        raise ValueError(f"a WFDB header must be below {_LARGEST_HEADER} bytes, got {size} ({path})")
    lines = [(number, line.strip()) for number, line in enumerate(_text(path).splitlines(), start=1)]
    comments = [line for _, line in lines if line.startswith("#")]
    lines = [(f"{path}, line {number}", line) for number, line in lines if line and not line.startswith("#")]
    if not lines:
        raise ValueError(f"a WFDB header must begin with a record line, got an empty file ({path})")
    where, words = lines[0][0], lines[0][1].split()
    if len(words) < 2:
        raise ValueError(f"a record line must be `name signals [rate [samples]]`, got {lines[0][1]!r} ({where})")
    name, _, n_segments = words[0].partition("/")
    n_lines = _integer(n_segments or words[1], "number of signals or segments", where, least=1)
    if len(lines) - 1 != n_lines:
        what = "segment" if n_segments else "signal"
        raise ValueError(
            f"a header of {n_lines} {what}s must have {n_lines} {what} lines, got {len(lines) - 1} ({path})"
        )
    body = lines[1:]
    return Header(
        path=path,
        name=name,
        rate=_rate(words[2], where) if len(words) > 2 else None,
        length=(_integer(words[3], "number of samples", where, least=0) or None) if len(words) > 3 else None,
        started=" ".join(words[4:]),
        signals=() if n_segments else tuple(_signal_line(line, where) for where, line in body),
        segments=tuple(_segment_line(line, where) for where, line in body) if n_segments else (),
        comments=_by_name(comments),
    )


def path_beside(header: Path, name: str) -> Path:
    """The path of a file that a header names.

    Raises:
        ValueError: the name leads out of the header's folder.
    """
    # Windows' rules know both separators, drives and network shares, and are checked on every system:
    # a header is data from elsewhere.
    given = PureWindowsPath(name)
    if given.anchor or ".." in given.parts or "\0" in name:
        raise ValueError(f"a file named in a header must be inside the record's folder, got {name!r} ({header})")
    return header.parent / name


def _text(path: Path) -> str:
    raw = path.read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # where "µV" is the single byte B5


def _integer(word: str, what: str, where: str, least: int | None = None) -> int:
    if not _INTEGER.fullmatch(word) or (least is not None and int(word) < least):
        expected = "a whole number" if least is None else f"a whole number of at least {least}"
        raise ValueError(f"{what} must be {expected}, got {word[:80]!r} ({where})")
    return int(word)


def _rate(word: str, where: str) -> float:
    number = word.partition("/")[0]  # what follows is the counter frequency
    rate = float(number) if re.fullmatch(_NUMBER, number) else math.nan
    if not (rate > 0 and math.isfinite(rate)):
        raise ValueError(f"sampling rate must be a positive number (Hz), got {word[:80]!r} ({where})")
    return rate


def _signal_line(line: str, where: str) -> SignalLine:
    words = line.split(maxsplit=8)
    form = _FORMAT.fullmatch(words[1]) if len(words) > 1 else None
    if form is None:
        raise ValueError(f"a signal line must begin with `file format`, got {line[:80]!r} ({where})")
    gain, baseline, unit = _gain(words[2], where) if len(words) > 2 else (None, None, None)
    names = ("ADC resolution", "ADC zero", "initial value", "checksum", "block size")
    numbers = [_integer(word, what, where) for word, what in zip(words[3:8], names, strict=False)]
    _, zero, first, checksum, _ = numbers + [None] * (5 - len(numbers))
    return SignalLine(
        file=words[0],
        format=form[1],
        per_frame=int(form[2] or 1),
        skew=int(form[3] or 0),
        offset=int(form[4] or 0),
        gain=gain,
        baseline=baseline if baseline is not None else zero or 0,
        unit=unit,
        first=first,
        checksum=checksum,
        name=words[8].strip() if len(words) > 8 else None,
    )


def _gain(word: str, where: str) -> tuple[float | None, int | None, str | None]:
    found = _GAIN.fullmatch(word)
    if found is None or not math.isfinite(float(found[1])):
        raise ValueError(f"gain must be `number(baseline)/unit`, got {word[:80]!r} ({where})")
    return float(found[1]) or None, int(found[2]) if found[2] else None, found[3]


def _segment_line(line: str, where: str) -> tuple[str, int]:
    words = line.split()
    if len(words) != 2:
        raise ValueError(f"a segment line must be `record samples`, got {line[:80]!r} ({where})")
    return words[0], _integer(words[1], "number of samples", where, least=0)


def _by_name(comments: list[str]) -> dict[str, str]:
    """`# Key: value` comments by lower-case key; lines without a key together under the empty key."""
    found: dict[str, list[str]] = {}
    for line in (comment.lstrip("# \t") for comment in comments):
        key, colon, value = line.partition(":")
        # INCART writes several on one line: `<age>: 65 <sex>: F <diagnoses> Acute MI`.
        pairs = _BRACKETED.findall(line) or [(key, value) if colon else ("", key)]
        for key, value in pairs:
            found.setdefault(key.strip().lower(), []).append(value.strip())
    return {key: ", ".join(value for value in values if value) for key, values in found.items()}
