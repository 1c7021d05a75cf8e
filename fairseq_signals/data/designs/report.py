"""The table of a design, as the papers' first tables: recordings by label, and patients, of every manifest."""

from collections.abc import Sequence
from typing import Any

from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort, Dealt

HEADER = ("split", "negative", "positive", "unknown", "total", "patients", "of them cases")


def table_of(cohort: Cohort, dealt: Dealt) -> list[dict[str, Any]]:
    """One row for each manifest, and one for all recordings, by the names in `HEADER`."""
    everything = {**dealt.manifests, "all recordings": range(len(cohort.patients))}
    return [_row(name, cohort, list(places)) for name, places in everything.items()]


def _row(name: str, cohort: Cohort, places: Sequence[int]) -> dict[str, Any]:
    states = [int(cohort.states[place]) for place in places]
    people = {cohort.patients[place] for place in places}
    counts = [states.count(state) for state in (CONTROL, CASE, UNKNOWN)]
    cases = sum(cohort.people[patient] == CASE for patient in people)
    return dict(zip(HEADER, (name, *counts, len(places), len(people), cases), strict=True))
