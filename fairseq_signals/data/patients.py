"""Whose recording it is, where neither the source nor the file tells."""

from collections.abc import Sequence
from dataclasses import replace

from fairseq_signals.data.item import Packed


def patient_known(packed: Packed) -> str | None:
    """The patient that the source or the file names, or None."""
    return packed.item.patient or packed.patient


def with_patients(packed: Sequence[Packed]) -> list[Packed]:
    """The recordings; those of nobody known whose own id is somebody's patient id get a patient that is nobody else.

    Manifests put a recording's id in the place of an unknown patient. Where both are plain numbers, that id may be
    another person's, and strangers would become one.
    """
    people = {patient_known(one) for one in packed} - {None}
    return [_apart(one) if patient_known(one) is None and one.item.id in people else one for one in packed]


def _apart(packed: Packed) -> Packed:
    return replace(packed, item=replace(packed.item, patient=f"recording {packed.item.id}"))
