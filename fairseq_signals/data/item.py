"""The nouns of a preparation: what a source offers, how it is packed, and what became of it."""

from dataclasses import dataclass, field
from typing import Any

from fairseq_signals.data.leads import STANDARD_LEADS


@dataclass(frozen=True, slots=True)
class Item:
    """One recording that a source offers; what is None is taken from the file.

    Attributes:
        file: path relative to the source's folder.
        id: unique id.
        patient: patient id.
        labels: codes that apply.
        unknown: codes of which nothing is known.
        unlabelled: True where the source says that nothing is known of any class.
        extra: further columns of the manifest.
        split: the source's own split.
        row: place within a file that holds many recordings.
    """

    file: str
    id: str
    patient: str | None = None
    labels: tuple[str, ...] | None = None
    unknown: tuple[str, ...] = ()
    unlabelled: bool = False
    extra: dict[str, str] = field(default_factory=dict)
    split: str | None = None
    row: int | None = None

    def __post_init__(self):
        # A table is data from elsewhere. Windows' separators, drives and shares are refused on every system.
        parts = self.file.replace("\\", "/").split("/")
        if not self.file or not parts[0] or ".." in parts or parts[0][1:2] == ":" or "\0" in self.file:
            raise ValueError(f"file must be a path inside the source's folder, got {self.file!r} (recording {self.id})")


@dataclass(frozen=True)
class Stated:
    """What a source's documentation says of its files where they do not say it themselves.

    Attributes:
        rate: Hz.
        leads: names of the channels, in the files' order.
        unit: V, mV or uV.
        zero_padded: whether zeros at both ends of all leads are padding, which is cut off.
        calibrated: whether amplitudes are physical; where not (z-scores), numbers are kept as they are, and nothing
            is concluded from their size.
        where_missing: rate, leads and unit are meant for files that cannot be read without them; what another file
            says itself is believed. Otherwise all files must agree with them.
    """

    rate: float | None = None
    leads: tuple[str, ...] | None = None
    unit: str | None = None
    zero_padded: bool = False
    calibrated: bool = True
    where_missing: bool = False


@dataclass(frozen=True)
class Packing:
    """How recordings are packed.

    Attributes:
        rate: Hz to resample to, or None to keep each recording's own.
        leads: leads that every recording must have; these and no others are stored.
        bound_mv: largest plausible amplitude, mV.
        shortest_s: shortest duration, seconds.
        per_shard: recordings in a shard, rejected ones included.
        relabel: pairs of a lead's name in the files and what the channel really is.
        keep_suspect: whether recordings and sources that the self-tests find wrong are kept, with warnings.
    """

    rate: float | None = None
    leads: tuple[str, ...] = STANDARD_LEADS
    bound_mv: float = 20.0
    shortest_s: float = 1.0
    per_shard: int = 512
    relabel: tuple[tuple[str, str], ...] = ()
    keep_suspect: bool = False

    def __post_init__(self):
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise ValueError(f"rate must be positive (Hz), got {self.rate}")
        if not 0 < self.bound_mv <= 1e6:
            raise ValueError(f"bound must be positive and at most a million mV, got {self.bound_mv}")
        if not 0 <= self.shortest_s < float("inf"):
            raise ValueError(f"shortest duration must be at least 0 s, got {self.shortest_s}")
        if self.per_shard < 1:
            raise ValueError(f"recordings per shard must be at least 1, got {self.per_shard}")


@dataclass(frozen=True, slots=True)
class Packed:
    """A recording in the store: its item, its place, and what its file told.

    Attributes:
        item: as the source offered it.
        ecg: `shard:row`.
        length, rate, leads: of the stored signal.
        patient, labels, meta: of the file (`meta`: age, sex, comments, derived, notes).
        digest: of the samples as recorded; equal for recordings that hold the same signal.
        facts: what the self-tests examined.
    """

    item: Item
    ecg: str
    length: int
    rate: float
    leads: tuple[str, ...]
    patient: str | None
    labels: tuple[str, ...]
    meta: dict[str, Any]
    digest: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reject:
    """A recording that was left out, and why (`fault` is one of `faults.FAULTS`)."""

    item: Item
    fault: str
    message: str
