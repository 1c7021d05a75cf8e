"""The recordings that a design deals out: whose they are, from where, and which of them are cases.

A case is a recording of the class asked for; a control one of which the class is known not to apply. Nothing is known
of the others. A patient with any case is a case, one with known recordings and no case a control, any other unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

CONTROL, CASE, UNKNOWN = 0, 1, 2
"""Of a recording or a patient."""

_SHOWN = 3  # recordings of an institution that a message names


@dataclass(frozen=True)
class Cohort:
    """`N` recordings.

    Attributes:
        patients: patient of each; recordings of the same patient are never parted.
        states: int `[N]` CONTROL, CASE or UNKNOWN.
        institutions: where each was taken, or all the same where that does not matter.
        ids: their ids, for messages; none where they do not matter.
    """

    patients: Sequence[str]
    states: np.ndarray
    institutions: Sequence[str]
    ids: Sequence[str] = ()

    @cached_property
    def people(self) -> dict[str, int]:
        """State of each patient, in the order in which they come."""
        found: dict[str, set[int]] = {}
        for patient, state in zip(self.patients, self.states.tolist(), strict=True):
            found.setdefault(patient, set()).add(state)
        return {
            patient: CASE if CASE in states else CONTROL if CONTROL in states else UNKNOWN
            for patient, states in found.items()
        }

    @cached_property
    def homes(self) -> dict[str, str]:
        """Institution of each patient.

        Raises:
            ValueError: a patient has recordings from two.
        """
        homes: dict[str, str] = {}
        moved = {
            patient
            for patient, institution in zip(self.patients, self.institutions, strict=True)
            if homes.setdefault(patient, institution) != institution
        }
        if moved:
            raise ValueError(self._of_several(moved))
        return homes

    def _of_several(self, moved: set[str]) -> str:
        """What is wrong with patients of several institutions, and what one may do."""
        patient = next(one for one in self.patients if one in moved)
        mine = [place for place, one in enumerate(self.patients) if one == patient]
        recordings: dict[str, list[str]] = {}
        for place in mine:
            recordings.setdefault(self.institutions[place], []).append(self.ids[place] if self.ids else f"row {place}")
        where = " and in ".join(
            f"{institution!r} ({', '.join(ids[:_SHOWN])}{', …' if len(ids) > _SHOWN else ''})"
            for institution, ids in recordings.items()
        )
        others = f", and {len(moved) - 1:,} more such patients" if len(moved) > 1 else ""
        return (
            f"a patient must be of one institution, got {patient!r} in {where}{others}: the same person, two of one "
            f"name, or two who share a recording, sample for sample. Prepare again from a table without the recordings "
            f"of all but one of the institutions, or with the right institution, or another id where it is another "
            f"person; or deal out the other institutions alone (--only)"
        )

    def rows(self, patients: Sequence[str], known: bool) -> np.ndarray:
        """Places of the recordings of these patients, ascending; if `known`, of cases and controls alone."""
        wanted = set(patients)
        mine = np.array([patient in wanted for patient in self.patients], bool)
        return np.flatnonzero(mine & (self.states != UNKNOWN) if known else mine)


@dataclass(frozen=True)
class Dealt:
    """What a design makes of a cohort.

    Attributes:
        manifests: places of the recordings, ascending, by name of the manifest.
        parts: part of each patient who is trained on, from 1, for label fractions that are nested.
        apart: names of manifests of which no two may share a patient, group by group.
    """

    manifests: Mapping[str, np.ndarray]
    parts: Mapping[str, int]
    apart: Sequence[Sequence[str]]
