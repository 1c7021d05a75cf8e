"""The eight sub-sources of the PhysioNet/CinC Challenge 2021, how a recording shows its own, and papers' choices."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

EXPECTED = {
    "cpsc_2018": 6877,
    "cpsc_2018_extra": 3453,
    "st_petersburg_incart": 74,
    "ptb": 516,
    "ptb-xl": 21837,
    "georgia": 10344,
    "chapman_shaoxing": 10247,
    "ningbo": 34905,
}
"""Recordings of each sub-source, by the name of its folder in version 1.0.3."""

PARTS = tuple(EXPECTED)
SEVERAL_PER_PATIENT = ("st_petersburg_incart", "ptb")
"""Several recordings per patient, and nobody tells whose: never on two sides of a split."""

_BY_LETTERS = {
    "A": "cpsc_2018",
    "Q": "cpsc_2018_extra",
    "I": "st_petersburg_incart",
    "S": "ptb",
    "HR": "ptb-xl",
    "E": "georgia",
    "JS": "chapman_shaoxing",
}
_LAST_OF_CHAPMAN = 10646  # JS00001 to JS10646 are Chapman's, the numbers beyond Ningbo's
_NAME = re.compile(r"([A-Z]+)(\d+)")


@dataclass(frozen=True)
class Selection:
    """Which sub-sources are taken, and which of them valid and test recordings come from.

    Attributes:
        parts: taken.
        held_out: those that are split; the others are trained on whole.
        everybody: whether gallery and probe are all patients of PTB-XL with two recordings, whatever their split.
    """

    parts: tuple[str, ...] = PARTS
    held_out: tuple[str, ...] = tuple(part for part in PARTS if part not in SEVERAL_PER_PATIENT)
    everybody: bool = False


_CHALLENGE_2020 = ("cpsc_2018", "cpsc_2018_extra", "st_petersburg_incart", "ptb", "ptb-xl", "georgia")
PRESETS = {
    "all": Selection(),
    "oh2022": Selection(tuple(p for p in PARTS if p not in SEVERAL_PER_PATIENT), ("cpsc_2018", "georgia"), True),
    "oh2022-diagnosis": Selection(("cpsc_2018", "georgia"), ("cpsc_2018", "georgia")),
    "mehari2022": Selection(_CHALLENGE_2020, ("ptb-xl",)),
    "mehari2022-without-ptbxl": Selection(
        tuple(p for p in _CHALLENGE_2020 if p != "ptb-xl"), ("cpsc_2018", "cpsc_2018_extra", "georgia")
    ),
}
"""Selections by name: `oh2022` is Oh et al. 2022, section 5.1 (its diagnosis recordings alone: `oh2022-diagnosis`);
`mehari2022` the part CinC2020 of Mehari and Strodthoff 2022, table 1, evaluated on PTB-XL's own folds. Nakamoto et al.
2022 and Sawano et al. 2022 use hospitals' own recordings."""


def part_of_name(name: str) -> str | None:
    """The sub-source that a record's name tells: HR00001 is PTB-XL's; None where it is no name of the challenge."""
    found = _NAME.fullmatch(name)
    part = _BY_LETTERS.get(found[1]) if found else None
    beyond = part == "chapman_shaoxing" and int(found[2]) > _LAST_OF_CHAPMAN
    return "ningbo" if beyond else part


def part_of_file(file: str) -> tuple[str | None, str | None]:
    """The sub-source that a file's folders tell, else its name, and what is odd about it.

    Args:
        file: path relative to the source's folder.
    """
    path = PurePosixPath(file)
    named = part_of_name(path.stem)
    folder = next((part.lower() for part in reversed(path.parts[:-1]) if part.lower() in PARTS), None)
    if folder is None or named is None or folder == named:
        return folder or named, None
    return folder, f"name {path.stem} is one of {named}, its folder is {folder}'s: it is taken for one of {folder}"
