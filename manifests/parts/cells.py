"""Cells that many sources' tables have: the sex of a person, and yes or no."""

_SEXES = {"m": "male", "male": "male", "f": "female", "female": "female", "": ""}
_TRUTHS = {
    "true": True,
    "1": True,
    "1.0": True,
    "t": True,
    "false": False,
    "0": False,
    "0.0": False,
    "f": False,
    "": None,
    "nan": None,
}


def sex_of(cell: str, where: str) -> str:
    """`male`, `female`, or nothing where the cell says nothing; numbers mean one thing here and another there.

    Raises:
        ValueError: it says something else.
    """
    if cell.lower() not in _SEXES:
        raise ValueError(f"sex must be M or F, male or female, or empty, got {cell!r} ({where})")
    return _SEXES[cell.lower()]


def sex_or_cell(cell: str) -> str:
    """`male` or `female` where the cell says it in words or letters, else the cell as it is."""
    return _SEXES.get(cell.lower(), cell)


def truth(cell: str, where: str) -> bool | None:
    """Whether a cell says yes; None where it says nothing.

    Raises:
        ValueError: it says something else.
    """
    if cell.lower() not in _TRUTHS:
        raise ValueError(f"cell must be true, false or empty, got {cell!r} ({where})")
    return _TRUTHS[cell.lower()]
