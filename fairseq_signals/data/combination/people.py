"""Who stays in which list: shares, exclusions, copies and leaks, in this order."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fairseq_signals.data.combination.exclusion import read_exclusion
from fairseq_signals.data.combination.leaks import find_leaks, mend, message
from fairseq_signals.data.combination.matching import exclude
from fairseq_signals.data.combination.namesakes import remarks
from fairseq_signals.data.combination.plan import REFUSE, Combination, Part
from fairseq_signals.data.combination.prepared import Prepared, same_people_known
from fairseq_signals.data.combination.recordings import Recordings
from fairseq_signals.data.combination.selection import TRAINED_ON, Selection, drawn, repeated
from fairseq_signals.data.destination import LISTS, PAIRS, SPLITS, TEST_PAIRS, VALID_PAIRS


def select(plan: Combination, parts: Sequence[Prepared]) -> Selection:
    """The lists of a combination, with everybody taken out of them who must not be there.

    Raises:
        ValueError, FileNotFoundError: a list to exclude is not what it must be, people would be on both sides of a
            split (and the plan does not say to drop them), or nobody is left.
    """
    exclusions = [read_exclusion(path, parts) for path in plan.exclude]
    recordings = Recordings(parts)
    selection = Selection(recordings)
    for number, part in enumerate(plan.parts):
        for name in part.without:
            selection.take_out(_left_out(recordings, number, name, part.folder), LISTS, f"without {name}")
    watched = {name: selection.kept[name].copy() for name in PAIRS}
    same_people_known({one.part.name: one.names.known for one in parts} | {one.name: one.known for one in exclusions})
    for number, part in enumerate(plan.parts):
        _take_part(selection, number, part, plan.seed)
    for exclusion in exclusions:
        print(exclude(selection, exclusion, parts))
    selection.checks += remarks(recordings, parts)
    _drop_copies(selection)
    for leak in find_leaks(selection, watched):
        if plan.on_leak == REFUSE:
            raise ValueError(message(selection, leak, [str(part.part.folder) for part in parts]))
        mend(selection, leak)
    _drop_copies(selection)  # the first part's copy may have been among those that leaked
    _drop_known_pairs(selection)
    if not any(kept.any() for kept in selection.kept.values()):
        raise ValueError("combination must keep at least one recording, got none")
    return selection


def _left_out(recordings: Recordings, number: int, name: str, folder: Path) -> np.ndarray:
    """Recordings of a source that a part is taken without, bool `[N]`."""
    mine = recordings.part == number
    which = mine & np.array([one == name for one in recordings.sources])[recordings.source]
    if not which.any():
        known = ", ".join(recordings.sources[place] for place in np.unique(recordings.source[mine]))
        raise ValueError(f"source to leave out must be one of {known}, got {name!r} (:without= of {folder})")
    return which


def _take_part(selection: Selection, number: int, part: Part, seed: int) -> None:
    """What the choices of one part leave out of it."""
    recordings = selection.recordings
    mine = recordings.part == number
    if not part.pairs:
        for name in PAIRS:
            selection.kept[name] &= ~mine
    if part.share < 1:
        trained_on = selection.kept["train"] | selection.kept["pretrain"]
        kept = drawn(recordings, number, trained_on, part.share, seed)
        selection.take_out(mine & ~kept, TRAINED_ON, f"not in the share of {part.share:g}")


def _drop_copies(selection: Selection) -> None:
    copies = repeated(selection.recordings, selection.kept)
    selection.take_out(copies, (*SPLITS, "pretrain"), "an earlier source has the same waveform")


def _drop_known_pairs(selection: Selection) -> None:
    """Leaves people out of a gallery and probe whom an earlier part's has: each is there once, in both lists."""
    recordings = selection.recordings
    for gallery, probe in (TEST_PAIRS, VALID_PAIRS):
        for number in range(1, int(recordings.part.max(initial=0)) + 1):
            earlier = (selection.kept[gallery] | selection.kept[probe]) & (recordings.part < number)
            known = recordings.of_same_persons(earlier) & (recordings.part == number)
            selection.take_out(known, (gallery, probe), f"in the {gallery} of an earlier source")
