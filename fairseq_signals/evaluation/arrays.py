"""What every score demands of its arrays, checked once and in one wording.

Conventions: tables are `[N, C]`, one row per recording and one column per class. Labels, decisions and
`known` are boolean (0 and 1 of any type are accepted, anything between is refused: a probability is no
decision). Scores are finite. `known` is False where nobody knows whether the class applies; None means
everything is known.
"""

import numpy as np


def boolean_table(values, name: str) -> np.ndarray:
    """Boolean `[N, C]` with N and C at least 1.

    Raises:
        ValueError: another shape, an empty table, or a value that is neither 0 nor 1.
    """
    table = _table(values, name)
    if table.dtype == bool:
        return table
    if not np.isin(table, (0, 1)).all():
        odd = table[~np.isin(table, (0, 1))].flat[0]
        raise ValueError(f"{name} must be boolean (True or False, 1 or 0) in every cell, got {odd}")
    return table.astype(bool)


def finite_table(values, name: str) -> np.ndarray:
    """Float64 `[N, C]` with N and C at least 1.

    Raises:
        ValueError: another shape, an empty table, or a value that is not finite.
    """
    table = _table(values, name).astype(np.float64)
    if not np.isfinite(table).all():
        row, column = np.argwhere(~np.isfinite(table))[0]
        raise ValueError(f"{name} must be finite in every cell, got {table[row, column]} (row {row}, column {column})")
    return table


def known_table(known, shape: tuple[int, int]) -> np.ndarray:
    """Boolean `[N, C]`, all True where `known` is None.

    Raises:
        ValueError: `known` has another shape than the labels.
    """
    if known is None:
        return np.ones(shape, dtype=bool)
    known = boolean_table(known, "known")
    same_shape(known, shape, "known")
    return known


def same_shape(table: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """Nothing; raises ValueError where the table's shape is not the labels'."""
    if table.shape != shape:
        raise ValueError(f"{name} must be shaped like the labels {tuple(shape)}, got {table.shape}")


def _table(values, name: str) -> np.ndarray:
    table = np.asarray(values)
    if table.ndim != 2 or 0 in table.shape or table.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must be a table of numbers [N, C] with at least one recording and one class, "
            f"got {table.dtype} {table.shape}"
        )
    return table
