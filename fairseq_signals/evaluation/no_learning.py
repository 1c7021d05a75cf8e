"""What can be had without learning: identification by descriptors, diagnosis by the nearest recordings.

These are the rows of a table that every trained model has to beat. Metrics are computed by the functions that judge
models, over the same windows and recordings, and written to files of the same names.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, label_matrix, manifest_path
from fairseq_signals.data.number_rules import class_names
from fairseq_signals.evaluation.arrays import boolean_table, finite_table, known_table
from fairseq_signals.evaluation.diagnosis import diagnosis_scores
from fairseq_signals.evaluation.identification import identification_scores, match
from fairseq_signals.evaluation.prevalence import prevalence
from fairseq_signals.evaluation.report import write_matches, write_metrics, write_predictions
from fairseq_signals.evaluation.session_pairs import describe_sessions
from fairseq_signals.evaluation.session_whitening import SessionWhitening, fit_session_whitening
from fairseq_signals.evaluation.subgroups import GROUPINGS
from fairseq_signals.evaluation.thresholds import fit_class_thresholds, fit_threshold
from fairseq_signals.evaluation.window_descriptors import DescribedRecordings, describe_recordings

NEIGHBOURS = 50
PREVALENCE = "prevalence"
"""The baseline that looks at no ECG: the share of the training recordings that have each class."""


def identify(
    data: Path,
    descriptor: str,
    leads: tuple[str, ...] = STANDARD_LEADS,
    results: Path | None = None,
    subset: str = "probe",
    whiten: str | None = None,
    **windows,
) -> dict[str, Any]:
    """Scores of matching probe to gallery by the cosine of descriptors; see `evaluation.identification`.

    With `whiten` the descriptors pass a linear map that is fitted on training recordings first: one closed form, no
    training, but no longer without learning.

    Args:
        data: folder with the manifests.
        descriptor: a name among `evaluation.ecg_descriptors.DESCRIPTORS`.
        leads: standard names of the available leads; the others are zero.
        results: folder for `metrics_<subset>.json` and `predictions_<subset>.tsv`; None writes nothing.
        subset: name of the probe's manifest, which ends in `probe`; its gallery lies beside it.
        whiten: name of a manifest of training recordings to fit `evaluation.session_whitening` on, whose patients are
            none of the gallery's or probe's; None compares the descriptors themselves.
        windows: `window_seconds`, `workers`, `progress` of `window_descriptors.describe_recordings`.

    Raises:
        ValueError, FileNotFoundError: a manifest or a recording is not as it must be.
    """
    if not subset.endswith("probe"):
        raise ValueError(f"subset to identify must end in 'probe', with its gallery beside it, got {subset!r}")
    paths = [manifest_path(data, subset.removesuffix("probe") + "gallery"), manifest_path(data, subset)]
    described = describe_recordings(paths, descriptor, leads, **windows)
    split = len(described.manifests[0])
    gallery, probe = slice(0, split), slice(split, None)
    vectors, ids, patients = described.vectors, described.ids, described.patients
    if whiten:
        vectors = _whitening(manifest_path(data, whiten), set(patients), descriptor, leads, **windows)(vectors)
    parts = vectors[gallery], patients[gallery], vectors[probe], patients[probe]
    settings = _settings(data, subset, leads, descriptor, described) | ({"whitened_on": whiten} if whiten else {})
    scores = {**settings, **identification_scores(*parts)}
    if results:
        write_metrics(Path(results) / f"metrics_{subset}.json", scores)
        path = Path(results) / f"predictions_{subset}.tsv"
        write_matches(path, match(*parts), ids[probe], patients[probe], ids[gallery], patients[gallery])
    return scores


def diagnose(
    data: Path,
    descriptor: str,
    leads: tuple[str, ...] = STANDARD_LEADS,
    results: Path | None = None,
    subset: str = "test",
    neighbours: int | None = None,
    threshold: str = "0.5",
    train_subset: str = "train",
    valid_subset: str = "valid",
    classes: Sequence[str] | None = None,
    **windows,
) -> dict[str, Any]:
    """Scores of the training recordings' labels as an answer for others; see `evaluation.diagnosis`.

    Args:
        data: folder with the manifests and `dataset.yaml`.
        descriptor: a name among `evaluation.ecg_descriptors.DESCRIPTORS`, or `prevalence`.
        leads: standard names of the available leads; the others are zero.
        results: folder for `metrics_<subset>.json` and `predictions_<subset>.tsv`; None writes nothing.
        subset: name of the manifest to score.
        neighbours: how many of the nearest training recordings answer; None is 50, or all where there are fewer.
        threshold: a probability, or `fit` or `fit_per_class` on `valid_subset`, as for trained models.
        train_subset: name of the manifest whose labels answer.
        valid_subset: name of the manifest to fit thresholds on.
        classes: codes, or rules that make a class of a number (`lvsd: ef < 40`); None takes those of `dataset.yaml`.
        windows: `window_seconds`, `workers`, `progress` of `window_descriptors.describe_recordings`.

    Raises:
        ValueError, FileNotFoundError: a manifest, a recording or a setting is not as it must be.
    """
    train = Manifest(manifest_path(data, train_subset))
    wanted = train.classes if classes is None else classes
    if not wanted:
        raise ValueError(f"classes must be listed in dataset.yaml beside the manifests, got none ({train.folder})")
    labels, known = label_matrix(train, wanted)
    names = class_names(wanted)
    neighbours = min(NEIGHBOURS, len(train)) if neighbours is None else neighbours
    described = {}

    def answer(name: str) -> tuple[Manifest, np.ndarray]:
        path = manifest_path(data, name)
        if descriptor == PREVALENCE:
            manifest = Manifest(path)
            return manifest, np.tile(prevalence(labels, known), (len(manifest), 1))
        if train_subset not in described:
            described[train_subset] = describe_recordings([train.path], descriptor, leads, **windows)
        described[name] = found = describe_recordings([path], descriptor, leads, **windows)
        nearest = neighbours_answer(described[train_subset].vectors, labels, known, found.vectors, neighbours)
        return found.manifests[0], nearest

    decision = _threshold(threshold, answer, valid_subset, wanted)
    manifest, scores = answer(subset)
    truth = label_matrix(manifest, wanted)
    columns = {name: manifest.column(name) for name in GROUPINGS if name in manifest.columns}
    metrics = {
        **_settings(data, subset, leads, descriptor, described.get(subset)),
        **({} if descriptor == PREVALENCE else {"neighbours": neighbours}),
        **diagnosis_scores(truth[0], truth[1], scores, names, decision, columns),
    }
    if results:
        write_metrics(Path(results) / f"metrics_{subset}.json", metrics)
        path = Path(results) / f"predictions_{subset}.tsv"
        write_predictions(path, manifest.column("id"), names, scores, *truth)
    return metrics


def neighbours_answer(train, labels, known, vectors, neighbours: int) -> np.ndarray:
    """Probability of each class from the recordings of highest cosine, float64 `[M, C]`.

    The share of the neighbours that have the class among those of which it is known, with the prevalence counted as
    one more neighbour: it answers alone where nothing is known of any of them, and orders those who share a count.

    Args:
        train: float `[N, D]`, descriptors of the training recordings.
        labels: boolean `[N, C]`, theirs.
        known: boolean `[N, C]`, or None where everything is known.
        vectors: float `[M, D]`, descriptors of the recordings to diagnose.
        neighbours: how many answer, 1 to N.

    Raises:
        ValueError: tables that do not fit each other, or another number of neighbours.
    """
    train, vectors = finite_table(train, "train"), finite_table(vectors, "vectors")
    labels = boolean_table(labels, "labels")
    known = known_table(known, labels.shape)
    if not 1 <= neighbours <= len(train) or len(labels) != len(train):
        raise ValueError(
            f"neighbours must be between 1 and the number of training recordings ({len(train)}, with "
            f"{len(labels)} rows of labels), got {neighbours}"
        )
    finder = NearestNeighbors(n_neighbors=neighbours, metric="cosine", algorithm="brute").fit(train)
    nearest = finder.kneighbors(vectors, return_distance=False)  # [M, K]
    has, is_known = np.zeros((len(vectors), labels.shape[1])), np.zeros((len(vectors), labels.shape[1]))
    for column in nearest.T:  # neighbour by neighbour: [M, K, C] of a large data set would not fit
        has += labels[column] & known[column]
        is_known += known[column]
    return (has + prevalence(labels, known)) / (is_known + 1)


def _whitening(path: Path, judged: set[str], descriptor: str, leads: tuple[str, ...], **windows) -> SessionWhitening:
    shared = judged & set(Manifest(path).column("patient"))
    if shared:
        raise ValueError(
            f"recordings to fit on must be of other patients than those to identify, got {len(shared)} of theirs in "
            f"{path} (first: {min(shared)})"
        )
    return fit_session_whitening(*describe_sessions(path, descriptor, leads, **windows))


def _threshold(threshold: str, answer, valid_subset: str, classes) -> "float | np.ndarray":
    fits = {"fit": fit_threshold, "fit_per_class": fit_class_thresholds}
    if threshold in fits:
        manifest, scores = answer(valid_subset)
        labels, known = label_matrix(manifest, classes)
        return fits[threshold](labels, scores, class_names(classes), known=known)
    try:
        return float(threshold)
    except ValueError:
        raise ValueError(f"threshold must be a number or one of {', '.join(fits)}, got {threshold!r}") from None


def _settings(data, subset, leads, descriptor, described: DescribedRecordings | None) -> dict[str, Any]:
    settings = {"subset": subset, "data": str(data), "leads": list(leads), "descriptor": descriptor}
    if described is None:
        return settings
    return {**settings, "n_windows": described.n_windows, "n_silent_windows": described.n_silent_windows}
