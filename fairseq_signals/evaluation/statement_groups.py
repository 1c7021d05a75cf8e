"""What kind of statement a class of PTB-XL is: one of five diagnostic superclasses, of form, or of rhythm.

As in Mehari & Strodthoff 2022, figure 4 (https://arxiv.org/abs/2103.12676), a statement that is a diagnosis is shown
under its superclass, the four that are of form as well included.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

GROUPS: Mapping[str, str] = {
    "NORM": "normal ECG",
    "CD": "conduction disturbance",
    "MI": "myocardial infarction",
    "HYP": "hypertrophy",
    "STTC": "ST/T change",
    "form": "form",
    "rhythm": "rhythm",
    "other": "other",
}
"""The groups in the order in which they are shown, with their names in full; `other` is what PTB-XL does not have."""


def _read(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    subclasses = {row["subclass"]: row["superclass"] for row in rows if row["subclass"]}
    kinds = {row["statement"]: row["superclass"] or ("form" if row["form"] else "rhythm") for row in rows}
    return {**{name: name for name in GROUPS}, **subclasses, **kinds}


_GROUP = _read(Path(__file__).with_name("ptbxl_statements.tsv"))


def group_of(name: str) -> str:
    """The key in `GROUPS` of a statement, a diagnostic subclass or a superclass; `other` for any other class."""
    return _GROUP.get(name, "other")
