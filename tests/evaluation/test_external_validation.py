"""Models on several cohorts: a threshold travels from one to the others; table, files and pictures say the same."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.evaluation.external_table import external_text
from fairseq_signals.evaluation.external_validation import Cohort, Point, score_cohorts, write_validation
from fairseq_signals.evaluation.predictions import read_predictions

HEADER = "id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels\tef"


def make_cohort(folder, name, n, seed, cells=None):
    draws = np.random.default_rng(seed)
    cells = cells or ["" if place % 9 == 8 else f"{ef:.0f}" for place, ef in enumerate(draws.normal(48, 12, n))]
    lines = [f"{name}{k}\ts:{k}\t0\t9\t100\t12\tp{k // 2}\t\t{cell}" for k, cell in enumerate(cells)]
    (folder / f"{name}.tsv").write_text("\n".join([HEADER, *lines]) + "\n")
    numbers = np.array([float(cell or 50) for cell in cells])
    return Cohort(Manifest(folder / f"{name}.tsv"), "lvsd: ef < 40"), numbers


@pytest.fixture
def world(tmp_path):
    cohorts, told = {}, {}
    for seed, (name, n) in enumerate((("valid", 60), ("far", 80), ("healthy", 15))):
        cells = ["60"] * 15 if name == "healthy" else None
        cohorts[name], ef = make_cohort(tmp_path, name, n, seed, cells)
        for model, noise in (("good", 4), ("weak", 25)):
            blurred = ef + np.random.default_rng(seed + 9).normal(0, noise, len(ef))
            told[model, name] = 1 / (1 + np.exp((blurred - 40) / 6))
    told = {(model, name): told[model, name] for model in ("good", "weak") for name in cohorts}
    rows = score_cohorts("lvsd", cohorts, told, Point.of("youden@valid", list(cohorts)), {("weak", "far"): ["seen"]})
    return cohorts, told, rows, tmp_path / "out"


def test_the_threshold_of_one_cohort_is_used_on_all(world):
    cohorts, told, rows, _ = world
    for model in ("good", "weak"):
        mine = {row.cohort: row.scores for row in rows if row.model == model}
        threshold = mine["valid"].threshold
        assert {scores.threshold for scores in mine.values()} == {threshold}
        label, score = cohorts["valid"].of_known(told[model, "valid"])
        merits = [(score[label] >= cut).mean() + (score[~label] < cut).mean() for cut in score]
        reached = (score[label] >= threshold).mean() + (score[~label] < threshold).mean()
        assert reached == pytest.approx(max(merits))
        label, score = cohorts["far"].of_known(told[model, "far"])
        assert mine["far"].auroc.point == pytest.approx(roc_auc_score(label, score))
        assert mine["far"].decisions.sensitivity.point == pytest.approx((score[label] >= threshold).mean())


def test_the_text_shows_every_number_and_what_is_to_be_said(world):
    rows = world[2]
    text = external_text(rows, "youden on valid")
    assert (
        text.startswith("AUROC of lvsd [95 %], and differences to good (DeLong, of recordings)\ncohort")
        and text.count("called from") == 2
    )
    for row in rows:
        assert f"{row.scores.auroc.point:.3f} [" in text and f"{row.scores.decisions.npv.point:.3f}" in text
    assert "valid: the threshold was chosen here (youden)\n    outcome unknown of 6 of 60" in text
    assert "far: seen\n    outcome unknown" in text and "healthy: no cases: no AUROC" in text


def test_a_mark_means_one_cohort_in_all_tables(tmp_path):
    cohorts, told = {}, {}
    for seed, name in enumerate(("near", "far")):
        cohorts[name], ef = make_cohort(tmp_path, name, 20, seed, ["30", "60"] * 10)
        told |= {(model, name): 1 / ef + np.random.default_rng(seed).random(20) / 9 for model in ("one", "two")}
    told = dict(sorted(told.items()))
    remarks = {("one", "near"): ["short"], ("two", "far"): ["seen"], ("two", "near"): ["short"]}
    text = external_text(score_cohorts("lvsd", cohorts, told, Point.of("0.5", list(cohorts)), remarks), "given")
    lines = [line.split() for line in text.splitlines()]
    marked = {(words[0], words[1]) for words in lines if words and words[0] in cohorts and words[1][0] == "("}
    noted = {(words[1].rstrip(":"), words[0]) for words in lines if words and words[0][0] == "("}
    assert marked == noted and {name for name, _ in noted} == set(cohorts) and len(noted) == 2


def test_later_models_are_compared_with_the_first_by_pairs(world):
    cohorts, told, rows, _ = world
    for row in rows:
        label, score = cohorts[row.cohort].of_known(told[row.model, row.cohort])
        if row.model == "good":
            assert row.gain is None and np.isnan(row.gain_p)
        elif label.any():
            first = cohorts[row.cohort].of_known(told["good", row.cohort])[1]
            assert row.gain.point == pytest.approx(roc_auc_score(label, score) - roc_auc_score(label, first))
            assert row.gain.upper < 0 and row.gain_p < 0.05  # the weak one is worse
            assert f"{row.gain.point:+.3f}, p {row.gain_p:.2g}" in external_text(rows, "")
        else:
            assert np.isnan(row.gain).all() and np.isnan(row.gain_p)


def test_files_hold_the_same_numbers(world):
    cohorts, told, rows, folder = world
    write_validation(folder, rows, cohorts, told)
    with open(folder / "external_validation.tsv") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    assert [(line["model"], line["cohort"]) for line in lines] == [(row.model, row.cohort) for row in rows]
    for line, row in zip(lines, rows, strict=True):
        assert float(line["auroc_lower"]) == pytest.approx(row.scores.auroc.lower, rel=1e-5, nan_ok=True)
        assert float(line["slope"]) == pytest.approx(row.scores.calibration.slope, rel=1e-5, nan_ok=True)
        metrics = json.loads((folder / row.model / f"metrics_{row.cohort}.json").read_text())
        assert metrics["specificity"] == pytest.approx(row.scores.decisions.specificity.point)
        assert (metrics["labels_by"], metrics["n_cases"]) == ("lvsd: ef < 40", row.scores.n_cases)
        written = read_predictions(folder / row.model / f"predictions_{row.cohort}.tsv")
        np.testing.assert_allclose(written.scores[:, 0], told[row.model, row.cohort], rtol=1e-5)
        assert (written.known[:, 0] == cohorts[row.cohort].truth[1]).all()
    for name in ("roc.png", "calibration.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["youden", "0.4@far", "youden@near", "best@far"])
def test_a_point_that_cannot_be_chosen_is_refused(text):
    with pytest.raises(ValueError, match="operating point must be"):
        Point.of(text, ["valid", "far"])


def test_a_cohort_without_any_known_outcome_is_refused(tmp_path):
    cohort, _ = make_cohort(tmp_path, "empty", 3, 1, ["", "n/a", ""][:1] * 3)
    with pytest.raises(ValueError, match=r"outcome \(lvsd: ef < 40\) must be known of at least one .*empty\.tsv"):
        _ = cohort.truth
