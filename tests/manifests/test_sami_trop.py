import csv

import h5py
import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.store import Store
from manifests import sami_trop

N = 1631
COLUMNS = ["exam_id", "age", "is_male", "normal_ecg", "death", "timey", "nn_predicted_age"]
BEGINS = [294669 + 7 * (row * 911 % N) for row in range(N)]  # ids, in no order


def table(rows=N):
    return [
        [BEGINS[row % N] + row // N, 30 + row % 60, row % 3 == 0, row % 5 == 0, row % 16 == 0, f"{row % 3}.5", "60.1"]
        for row in range(rows)
    ]


def write(folder, rows, tracings=None, **others):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "exams.csv", "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    if tracings is not None:
        with h5py.File(folder / "exams.hdf5", "w") as file:
            file["tracings"] = tracings
            for name, values in others.items():
                file[name] = values
    return folder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, ecg_signal):
    """1,631 recordings of one second, in doubles, filled up with zeros."""
    folder = tmp_path_factory.mktemp("sami")
    signals = np.stack([ecg_signal(row, 400) for row in range(N)])
    stored = np.zeros((N, 430, 12))
    stored[:, 15:415] = signals.transpose(0, 2, 1)
    write(folder / "in", table(), stored)
    card = sami_trop.main(["--source", str(folder / "in"), "--dest", str(folder / "out"), "--workers", "1"])
    rows = {row.id: row for name in ("train", "valid", "test") for row in Manifest(folder / "out" / f"{name}.tsv")}
    return card, folder / "out", rows, signals


def test_row_n_of_the_table_is_tracing_n(prepared):
    card, dest, rows, signals = prepared
    assert card["counts"]["rejected"] == {} and len(rows) == N == card["counts"]["patients"]
    store = Store(dest / "store")
    for number, signal in enumerate(signals):
        row = rows[str(BEGINS[number])]
        assert (row.rate, row.leads, row.length) == (400.0, STANDARD_LEADS, 400)
        microvolts = store.read(*row.stored).astype(float) * store.entry(*row.stored).nanovolts / 1000
        np.testing.assert_allclose(microvolts, signal * 1000, atol=0.51)


def test_labels_and_columns(prepared):
    card, _, rows, _ = prepared
    assert card["classes"] == ["Chagas", "normal_ecg"]
    for number in range(N):
        row = rows[str(BEGINS[number])]
        assert row.labels == (("Chagas", "normal_ecg") if number % 5 == 0 else ("Chagas",)) and not row.unknown
        told = [row.extra[name] for name in ("age", "sex", "normal_ecg", "death", "timey", "source")]
        sex = "male" if number % 3 == 0 else "female"
        assert told == [str(30 + number % 60), sex, str(number % 5 == 0), str(number % 16 == 0), f"{number % 3}.5", "SaMi-Trop"]  # fmt: skip  # noqa: E501
    counts = card["counts"]["rows"]
    assert abs(counts["train"] - 0.8 * N) <= 2 and abs(counts["valid"] - 0.1 * N) <= 2


def test_each_split_has_its_share_of_the_dead_and_of_the_normal(prepared):
    _, dest, _, _ = prepared
    for name, share in (("train", 0.8), ("valid", 0.1), ("test", 0.1)):
        rows = list(Manifest(dest / f"{name}.tsv"))
        assert abs(sum(row.extra["death"] == "True" for row in rows) - share * 102) <= 1
        assert abs(sum("normal_ecg" in row.labels for row in rows) - share * 327) <= 1


@pytest.mark.parametrize("rows", [N - 1, N + 1])
def test_another_number_of_rows_or_tracings_is_refused(tmp_path, rows):
    folder = write(tmp_path / "a", table(rows), np.zeros((N, 2, 12)))
    with pytest.raises(ValueError, match=rf"table must have 1631 rows, .*by their position, got {rows} \(.*exams\.csv"):
        sami_trop.read_items(folder)
    folder = write(tmp_path / "b", table(), np.zeros((rows, 2, 12)))
    with pytest.raises(ValueError, match=rf"tracings must have 1631 rows, .*got {rows} \(.*exams\.hdf5"):
        sami_trop.read_items(folder)


def test_ids_in_the_tracings_must_be_those_of_the_table(tmp_path):
    folder = write(tmp_path / "a", table(), np.zeros((N, 2, 12)), exam_id=np.array(BEGINS))
    assert len(sami_trop.read_items(folder)) == N
    folder = write(tmp_path / "b", table(), np.zeros((N, 2, 12)), exam_id=np.sort(BEGINS))
    with pytest.raises(ValueError, match=r"tracings must be in the order of exams\.csv, got other ids"):
        sami_trop.read_items(folder)


def test_unknown_is_not_no(tmp_path):
    rows = table()
    rows[0][3] = rows[0][4] = ""
    first = sami_trop.read_items(write(tmp_path, rows, np.zeros((N, 2, 12))))[0]
    assert first.unknown == ("normal_ecg",) and first.labels == ("Chagas",) and first.extra["death"] == ""


def test_cells_that_are_not_as_they_should_be_are_refused(tmp_path):
    rows = table()
    rows[4][4] = "dead"
    with pytest.raises(ValueError, match=r"cell must be true, false or empty, got 'dead' \(.*exams\.csv, row 6\)"):
        sami_trop.read_items(write(tmp_path, rows, np.zeros((N, 2, 12))))
