"""The cohort of eight institutions, counted again from its files with other means."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
import wfdb

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.synthetic.cohort import generate_heart, generate_recording, make_lvsd_cohort
from manifests.table import main as prepare_table

SMALL = {1: 9, 4: 6}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    count = make_lvsd_cohort(folder, SMALL)
    return folder, pd.read_csv(folder / "recordings.csv", dtype=str, keep_default_na=False), count


def test_the_table_lists_every_file_once_and_the_files_agree(cohort):
    folder, table, count = cohort
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.hea"))
    assert sorted(table["file"]) == files and len(files) == count == len(set(table["id"]))
    assert {name: len(rows["patient"].unique()) for name, rows in table.groupby("institution")} == {"1": 9, "4": 6}
    for row in table.itertuples():
        record = wfdb.rdrecord(str(folder / row.file.removesuffix(".hea")))
        assert record.p_signal.shape == (1000, 12) and record.fs == 100
        assert f"Age: {row.age}" in record.comments and f"Sex: {row.sex.capitalize()}" in record.comments
        assert row.id.rpartition("_")[0] == row.patient


def test_any_number_of_workers_and_any_interruption_make_the_same_files(cohort, tmp_path):
    folder, table, _ = cohort
    make_lvsd_cohort(tmp_path, SMALL, workers=2)
    (tmp_path / table["file"][3]).unlink()
    make_lvsd_cohort(tmp_path, SMALL)
    for path in [*folder.rglob("*.dat"), *folder.rglob("*.hea"), folder / "recordings.csv"]:
        assert (tmp_path / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_ten_patients_are_the_first_ten_of_more(cohort, tmp_path):
    _, table, _ = cohort
    make_lvsd_cohort(tmp_path, {4: 2})
    fewer = pd.read_csv(tmp_path / "recordings.csv", dtype=str, keep_default_na=False)
    first = table[(table["institution"] == "4") & (table["patient"] <= "h4p00001")].reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer, first)
    record = generate_recording(4, 1, 1)
    stored = wfdb.rdrecord(str(tmp_path / "institution4/000/h4p00001_1")).p_signal.T
    np.testing.assert_allclose(record.signal, stored, atol=0.00051)


def test_other_settings_are_refused_in_the_same_folder(cohort):
    with pytest.raises(ValueError, match="settings must be those the folder was made with"):
        make_lvsd_cohort(cohort[0], SMALL, seed=1)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"patients": {9: 5}}, "of institutions 1 to 8, got {9: 5}"),
        ({"patients": {}}, "patients must be 1 to 99999"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"rate": 10.0}, "rate must be 50 to 5000 Hz"),
    ],
)
def test_absurd_settings_are_refused_before_anything_is_written(tmp_path, choice, message):
    with pytest.raises(ValueError, match=message):
        make_lvsd_cohort(tmp_path / "new", **choice)
    assert not (tmp_path / "new").exists()


def test_the_eight_institutions_differ_in_prevalence_and_age_and_some_values_are_unknown():
    low, told, age, mixed, several = defaultdict(list), [], {}, 0, 0
    for institution in (1, 4, 6):
        hearts = [generate_heart(institution, number) for number in range(700)]
        for _, visits in hearts:
            known = [visit.told < 40 for visit in visits if visit.told is not None]
            low[institution] += known
            told += [visit.told is not None for visit in visits]
            mixed += len(set(known)) == 2
            several += len(visits) > 1
        age[institution] = np.mean([heart.years for heart, _ in hearts])
    prevalence = {institution: np.mean(known) for institution, known in low.items()}
    assert prevalence[6] < prevalence[1] < prevalence[4]
    assert prevalence[1] == pytest.approx(0.08, abs=0.035) and prevalence[4] == pytest.approx(0.13, abs=0.05)
    assert age[6] < age[1] < age[4]
    assert 0.85 < np.mean(told) < 0.93
    assert mixed >= 10 and 0.3 < several / 2100 < 0.5


def test_recorders_differ_in_what_they_let_through():
    """Power above 65 Hz: institution 4's filter ends at 40 Hz, institution 1's at 150."""
    share = {}
    for institution in (1, 4):
        signals = [generate_recording(institution, number, 1, rate=500.0).signal for number in range(6)]
        power = np.mean(
            [np.abs(np.fft.rfft(signal * np.hanning(5000), axis=1)) ** 2 for signal in signals], axis=(0, 1)
        )
        at = np.fft.rfftfreq(5000, 1 / 500)
        share[institution] = power[at > 65].sum() / power[(at > 5) & (at < 30)].sum()
    assert share[4] < 0.1 * share[1]


def test_the_existing_preparation_takes_it_with_ef_and_institution(cohort, tmp_path):
    folder, table, count = cohort
    arguments = ["--source", folder, "--table", folder / "recordings.csv", "--dest", tmp_path / "data", "--workers", 1]
    prepare_table([*map(str, arguments), "--label", "lvsd: ef < 40", "--shares", "0.5,0.25,0.25"])
    rows = [row for name in ("train", "valid", "test") for row in Manifest(tmp_path / "data" / f"{name}.tsv")]
    cells = {row.id: row for row in table.itertuples()}
    assert len(rows) == count
    for row in rows:
        told = cells[row.id]
        assert (row.extra["ef"], row.extra["institution"], row.patient) == (told.ef, told.institution, told.patient)
        assert row.labels == (("lvsd",) if told.ef and int(told.ef) < 40 else ())
        assert row.unknown == (() if told.ef else ("lvsd",))
