"""Which of the recordings that parts offer are of a prepared folder, and by which means that could have been seen.

A recording is one of the folder's if any of these says so: its source (column `source`, or its card), its name, where
that tells a source, its patient, or its waveform. It was really compared where it would have been found out against
what its own folder says: by a name that tells a source, and the one that it is said to be of; or by its waveform, if it
was recorded at a rate at which recordings of the folder were. Waveforms of different rates are never equal and prove
nothing. At which rate a recording was recorded is known where it was prepared without being resampled.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from fairseq_signals.data.combination.plan import Part
from fairseq_signals.data.combination.prepared import Prepared, normalised
from fairseq_signals.data.combination.recordings import NO_WAVEFORM, Recordings

SourceOfName = Callable[[str], "str | None"]
"""The source that a recording's name tells, or None where it tells none."""


def nothing_told(_: str) -> None:
    """No name tells a source."""


class Offered:
    """The recordings of several folders by what they can be compared by, arrays of `N` each.

    Attributes:
        recordings: all of them.
        source: normalised, text.
        named: what the name tells, normalised, "" where it tells nothing.
        rate: Hz at which it was recorded, 0 where that is not known.
    """

    def __init__(self, recordings: Recordings, parts: Sequence[Prepared], source_of_name: SourceOfName):
        self.recordings = recordings
        sources = [normalised(name) for name in recordings.sources]
        self.source = np.array([sources[number] for number in recordings.source], str)
        told = (source_of_name(name.rpartition("/")[2]) for name in recordings.ids)
        self.named = np.array([normalised(name or "") for name in told], str)
        self.rate = np.zeros(len(recordings))
        for (number, _), listed in recordings.listed.items():
            if not _was_resampled(parts[number].card):
                self.rate[listed.recording] = listed.rate

    @cached_property
    def patients(self) -> np.ndarray:
        """`<namespace>/<patient>` of each."""
        return np.array([self.recordings.patient_ids[number] for number in self.recordings.patient], str)

    @cached_property
    def has_waveform(self) -> np.ndarray:
        return self.recordings.waveform != NO_WAVEFORM


def _was_resampled(card: Mapping[str, Any]) -> bool:
    """Whether recordings may have another rate than they were recorded at; True where the card says nothing."""
    return card.get("options", {}).get("rate", "unknown") is not None or "parts" in card


@dataclass(frozen=True)
class Compared:
    """What a comparison with one folder found.

    Attributes:
        folder, card: of it.
        total: its recordings.
        rates: Hz at which they were recorded, as far as that is known.
        found: by way (source, name, patient, waveform), which of the offered recordings are of it, bool `[N]`.
        told: by way (name, waveform), which of them would have been found out by it, bool `[N]`.
    """

    folder: Path
    card: Mapping[str, Any]
    total: int
    rates: tuple[float, ...]
    found: Mapping[str, np.ndarray]
    told: Mapping[str, np.ndarray]


def compare(folder: Path, offered: Offered, source_of_name: SourceOfName = nothing_told) -> Compared:
    """Compares recordings with those of a prepared folder.

    Raises:
        ValueError, FileNotFoundError: the folder is not prepared, not what its card tells, or has no recordings.
    """
    part = Prepared(Part(folder, "reference"), allow_uncalibrated=True)
    theirs = Offered(Recordings([part]), [part], source_of_name)
    total, sources = len(theirs.recordings), np.unique(theirs.source)
    if not total:
        raise ValueError(f"folder to be apart from must have recordings, got none ({folder})")
    rates = np.unique(theirs.rate[theirs.has_waveform & (theirs.rate > 0)])
    waveforms = theirs.recordings.waveform[theirs.has_waveform]
    is_named = offered.named != ""
    found = {
        "source": np.isin(offered.source, sources),
        "name": np.isin(offered.named, sources) & is_named,
        "patient": np.isin(offered.patients, theirs.patients),
        "waveform": np.isin(offered.recordings.waveform, waveforms),
    }
    told = {
        "name": (offered.named == offered.source) & is_named,
        "waveform": np.isin(offered.rate, rates) & offered.has_waveform,
    }
    return Compared(folder, part.card, total, tuple(rates.tolist()), found, told)
