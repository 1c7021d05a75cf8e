"""What a study's yaml may hold where: texts, lists of texts, whole numbers. Anything else is refused by name.

A text where a list belongs would otherwise be read letter by letter, and `12` would be another name than `"12"`.
"""

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

_LISTS, _MAPPINGS, _SWEEPS = tuple[str, ...], dict[str, str], dict[str, tuple[str, ...]]


def mapping(path: Path, what: str, value: Any) -> dict:
    """A mapping; nothing is an empty one.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be a mapping, got {value!r} ({path})")
    return value


def texts(path: Path, what: str, value: Any) -> tuple[str, ...]:
    """A list of texts; nothing is an empty one.

    Raises:
        ValueError: it is something else.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{what} must be a list of texts (a number needs quotes), got {value!r} ({path})")
    return tuple(value)


def whole_numbers(path: Path, what: str, value: Any) -> tuple[int, ...]:
    """A list of whole numbers, at least one and each once.

    Raises:
        ValueError: it is something else.
    """
    whole = isinstance(value, list) and value and all(type(item) is int and item >= 0 for item in value)
    if not whole or len(set(value)) != len(value):
        raise ValueError(f"{what} must be a list of different whole numbers, got {value!r} ({path})")
    return tuple(value)


def _values(path: Path, what: str, value: Any) -> tuple[str, ...]:
    values = texts(path, what, value)
    if not values or len(set(values)) != len(values):
        raise ValueError(f"{what} must be a list of different values, got {value!r} ({path})")
    return values


def duration(path: Path, what: str, value: Any) -> float:
    """A positive number of seconds.

    Raises:
        ValueError: it is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{what} must be a positive number of seconds, got {value!r} ({path})")
    return float(value)


def check_types(path: Path, what: str, kind: type, entry: dict[str, Any]) -> dict[str, Any]:
    """The entry with lists as tuples, each of the type that its dataclass declares.

    Raises:
        ValueError: one is of another type.
    """
    declared = {item.name: item.type for item in fields(kind)}
    return {key: _checked(path, f"{key} of {what}", declared[key], value) for key, value in entry.items()}


def _checked(path: Path, what: str, kind: Any, value: Any) -> Any:
    if kind == _LISTS:
        return texts(path, what, value)
    if kind == _MAPPINGS:
        texts(path, what, [text for pair in mapping(path, what, value).items() for text in pair])
        return mapping(path, what, value)
    if kind == _SWEEPS:
        return {key: _values(path, f"{what}: {key}", given) for key, given in mapping(path, what, value).items()}
    if not isinstance(value, str) and not (value is None and kind is not str):
        raise ValueError(f"{what} must be a text (a number needs quotes), got {value!r} ({path})")
    return value
