"""Who is it? Scores of matching probe recordings to a gallery by the cosine of their embeddings.

Conventions:
    Embeddings are float `[N, E]`, one row per recording, of any length but zero; ids say whose recording it
    is (compared as text). Gallery and probe are different recordings. A probe's rank is one plus the number
    of gallery recordings of other people that are at least as similar to it as the most similar recording of
    its own person: ties count against the probe, so that an encoder which maps everything to one point scores
    0 and not 1. Cosines closer than 1e-12 are ties, because the same vectors give sums that differ in the
    last digits.

Metrics:
    `rank1_accuracy`, `rank_accuracy`: share of probes whose rank is 1, at most k.
    `cumulative_match_curve`: that share for every k.
    `identification_scores`: these by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairseq_signals.evaluation.arrays import finite_table

TIE = 1e-12

# 2**24 cosines of 8 bytes: 128 MiB at a time, whatever the size of the gallery.
_CELLS_AT_ONCE = 2**24


@dataclass(frozen=True)
class Matches:
    """What the gallery says about every probe.

    Attributes:
        nearest: int `[P]`, the gallery row of highest cosine (the first of equals).
        similarity: float64 `[P]`, the cosine to it.
        own_similarity: float64 `[P]`, the highest cosine to a recording of the probe's own person.
        rank: int `[P]`, from 1; ties count against the probe.
    """

    nearest: np.ndarray
    similarity: np.ndarray
    own_similarity: np.ndarray
    rank: np.ndarray


def match(gallery, gallery_ids: Sequence, probe, probe_ids: Sequence) -> Matches:
    """The nearest gallery recording of every probe and the rank of its true match.

    Args:
        gallery: float `[G, E]`, embeddings to search in.
        gallery_ids: G ids.
        probe: float `[P, E]`, embeddings to find.
        probe_ids: P ids, each present in the gallery.

    Raises:
        ValueError: embeddings of different width, not finite or zero; ids of another number; a probe
            whose id the gallery lacks.
    """
    gallery_ids, probe_ids = _ids(gallery_ids), _ids(probe_ids)
    gallery, probe = _unit(gallery, gallery_ids, "gallery"), _unit(probe, probe_ids, "probe")
    if gallery.shape[1] != probe.shape[1]:
        raise ValueError(
            f"probe embeddings must be as wide as the gallery's ({gallery.shape[1]}), got {probe.shape[1]}"
        )
    persons = {name: code for code, name in enumerate(dict.fromkeys(gallery_ids))}
    missing = [name for name in probe_ids if name not in persons]
    if missing:
        raise ValueError(
            f"probe ids must be present in the gallery, got {len(missing)} that are not "
            f"(first: {', '.join(missing[:5])})"
        )
    gallery_codes = np.array([persons[name] for name in gallery_ids])
    probe_codes = np.array([persons[name] for name in probe_ids])
    step = max(1, _CELLS_AT_ONCE // len(gallery))
    parts = [
        _match_some(gallery, gallery_codes, probe[start : start + step], probe_codes[start : start + step])
        for start in range(0, len(probe), step)
    ]
    return Matches(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def rank1_accuracy(gallery, gallery_ids: Sequence, probe, probe_ids: Sequence) -> float:
    """Share of probes whose own person is strictly the nearest; arguments and errors as in `match`."""
    return rank_accuracy(gallery, gallery_ids, probe, probe_ids, k=1)


def rank_accuracy(gallery, gallery_ids: Sequence, probe, probe_ids: Sequence, k: int) -> float:
    """Share of probes of rank k or better; arguments and errors as in `match`.

    Raises:
        ValueError: k is not between 1 and the size of the gallery.
    """
    if not 1 <= k <= len(gallery):
        raise ValueError(f"k must be between 1 and the size of the gallery ({len(gallery)}), got {k}")
    return float((match(gallery, gallery_ids, probe, probe_ids).rank <= k).mean())


def cumulative_match_curve(gallery, gallery_ids: Sequence, probe, probe_ids: Sequence) -> np.ndarray:
    """Share of probes of rank k or better for k = 1 … G, float64 `[G]`; arguments, errors as in `match`."""
    return _curve(match(gallery, gallery_ids, probe, probe_ids), len(gallery))


def identification_scores(
    gallery, gallery_ids: Sequence, probe, probe_ids: Sequence, n_ranks: int = 20
) -> dict[str, Any]:
    """The scores by name: `rank1`, `rank5`, `curve`, `n_gallery`, `n_probe`, `n_persons`.

    Arguments and errors as in `match`; `n_ranks` is how much of the curve is kept. `rank5` is NaN where the
    gallery has fewer than five recordings.
    """
    curve = _curve(match(gallery, gallery_ids, probe, probe_ids), len(gallery))
    return {
        "rank1": float(curve[0]),
        "rank5": float(curve[4]) if len(curve) >= 5 else float("nan"),
        "curve": curve[:n_ranks].tolist(),
        "n_gallery": len(gallery),
        "n_probe": len(probe),
        "n_persons": len(set(_ids(gallery_ids))),
    }


def _curve(matches: Matches, n_gallery: int) -> np.ndarray:
    reached = np.bincount(matches.rank, minlength=n_gallery + 2)[1 : n_gallery + 1]
    return np.cumsum(reached) / len(matches.rank)


def _match_some(gallery, gallery_codes, probe, probe_codes) -> tuple[np.ndarray, ...]:
    cosines = probe @ gallery.T  # [P, G]
    nearest = cosines.argmax(axis=1)
    similarity = cosines.max(axis=1)
    own = probe_codes[:, None] == gallery_codes  # [P, G]
    own_similarity = np.where(own, cosines, -np.inf).max(axis=1)
    ahead = (cosines >= own_similarity[:, None] - TIE) & ~own
    return nearest, similarity, own_similarity, 1 + ahead.sum(axis=1)


def _ids(ids: Sequence) -> list[str]:
    return [str(name) for name in np.asarray(ids).tolist()]


def _unit(embeddings, ids: list[str], name: str) -> np.ndarray:
    embeddings = finite_table(embeddings, f"{name} embeddings")
    if len(ids) != len(embeddings):
        raise ValueError(f"{name} ids must be as many as its embeddings ({len(embeddings)}), got {len(ids)}")
    largest = np.abs(embeddings).max(axis=1, keepdims=True)  # keeps the squares of tiny and huge values in range
    if not largest.all():
        row = int(np.argmin(largest))
        raise ValueError(f"{name} embeddings must differ from zero, got a zero vector (row {row}, id {ids[row]})")
    scaled = embeddings / largest
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
