"""The table of a design, as the papers' first tables: recordings by label, and patients, of every manifest."""

from collections.abc import Mapping, Sequence
from typing import Any

from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort, Dealt

SPLIT = "split"
HEADER = (SPLIT, "negative", "positive", "unknown", "total", "patients", "of them cases")


def table_of(cohort: Cohort, dealt: Dealt) -> list[dict[str, Any]]:
    """One row for each manifest, and one for all recordings, by the names in `HEADER`."""
    everything = {**dealt.manifests, "all recordings": range(len(cohort.patients))}
    return [_row(name, cohort, list(places)) for name, places in everything.items()]


def one_sided(table: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to say of manifests with labels that lack positive or negative recordings, one line each.

    Args:
        table: of `table_of`; what is only pre-trained on needs no labels.
    """
    return [
        f"{row[SPLIT]}: {row['negative']} negative, {row['positive']} positive: one class only, which neither trains "
        f"nor tests a model"
        for row in table
        if not row[SPLIT].startswith("pretrain") and not (row["negative"] and row["positive"])
    ]


def _row(name: str, cohort: Cohort, places: Sequence[int]) -> dict[str, Any]:
    states = [int(cohort.states[place]) for place in places]
    people = {cohort.patients[place] for place in places}
    counts = [states.count(state) for state in (CONTROL, CASE, UNKNOWN)]
    cases = sum(cohort.people[patient] == CASE for patient in people)
    return dict(zip(HEADER, (name, *counts, len(places), len(people), cases), strict=True))
