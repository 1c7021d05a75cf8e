"""Which recordings stay in which list, and for what reason the others went."""

from collections.abc import Iterator, Sequence

import numpy as np

from fairseq_signals.data.combination.recordings import NO_WAVEFORM, Recordings
from fairseq_signals.data.destination import SPLITS
from fairseq_signals.data.keys import keyed_seed

TRAINED_ON = ("train", "pretrain")
CHOSEN_BY = (*TRAINED_ON, "valid")  # all that a model has seen when it is tested


class Selection:
    """The lists of a combination while recordings are taken out of them.

    Attributes:
        recordings: all that there are.
        kept: by list, bool `[N]`.
        steps: (reason, by list the number of rows taken out of each part), in order.
        unmatched: entry and reason of what a list to exclude names and no part has.
        checks: what people must look at.
    """

    def __init__(self, recordings: Recordings):
        self.recordings = recordings
        self.kept = {name: inside.copy() for name, inside in recordings.lists.items()}
        self.steps: list[tuple[str, dict[str, np.ndarray]]] = []
        self.unmatched: list[tuple[str, str]] = []
        self.checks: list[str] = []
        self._gone: dict[str, np.ndarray] = {}  # numbers of recordings by reason, in the order of the steps

    def take_out(self, which: np.ndarray, lists: Sequence[str], reason: str) -> int:
        """Takes recordings out of lists and returns how many it took from any.

        Args:
            which: bool `[N]`.
            lists: names.
            reason: for `excluded.tsv` and the counts.
        """
        gone, counts = np.zeros(len(which), bool), {}
        parts = int(self.recordings.part.max(initial=-1)) + 1
        for name in lists:
            hit = self.kept[name] & which
            self.kept[name] &= ~which
            counts[name] = np.bincount(self.recordings.part[hit], minlength=parts)
            gone |= hit
        if gone.any():
            self.steps.append((reason, counts))
            before = self._gone.get(reason, np.empty(0, np.int64))
            self._gone[reason] = np.union1d(before, np.flatnonzero(gone))
        return int(gone.sum())

    def excluded(self) -> Iterator[tuple[str, str]]:
        """Id and reason of everything that was taken out, sorted by recording, reasons in the order of the steps.

        What a list names and no part has comes last.
        """
        reasons, numbers = list(self._gone), np.concatenate([np.empty(0, np.int64), *self._gone.values()])
        steps = np.repeat(np.arange(len(reasons)), np.array([len(some) for some in self._gone.values()], np.int64))
        for place in np.lexsort((steps, numbers)).tolist():
            yield self.recordings.ids[numbers[place]], reasons[steps[place]]
        yield from self.unmatched


def drawn(recordings: Recordings, part: int, candidates: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which of a part's recordings belong to the share of patients that is kept, bool `[N]`.

    Patients are ranked by a hash of (seed, patient), so a larger share holds a smaller one.

    Args:
        recordings: all.
        part: number of the part.
        candidates: bool `[N]`: recordings of the patients to draw from.
        share: 0 to 1; that of the patients, rounded to a whole number of them.
        seed: another seed draws others.
    """
    mine = recordings.part == part
    patients = np.unique(recordings.patient[mine & candidates])
    names = [recordings.patient_ids[patient] for patient in patients]
    order = sorted(range(len(names)), key=lambda place: (keyed_seed(seed, "share", names[place]), names[place]))
    chosen = np.zeros(len(recordings.patient_ids), bool)
    chosen[patients[order[: round(share * len(order))]]] = True
    return mine & chosen[recordings.patient]


def repeated(recordings: Recordings, kept: dict[str, np.ndarray]) -> np.ndarray:
    """Copies of a recording that an earlier part has too, bool `[N]`.

    A copy that stands in a later split than the earlier part's (train, valid, test, in this order) is not among them:
    dropping it would shrink a test set in favour of training, so it is left for the search for leaks.

    Args:
        recordings: all; those within one part that share a waveform are left to it.
        kept: by split, bool `[N]`.
    """
    rank = np.full(len(recordings), -1)
    for place, name in enumerate(SPLITS):
        rank[kept[name]] = place
    numbers = np.flatnonzero((rank >= 0) & (recordings.waveform != NO_WAVEFORM))
    _, waveform = np.unique(recordings.waveform[numbers], return_inverse=True)
    first_part = np.full(len(numbers), np.iinfo(np.int16).max)
    np.minimum.at(first_part, waveform, recordings.part[numbers])
    in_first = recordings.part[numbers] == first_part[waveform]
    first_rank = np.full(len(numbers), -1)
    np.maximum.at(first_rank, waveform[in_first], rank[numbers[in_first]])
    copies = np.zeros(len(recordings), bool)
    copies[numbers[~in_first & (rank[numbers] <= first_rank[waveform])]] = True
    return copies
