"""What is to be said of a cohort before a model is tested on it: units, leads and durations that are not the model's.

None of it stops a model from giving numbers, and all of it changes them.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.limb_leads import LIMB_LEADS
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.row import parse_cell
from fairseq_signals.data.units import units_of

_ADVICE = "limb leads follow from any two of them: a preparation of all leads derives them"


def cohort_remarks(model, cohort: Manifest, training: Path | None = None, allowed: bool = False) -> list[str]:
    """The remarks, one sentence each; none where the cohort is such as the model's training.

    Args:
        model: an `inference.TrainedModel`.
        cohort: whom it is tested on.
        training: the manifest that it was trained with, by whose leads the cohort is measured where it is at hand;
            else by all leads that the model takes.
        allowed: whether a cohort in units of which the model can say nothing is marked instead of refused.

    Raises:
        ValueError: it is in such units, and that is not allowed.
    """
    rows = cohort.parsed()
    leads = np.bincount(rows.layout, minlength=len(rows.layouts))
    having = list(zip(rows.layouts, leads.tolist(), strict=True))
    return [
        *_of_units(model, cohort, allowed),
        *_of_leads(having, set(model.leads), _leads_of(training)),
        *_of_lengths(rows.lengths / model.rate, model.window_seconds),
    ]


def _of_units(model, cohort: Manifest, allowed: bool) -> list[str]:
    misfit = model.misfit(units_of(cohort.folder))
    if misfit is None:
        return []
    if misfit.certain and not allowed:
        raise ValueError(
            f"cohort must be in units that the model was trained with, but {misfit.text} ({cohort.path}, "
            f"{model.checkpoint}); prepare it in those, or --allow-other-units marks it instead"
        )
    return [f"OTHER UNITS: {misfit.text}" if misfit.certain else misfit.text]


def _of_leads(having: list[tuple[tuple[str, ...], int]], taken: set[str], trained: set[str]) -> list[str]:
    """Of leads that the model wants and recordings lack, and of those that they have and its training never had."""
    wanted, total = (taken & trained) or taken, sum(number for _, number in having)
    lacking = [(wanted - set(leads), number, leads) for leads, number in having if wanted - set(leads)]
    strange = [(taken & set(leads) - wanted, number) for leads, number in having if taken & set(leads) - wanted]
    remarks = []
    if lacking:
        names = set().union(*(lead for lead, _, _ in lacking))
        derivable = any(len(set(LIMB_LEADS) & set(leads)) > 1 and set(LIMB_LEADS) & lead for lead, _, leads in lacking)
        number = sum(number for _, number, _ in lacking)
        advice = f" ({_ADVICE})" if derivable else ""
        remarks.append(f"{number} of {total} recordings lack leads that the model takes: {_named(names)}{advice}")
    if strange:
        number, names = sum(number for _, number in strange), set().union(*(lead for lead, _ in strange))
        remarks.append(f"{number} of {total} recordings have leads that its training had not: {_named(names)}")
    return remarks


def _named(leads: Iterable[str]) -> str:
    return ", ".join(lead for lead in STANDARD_LEADS if lead in leads)


def _leads_of(training: Path | None) -> set[str]:
    if training is None or not training.is_file():
        return set()
    try:
        return {lead for cell in Manifest(training).distinct("leads")[0] for lead in parse_cell("leads", cell)}
    except ValueError:
        return set()  # a table that is no longer what was trained with; `seen_before` tells that it was not compared


def _of_lengths(seconds: np.ndarray, window: float) -> list[str]:
    short = seconds[seconds < window - 1e-9]
    if not len(short):
        return []
    return [
        f"{len(short)} of {len(seconds)} recordings are shorter than the model's windows of {window:g} s, the shortest "
        f"{short.min():g} s: the rest is empty"
    ]
