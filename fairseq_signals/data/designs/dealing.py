"""Patients dealt out by shares, the same whoever else is there and in whatever order they come."""

from collections.abc import Iterable, Mapping

import numpy as np

from fairseq_signals.data.keys import keyed_seed


def shuffled(patients: Iterable[str], seed: int, purpose: str) -> list[str]:
    """The patients in an order that depends on the seed, the purpose and each one's name alone."""
    return sorted(patients, key=lambda patient: (keyed_seed(seed, purpose, patient), patient))


def deal(patients: Iterable[str], shares: Mapping[str, float], seed: int, purpose: str) -> dict[str, list[str]]:
    """The patients by name of a list, as many in each as its share of all says, to the nearest whole patient.

    Args:
        patients: each named once.
        shares: by name, in any unit: counts of a published table will do.
        seed: another seed deals otherwise.
        purpose: keeps two dealings of one seed apart.

    Raises:
        ValueError: a share is negative, or all are zero.
    """
    sizes = np.array(list(shares.values()), float)
    if not (np.isfinite(sizes).all() and (sizes >= 0).all() and sizes.sum() > 0):
        raise ValueError(f"shares must not be negative, and one must be positive, got {dict(shares)}")
    order = shuffled(patients, seed, purpose)
    edges = np.floor(np.cumsum(sizes) / sizes.sum() * len(order) + 0.5).astype(int).tolist()
    starts = [0, *edges[:-1]]
    return {name: order[start:stop] for name, start, stop in zip(shares, starts, edges, strict=True)}


def parts_of(strata: Iterable[Iterable[str]], parts: int, seed: int) -> dict[str, int]:
    """The part, 1 to `parts`, of each patient: equal parts of every stratum, for label fractions that are nested.

    Args:
        strata: groups of patients of which each part gets its share, such as cases and controls.
        parts: how many.
        seed: another seed deals otherwise.
    """
    found: dict[str, int] = {}
    for stratum in strata:
        dealt = deal(stratum, dict.fromkeys(map(str, range(1, parts + 1)), 1.0), seed, "part")
        found |= {patient: int(name) for name, patients in dealt.items() for patient in patients}
    return found
