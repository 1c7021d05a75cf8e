"""What CODE-15 %, CODE-test and SaMi-Trop have in common: recorders, findings, and how they are stored.

All three come from the Telehealth Network of Minas Gerais. Signals are 400 Hz and millivolts, although a README that
came with them speaks of 1e-4 V times 1000 (peaks of 4 mV are plausible, of 400 V are not), and are filled up with
zeros at both ends to 4096 samples; the zeros are cut off.

Source: Ribeiro et al. 2020, "Automatic diagnosis of the 12-lead ECG using a deep neural network",
https://doi.org/10.1038/s41467-020-15432-4.
"""

from collections.abc import Sequence
from pathlib import Path

from fairseq_signals.data.item import Stated
from fairseq_signals.data.leads import STANDARD_LEADS
from manifests.parts.cells import truth

FINDINGS = ("1dAVb", "RBBB", "LBBB", "SB", "ST", "AF")
CHAGAS = "Chagas"


def stated(leads: Sequence[str] = STANDARD_LEADS) -> Stated:
    """What the cohort's papers and files say of the signals; the order of the leads is the data set's own."""
    return Stated(rate=400.0, leads=tuple(leads), unit="mV", zero_padded=True)


def assumptions(leads: Sequence[str] = STANDARD_LEADS) -> str:
    """The same as a sentence for people."""
    return f"assumed: 400 Hz, mV, zeros at both ends are padding, leads in the order {', '.join(leads)}"


def sex_of_male(cell: str, where: str) -> str:
    """The manifest's word for a cell of `is_male`."""
    return {True: "male", False: "female", None: ""}[truth(cell, where)]


def find_file(folder: Path, name: str) -> Path:
    """A file of this name in a folder or in one of its subfolders, where archives unpack to.

    Raises:
        FileNotFoundError, ValueError: there is none, or more than one.
    """
    found = find_files(folder, name)
    if not found:
        packed = ", ".join(sorted(path.name for path in folder.glob("*.zip")))
        hint = f"; unpack {packed}" if packed else ""
        raise FileNotFoundError(f"source must have the file {name}, got none in {folder} or its subfolders{hint}")
    if len(found) > 1:
        raise ValueError(f"source must have the file {name} once, got {' and '.join(map(str, found))}")
    return found[0]


def find_files(folder: Path, pattern: str) -> list[Path]:
    """Files of such names in a folder or its subfolders, sorted."""
    return sorted({*folder.glob(pattern), *folder.glob(f"*/{pattern}")})


def check_rows(what: str, rows: int, expected: int, path: Path) -> None:
    """Makes sure that a file that is joined by position has as many rows as the data set.

    Raises:
        ValueError: it has more or fewer, so that no row could be trusted.
    """
    if rows != expected:
        raise ValueError(f"{what} must have {expected} rows, as rows are joined by their position, got {rows} ({path})")
