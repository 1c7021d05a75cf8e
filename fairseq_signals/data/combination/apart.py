"""Proof that no recording of a prepared folder is in a combination, and what was compared to say so.

What makes a recording one of the folder's, and what counts as compared, stands in `comparison.py`. Recordings of the
folder's source that the parts offer and the plan leaves out are a control: among those that stay nothing is found by
waveform, and it is told how many of these are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fairseq_signals.data.combination.comparison import Compared, Offered, SourceOfName, compare, nothing_told
from fairseq_signals.data.combination.plan import Combination
from fairseq_signals.data.combination.prepared import Prepared
from fairseq_signals.data.combination.selection import Selection

_EXAMPLES = 3


def prove_apart(
    plan: Combination, parts: Sequence[Prepared], selection: Selection, source_of_name: SourceOfName = nothing_told
) -> list[dict[str, Any]]:
    """What was compared with each folder of `plan.apart_from`, for the card and for people.

    Raises:
        ValueError, FileNotFoundError: a folder is not prepared, a recording of it is in the combination, or some
            recording of the combination could not be compared.
    """
    if not plan.apart_from:
        return []
    offered = Offered(selection.recordings, parts, source_of_name)
    kept = np.any(list(selection.kept.values()), axis=0)
    proofs = []
    for folder in plan.apart_from:
        compared = compare(folder, offered, source_of_name)
        _check_none_found(compared, kept, offered)
        _check_all_compared(compared, kept, offered)
        proofs.append(_proof(compared, kept, offered))
    return proofs


def _check_none_found(compared: Compared, kept: np.ndarray, offered: Offered) -> None:
    hits = {way: found & kept for way, found in compared.found.items()}
    every = np.any(list(hits.values()), axis=0)
    if every.any():
        ways = ", ".join(f"{int(hit.sum()):,} by {way}" for way, hit in hits.items() if hit.any())
        raise ValueError(
            f"combination must have no recording of {compared.card['source']} ({compared.folder}), got "
            f"{int(every.sum()):,} ({ways}), such as {_examples(every, offered)} (:without=… leaves out a source)"
        )


def _check_all_compared(compared: Compared, kept: np.ndarray, offered: Offered) -> None:
    silent = kept & ~np.any(list(compared.told.values()), axis=0)
    if silent.any():
        ours, theirs = _hertz(np.unique(offered.rate[silent])), _hertz(compared.rates)
        raise ValueError(
            f"every recording must be comparable by name or waveform with {compared.card['source']} "
            f"({compared.folder}), got {int(silent.sum()):,} that are by neither, such as "
            f"{_examples(silent, offered)}: they were recorded at {ours}, those at {theirs}; prepare both from "
            f"recordings of the same rate, and without --rate, so that it is known"
        )


def _hertz(rates: Sequence[float]) -> str:
    known = [f"{rate:g}" for rate in rates if rate]
    return " ".join([", ".join(known), "Hz"] if known else ["a rate that is not known"])


def _examples(which: np.ndarray, offered: Offered) -> str:
    return ", ".join(offered.recordings.ids[number] for number in np.flatnonzero(which)[:_EXAMPLES].tolist())


def _proof(compared: Compared, kept: np.ndarray, offered: Offered) -> dict[str, Any]:
    left_out = ~kept & (compared.found["source"] | compared.found["name"])
    known_again = left_out & compared.found["waveform"]
    return {
        "source": compared.card["source"],
        "version": compared.card["version"],
        "preparation": compared.card.get("preparation"),
        "recordings": compared.total,
        "recorded at": list(compared.rates),
        "in common": 0,
        "compared": {
            str(source): _counts(compared, kept & (offered.source == source))
            for source in np.unique(offered.source[kept])
        },
        "left out": {"recordings": int(left_out.sum()), "known again by waveform": int(known_again.sum())},
    }


def _counts(compared: Compared, which: np.ndarray) -> dict[str, int]:
    """Of some recordings, how many there are and how many could be compared by name and by waveform."""
    ways = {f"by {way}": int((told & which).sum()) for way, told in compared.told.items()}
    return {"recordings": int(which.sum())} | ways


def lines_of(proofs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the proofs say, for people."""
    lines = []
    for proof in proofs:
        held = f"{proof['recordings']:,} recordings, recorded at {_hertz(proof['recorded at'])}"
        lines.append(f"apart from {proof['source']} ({held}): none is here by source, patient, name or waveform; of")
        for source, counts in proof["compared"].items():
            told = f"{counts['by name']:,} could be told by name, {counts['by waveform']:,} by waveform"
            lines.append(f"  {source}: {counts['recordings']:,} recordings, {told}")
        if not any(counts["by waveform"] for counts in proof["compared"].values()):
            lines.append(
                "  names alone tell: nothing is known to be recorded at the same rate, so no samples were compared"
            )
        gone = proof["left out"]
        if gone["recordings"]:
            told = f"{gone['known again by waveform']:,} were known again by waveform"
            lines.append(f"  control: {gone['recordings']:,} of the source itself are left out, {told}")
    return lines
