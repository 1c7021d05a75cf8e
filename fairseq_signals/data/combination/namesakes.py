"""People who may be one person under two names: several spellings of an id, or one id in two namespaces.

Nothing is concluded from either: sources that count their patients from 1 share ids and no people. It is only said.
"""

from collections.abc import Sequence
from itertools import combinations

from fairseq_signals.data.checks.people import spellings
from fairseq_signals.data.combination.prepared import Prepared, normalised
from fairseq_signals.data.combination.recordings import Recordings

_HANDFUL, _SHARE = 5, 0.2  # ids that two namespaces may have in common, and share of the smaller one's
_TELLING = 4  # least letters of a name that begins another one
_EXAMPLES = 3


def remarks(recordings: Recordings, parts: Sequence[Prepared]) -> list[str]:
    """Lines for people on ids that may be the same person's."""
    known = {space for part in parts for space, knows in part.names.known.items() if knows}
    ids: dict[str, set[str]] = {}
    for patient in recordings.patient_ids:
        space, _, bare = patient.partition("/")
        if space in known:
            ids.setdefault(space, set()).add(bare)
    several = [line for space in sorted(ids) if (line := _spelled(space, ids[space]))]
    alike = [pair for pair in combinations(sorted(ids), 2) if _one_source(*pair, parts) or _alike(*pair)]
    return several + [line for pair in alike if (line := _in_both(*pair, ids))]


def _spelled(space: str, ids: set[str]) -> str | None:
    found = sorted(spellings(ids).values())
    if not found:
        return None
    examples = "; ".join(" and ".join(map(repr, several)) for several in found[:_EXAMPLES])
    return (
        f"{len(found):,} patients of {space} may be one person under several spellings, which count as different "
        f"people: {examples}"
    )


def _in_both(one: str, other: str, ids: dict[str, set[str]]) -> str | None:
    common = len(ids[one] & ids[other])
    if common <= max(_HANDFUL, _SHARE * min(len(ids[one]), len(ids[other]))):
        return None
    return (
        f"{common:,} bare patient ids are the same in {one} and {other}, which count as different people (the same "
        f":namespace=… for both joins them)"
    )


def _one_source(one: str, other: str, parts: Sequence[Prepared]) -> bool:
    """Whether both stand in prepared folders of one source, and so may be its wards or years."""
    sources = [
        {normalised(part.card["source"]) for part in parts if space in part.names.known and "parts" not in part.card}
        for space in (one, other)
    ]
    return bool(sources[0] & sources[1])


def _alike(one: str, other: str) -> bool:
    """Whether two namespaces sound like one hospital: the same letters, or the one begins the other."""
    short, long = sorted(("".join(filter(str.isalpha, name)) for name in (one, other)), key=len)
    return len(short) >= _TELLING and long.startswith(short)
