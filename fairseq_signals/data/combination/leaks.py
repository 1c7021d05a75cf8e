"""Nobody on both sides of a split: the search for people who are, across all parts of a combination.

Two recordings are of one person where their patients have the same name, or where a chain of equal waveforms links
their patients. The lists that must not share a person stand in `_APART`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fairseq_signals.data.combination.plan import DROP
from fairseq_signals.data.combination.recordings import NO_WAVEFORM, Recordings
from fairseq_signals.data.combination.selection import Selection
from fairseq_signals.data.destination import PAIRS, TEST_PAIRS, VALID_PAIRS

_APART = (
    ("train", "test"),
    ("valid", "test"),
    ("train", "valid"),
    ("pretrain", "test"),
    ("pretrain", "valid"),
    *(("pretrain", name) for name in PAIRS),
    *((one, other) for one in VALID_PAIRS for other in TEST_PAIRS),
)
"""The side that is nearer to training, and the side that must not have been seen there."""


@dataclass(frozen=True)
class Leak:
    """A list with people who are also in another.

    Attributes:
        lower, upper: names of the lists; the lower is nearer to training.
        concerned: rows of the lower list that are of people of the upper, bool `[N]`.
        examples: numbers of one recording of each side, of the same person.
    """

    lower: str
    upper: str
    concerned: np.ndarray
    examples: tuple[int, int]


def find_leaks(selection: Selection, watched: dict[str, np.ndarray]) -> Iterator[Leak]:
    """The leaks that there are, each after those before it may have been mended.

    Args:
        selection: the lists.
        watched: galleries and probes of all parts, whether they are kept or not, bool `[N]` by name: who is tested on
            them elsewhere must not be trained on here either.
    """
    recordings = selection.recordings
    for lower, upper in _APART:
        low = selection.kept[lower]
        high = watched[upper] if upper in PAIRS and lower not in PAIRS else selection.kept[upper]
        concerned = low & recordings.of_same_persons(high)
        if concerned.any():
            yield Leak(lower, upper, concerned, _examples(recordings, concerned, high))


def _examples(recordings: Recordings, concerned: np.ndarray, high: np.ndarray) -> tuple[int, int]:
    """A recording of each side, such that their link is as plain as possible: a patient's name, else a waveform."""
    others = np.flatnonzero(high)
    every = np.ones(len(recordings), bool)
    kinds = (
        (recordings.patient, every),
        (recordings.waveform, recordings.waveform != NO_WAVEFORM),
        (recordings.person, every),
    )
    for key, told in kinds:
        shared = np.flatnonzero(concerned & told & np.isin(key, key[others]))
        if len(shared):
            return int(shared[0]), int(others[key[others] == key[shared[0]]][0])
    raise AssertionError("concerned rows are of the people of the other list")


def message(selection: Selection, leak: Leak, folders: list[str]) -> str:
    """What leaks, between which rows, and the ways out.

    Args:
        selection: the lists.
        leak: one.
        folders: of the parts, as the user wrote them.
    """
    recordings = selection.recordings
    low, high = leak.examples
    if recordings.patient[low] == recordings.patient[high]:
        what, which = "patient", repr(recordings.patient_ids[recordings.patient[low]])
    elif recordings.waveform[low] == recordings.waveform[high]:
        what, which = "waveform", f"'{recordings.waveform[low]:016x}'"
    else:
        names = [recordings.patient_ids[recordings.patient[one]] for one in leak.examples]
        what, which = "patient", f"{names[0]!r}, who by a common waveform is {names[1]!r},"
    people = len(np.unique(recordings.person[leak.concerned]))
    ways = f"--on-leak {DROP} drops them from {leak.lower} and counts it"
    if leak.upper != "valid":  # a list that is excluded is taken out of valid too
        manifest = f"{folders[recordings.part[high]]}/{leak.upper}.tsv"
        ways = f"--exclude {manifest} takes that list's people out of all that is trained on, {ways}"
    return (
        f"{what} must be in one list only, got {which} in {leak.lower} (recording {recordings.ids[low]}) and in "
        f"{leak.upper} (recording {recordings.ids[high]}); this concerns {people} of the people and "
        f"{int(leak.concerned.sum())} rows of {leak.lower}: {ways}"
    )


def mend(selection: Selection, leak: Leak) -> None:
    """Drops what leaks from the side nearer to training."""
    lists = VALID_PAIRS if leak.lower in PAIRS else (leak.lower,)
    persons = selection.recordings.of_same_persons(leak.concerned)
    selection.take_out(persons, lists, f"leak: also in {leak.upper}")
