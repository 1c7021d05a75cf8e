"""One recording, whatever file it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS


@dataclass(frozen=True)
class Record:
    """A recording in physical units.

    Attributes:
        signal: float32 `[L, T]`, millivolts, one row per lead; samples the file marks as invalid are NaN.
        rate: samples per second (Hz).
        leads: names of the rows, in standard order (I, II, III, aVR, aVL, aVF, V1–V6).
        id: the recording's name, unique within its source.
        patient: the patient's id, or None where the source has none.
        labels: class codes that apply, as the source writes them (SNOMED CT codes in PhysioNet headers).
        meta: what else the file says (age, sex, date …), by name.
    """

    signal: np.ndarray
    rate: float
    leads: tuple[str, ...]
    id: str
    patient: str | None = None
    labels: tuple[str, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        shape = getattr(self.signal, "shape", None)
        if self.signal.dtype != np.float32 or len(shape) != 2 or shape[0] != len(self.leads):
            raise ValueError(
                f"signal of record {self.id} must be float32 [L, T] with one row per lead "
                f"({len(self.leads)} leads), got {self.signal.dtype} {shape}"
            )
        if not self.rate > 0:
            raise ValueError(f"rate of record {self.id} must be positive (Hz), got {self.rate}")
        if list(self.leads) != [lead for lead in STANDARD_LEADS if lead in self.leads]:
            raise ValueError(f"leads of record {self.id} must be in standard order, got {self.leads}")

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return self.signal.shape[1] / self.rate

    def select(self, leads: tuple[str, ...]) -> "Record":
        """The same recording with only these leads, in standard order.

        Raises:
            ValueError: the recording lacks one of them.
        """
        missing = [lead for lead in leads if lead not in self.leads]
        if missing:
            raise ValueError(
                f"record {self.id} must have leads {', '.join(leads)}, got {', '.join(self.leads)} "
                f"(missing {', '.join(missing)})"
            )
        rows = [self.leads.index(lead) for lead in STANDARD_LEADS if lead in leads]
        return replace(self, signal=self.signal[rows], leads=tuple(self.leads[row] for row in rows))

    def require_leads(self, leads: tuple[str, ...], every: bool) -> None:
        """Makes sure that a model has something to work on.

        Args:
            leads: that the model takes.
            every: whether it needs all of them, and not only one.

        Raises:
            ValueError: the recording has none of them, or lacks one that is needed.
        """
        there = set(leads) & set(self.leads)
        if not there or (every and there != set(leads)):
            raise ValueError(
                f"record {self.id} must have leads of the model ({', '.join(leads)}; of {len(STANDARD_LEADS)} standard "
                f"ones), got {', '.join(self.leads)}"
            )

    def renamed(self, names: Mapping[str, str]) -> "Record":
        """The same recording with channels that were named wrongly under their right names, in standard order.

        Args:
            names: right name by wrong name; other leads keep theirs.

        Raises:
            ValueError: two channels would have the same name.
        """
        right = [names.get(lead, lead) for lead in self.leads]
        if len(set(right)) != len(right):
            raise ValueError(f"leads of record {self.id} must differ in name, got {', '.join(right)} after renaming")
        rows = [right.index(lead) for lead in STANDARD_LEADS if lead in right]
        return replace(self, signal=self.signal[rows], leads=tuple(right[row] for row in rows))
