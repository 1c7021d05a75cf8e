"""Tables that say what a source's codes are called in common, by name: `ptbxl`, `code`, and the list `cinc2021`.

Columns and rules of a table stand in `fairseq_signals/data/combination/label_space.py`; each `NAME.csv` here says
where its lines come from. The list of the CinC 2021 challenge is made from the scores' own table, which is the one
place that states it.
"""

from pathlib import Path

from fairseq_signals.data.combination.label_space import Meaning, Meanings, read_meanings
from fairseq_signals.evaluation.cinc2021 import CLASSES
from manifests.parts.class_list import listed_codes

_FOLDER = Path(__file__).parent
ALL, CINC2021 = "all", "cinc2021"


def challenge_meanings() -> tuple[Meaning, ...]:
    """The codes that the CinC 2021 challenge scores, each with its class; codes scored as one have one class."""
    codes = ((code, name) for name in CLASSES for code in dict.fromkeys((name, *name.split("|"))))
    return tuple(Meaning("", code, name) for code, name in codes)


def meanings_of(translate: "tuple[str, ...] | list[str]" = (), classes: str = ALL) -> Meanings:
    """What codes mean and which classes there are, as a command line tells.

    Args:
        translate: names of tables in this folder, or files.
        classes: `all`, `cinc2021`, a table's file (its codes and no others), or codes separated by commas.

    Raises:
        ValueError, FileNotFoundError: a table is missing or not what it must be.
    """
    tables = tuple(meaning for name in translate for meaning in read_meanings(_table(name)))
    if classes == ALL:
        return Meanings(tables)
    if classes == CINC2021:
        return Meanings(tables, challenge_meanings(), CLASSES)
    if classes.endswith(".csv"):
        return Meanings(tables, tuple(read_meanings(Path(classes))))
    codes = listed_codes(classes)
    if not codes:
        raise ValueError(f"classes must be all, cinc2021, a .csv file or codes, got {classes!r} (--classes)")
    return Meanings(tables, only=codes)


def _table(name: str) -> Path:
    known = sorted(path.stem for path in _FOLDER.glob("*.csv"))
    if name in known:
        return _FOLDER / f"{name}.csv"
    if not name.endswith(".csv"):
        raise ValueError(f"table must be one of {', '.join(known)} or a .csv file, got {name!r} (--translate)")
    return Path(name)
