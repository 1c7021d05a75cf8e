"""The manifest's row of a recording whose header tells age, sex and diagnoses in its comments."""

from dataclasses import replace
from typing import Any

from fairseq_signals.data.item import Packed
from fairseq_signals.data.preparation import row_of
from fairseq_signals.data.row import Row
from manifests.parts.silence import patient_of_cell


def row_of_header(packed: Packed, **changes: Any) -> Row:
    """The row with the columns `age` (years) and `sex` from the header, unless the item has them.

    A recording of whose diagnoses neither the item nor the header says anything is unlabelled: that is not "none".

    Args:
        packed: a recording.
        changes: cells that are known better, such as the patient.
    """
    row = row_of(packed, **({"patient": patient_told(packed) or packed.item.patient or packed.item.id} | changes))
    age = packed.meta.get("age")
    told = {"age": "" if age is None else f"{age:g}", "sex": packed.meta.get("sex") or ""}
    silent = packed.item.labels is None and not packed.labels
    return replace(row, extra=told | row.extra, unlabelled=row.unlabelled or silent)


def patient_told(packed: Packed) -> str | None:
    """Whose recording it is by the item, else by its file; None where both say nothing, or `anonymous` and the like."""
    return named_by_item(packed) or patient_of_cell(packed.patient)


def named_by_item(packed: Packed) -> str | None:
    """Whose recording it is by the item, unless that is a name that the preparation gave a stranger."""
    return None if packed.item.patient == f"recording {packed.item.id}" else packed.item.patient
