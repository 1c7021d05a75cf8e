"""The nouns between a preparer and the preparation: what is prepared, how it is arranged, who does the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairseq_signals.data.item import Item, Packed, Reject, Stated
from fairseq_signals.data.patients import patient_known
from fairseq_signals.data.row import Row


@dataclass(frozen=True)
class Source:
    """What is prepared.

    Attributes:
        name, version: of the source; the version is None where it is not known.
        root: its folder.
        items: its recordings, sorted.
        left_out: recordings that the source itself rejects.
        choices: every option beyond the packing's that changes the result; no paths.
        stated: what its documentation says of its files that they do not say themselves.
        expected: how many recordings it publishes; None where that is not known.
        remarks: what its tables show as a whole (counts, assumptions), one line each, for the card and the summary.
        odd: what its tables say of single recordings that is odd, by id.
    """

    name: str
    version: str | None
    root: Path
    items: Sequence[Item]
    left_out: Sequence[Reject] = ()
    choices: Mapping[str, Any] = field(default_factory=dict)
    stated: Stated = Stated()
    expected: int | None = None
    remarks: Sequence[str] = ()
    odd: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def offered(self) -> int:
        """How many recordings it has, those that it rejects itself included."""
        return len(self.items) + len(self.left_out)


@dataclass(frozen=True)
class Arrangement:
    """What a source makes of the packed recordings.

    Attributes:
        splits: rows of train, valid and test.
        pairs: rows of gallery and probe (test) and of valid_gallery and valid_probe, as far as there are any.
        classes: codes in fixed order.
        unannotated: those that the source does not annotate.
        how: one sentence on how splits and pairs were made.
        extra_columns: further columns of the manifests.
        remarks: what came to light on the way, one line each, for the card and the summary.
    """

    splits: Mapping[str, Sequence[Row]]
    pairs: Mapping[str, Sequence[Row]]
    classes: Sequence[str]
    how: str
    unannotated: Sequence[str] = ()
    extra_columns: Sequence[str] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True)
class Work:
    """Who does the work, which changes nothing about the result.

    Attributes:
        workers: processes of this machine.
        dask: address of a Dask scheduler to work on instead.
        overwrite: discard a preparation that is finished or was begun differently.
    """

    workers: int = 1
    dask: str | None = None
    overwrite: bool = False

    def __post_init__(self):
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1, got {self.workers} (--workers)")


def row_of(packed: Packed, **changes: Any) -> Row:
    """The manifest's row of a packed recording; what the item leaves open comes from the file."""
    item = packed.item
    cells = {
        "id": item.id,
        "ecg": packed.ecg,
        "start": 0,
        "length": packed.length,
        "rate": packed.rate,
        "leads": packed.leads,
        "patient": patient_known(packed) or item.id,
        "labels": packed.labels if item.labels is None else item.labels,
        "unknown": item.unknown,
        "unlabelled": item.unlabelled,
        "extra": {**item.extra, "derived": ",".join(packed.meta.get("derived", ())), "waveform": packed.digest},
    }
    return Row(**(cells | changes))
