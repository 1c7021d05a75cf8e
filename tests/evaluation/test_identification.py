"""Matching against plain loops over pairs and against scikit-learn's nearest neighbour."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from fairseq_signals.evaluation import identification
from fairseq_signals.evaluation.identification import (
    cumulative_match_curve,
    identification_scores,
    match,
    rank1_accuracy,
    rank_accuracy,
)


@pytest.fixture
def people():
    random = np.random.default_rng(1)
    faces = random.normal(size=(40, 8))
    ids = [f"p{number}" for number in range(40)]
    order = random.permutation(40)
    probe = faces[order] + random.normal(size=(40, 8))
    return faces + 0.5 * random.normal(size=(40, 8)), ids, probe, [ids[row] for row in order]


def ranks_by_loops(gallery, gallery_ids, probe, probe_ids):
    def cosine(a, b):
        return sum(x * y for x, y in zip(a, b, strict=True)) / (np.sqrt(sum(a**2)) * np.sqrt(sum(b**2)))

    ranks = []
    for vector, name in zip(probe, probe_ids, strict=True):
        own = max(cosine(vector, g) for g, other in zip(gallery, gallery_ids, strict=True) if other == name)
        others = [cosine(vector, g) for g, other in zip(gallery, gallery_ids, strict=True) if other != name]
        ranks.append(1 + sum(value >= own for value in others))
    return np.array(ranks)


def test_ranks_equal_plain_loops(people):
    assert (match(*people).rank == ranks_by_loops(*people)).all()


def test_rank1_equals_scikit_learn(people):
    gallery, gallery_ids, probe, probe_ids = people
    finder = NearestNeighbors(n_neighbors=1, metric="cosine").fit(gallery)
    nearest = finder.kneighbors(probe, return_distance=False)[:, 0]
    hits = np.array(gallery_ids)[nearest] == np.array(probe_ids)
    assert 0.2 < hits.mean() < 0.95
    assert rank1_accuracy(*people) == pytest.approx(hits.mean())
    assert (match(*people).nearest == nearest).all()


def test_curve_climbs_from_rank1_to_one(people):
    curve = cumulative_match_curve(*people)
    ranks = ranks_by_loops(*people)
    assert curve == pytest.approx([(ranks <= k).mean() for k in range(1, 41)])
    assert curve[0] == rank1_accuracy(*people) and curve[4] == rank_accuracy(*people, k=5) and curve[-1] == 1.0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("width", [3, 7, 257])
def test_an_encoder_that_knows_nobody_scores_nothing(dtype, width):
    vector = np.random.default_rng(0).normal(size=width).astype(dtype)
    same = np.tile(vector, (33, 1))
    assert rank1_accuracy(same, range(33), same, range(33)) == 0.0
    assert (match(same, range(33), same * 3, range(33)).rank == 33).all()


def test_length_of_embeddings_does_not_matter(people):
    gallery, gallery_ids, probe, probe_ids = people
    lengths = np.logspace(-200, 200, 40)[:, None]
    assert (match(gallery * lengths, gallery_ids, probe / lengths, probe_ids).rank == match(*people).rank).all()


def test_several_recordings_of_a_person_count_by_the_best(people):
    gallery, gallery_ids, probe, probe_ids = people
    doubled = np.concatenate([gallery, -gallery]), gallery_ids * 2, probe, probe_ids
    assert (match(*doubled).rank == ranks_by_loops(*doubled)).all()


def test_blocks_change_nothing(people, monkeypatch):
    whole = match(*people)
    monkeypatch.setattr(identification, "_CELLS_AT_ONCE", 41 * 3)
    parts = match(*people)
    assert (parts.rank == whole.rank).all() and (parts.nearest == whole.nearest).all()
    assert parts.similarity == pytest.approx(whole.similarity)
    assert parts.own_similarity == pytest.approx(whole.own_similarity)


def test_scores_by_name(people):
    scores = identification_scores(*people, n_ranks=7)
    assert scores["rank1"] == rank1_accuracy(*people) and scores["rank5"] == scores["curve"][4]
    assert len(scores["curve"]) == 7
    assert (scores["n_gallery"], scores["n_probe"], scores["n_persons"]) == (40, 40, 40)
    assert np.isnan(identification_scores(np.eye(2), "ab", np.eye(2), "ab")["rank5"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g, gi, p, pi: (g, gi, p, ["nobody", *pi[1:]]), r"probe ids .* got 1 .*first: nobody"),
        (lambda g, gi, p, pi: (np.where(g == g[2], 0, g), gi, p, pi), r"zero vector \(row 2, id p2\)"),
        (lambda g, gi, p, pi: (np.where(g == g[2], np.nan, g), gi, p, pi), "gallery embeddings must be finite"),
        (lambda g, gi, p, pi: (g, gi, p[:, :5], pi), r"as wide as the gallery's \(8\), got 5"),
        (lambda g, gi, p, pi: (g, gi[1:], p, pi), "gallery ids must be as many as its embeddings"),
        (lambda g, gi, p, pi: (g[:0], [], p, pi), "gallery embeddings must be a table"),
    ],
)
def test_bad_input_is_refused(people, change, message):
    with pytest.raises(ValueError, match=message):
        match(*change(*people))


@pytest.mark.parametrize("k", [0, 41])
def test_rank_must_lie_within_the_gallery(people, k):
    with pytest.raises(ValueError, match=r"k must be between 1 and the size of the gallery \(40\)"):
        rank_accuracy(*people, k=k)
