"""What a source's own signals say about its units and lead names, checked by every preparation.

A recording is examined where it is read (`examine`), and the whole source is judged when all are packed (`judge`):
only beside the others does a wrong gain look wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairseq_signals.data.item import Packed, Reject
from fairseq_signals.data.record import Record


@dataclass(frozen=True)
class Verdict:
    """What the self-tests found in a source.

    Attributes:
        rejects: recordings to leave out.
        warnings: what is odd, by id of the recording.
        card: numbers for `dataset.yaml`.
        lines: the same for people, printed at the end.
        refusal: why the whole source cannot be right, and the way out; None where it can.
    """

    rejects: Sequence[Reject] = ()
    warnings: Mapping[str, Sequence[str]] = field(default_factory=dict)
    card: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    refusal: str | None = None


def examine(record: Record) -> dict[str, Any]:
    """Facts about one recording as it was read, small enough to keep for a million; plain JSON values."""
    return {}


def judge(packed: Sequence[Packed], calibrated: bool = True) -> Verdict:
    """The verdict on a source.

    Args:
        packed: its recordings, with the facts that `examine` found.
        calibrated: whether its numbers are millivolts.
    """
    return Verdict()
