"""What the self-tests conclude about a source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairseq_signals.data.item import Reject


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


def of_counts(warnings: Mapping[str, Sequence[str]], counts: Mapping[str, int]) -> Verdict:
    """A verdict of warnings alone: each number that is not 0 stands on the card and in a line of its own."""
    card = {name: count for name, count in counts.items() if count}
    return Verdict(warnings=warnings, card=card, lines=[f"{name}: {count:,}" for name, count in card.items()])


def joined(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict of several; a recording that several reject is rejected once, for the first reason."""
    rejects: dict[str, Reject] = {}
    warnings: dict[str, list[str]] = {}
    card: dict[str, Any] = {}
    for verdict in verdicts:
        for reject in verdict.rejects:
            rejects.setdefault(reject.item.id, reject)
        for id, messages in verdict.warnings.items():
            warnings.setdefault(id, []).extend(messages)
        card |= verdict.card
    refusals = [verdict.refusal for verdict in verdicts if verdict.refusal]
    lines = [line for verdict in verdicts for line in verdict.lines]
    return Verdict(list(rejects.values()), warnings, card, lines, "; moreover, ".join(refusals) or None)


def lenient(verdict: Verdict) -> Verdict:
    """The same with every reject made a warning and the refusal a line for people."""
    kept = Verdict(warnings={reject.item.id: [reject.message] for reject in verdict.rejects})
    lines = [f"kept against the rule that {verdict.refusal}"] if verdict.refusal else []
    return joined([kept, Verdict(warnings=verdict.warnings, card=verdict.card, lines=[*lines, *verdict.lines])])
