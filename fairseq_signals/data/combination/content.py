"""What a combination holds once everything is decided, handed to those who write it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fairseq_signals.data.combination.label_space import LabelSpace
from fairseq_signals.data.combination.linking import Shard
from fairseq_signals.data.combination.plan import Combination
from fairseq_signals.data.combination.prepared import Prepared
from fairseq_signals.data.combination.selection import Selection


@dataclass(frozen=True)
class Content:
    """Everything but the bytes.

    Attributes:
        plan: as chosen.
        parts: opened.
        selection: who stays in which list.
        space: the classes.
        shards: of the store, by number of the part and name in the part's store.
        rate: Hz of every row.
        apart: what was compared to prove that folders have nothing in common with it.
    """

    plan: Combination
    parts: Sequence[Prepared]
    selection: Selection
    space: LabelSpace
    shards: Mapping[tuple[int, str], Shard]
    rate: float
    apart: Sequence[Mapping[str, Any]] = ()
