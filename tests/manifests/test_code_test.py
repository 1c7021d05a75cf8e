import csv

import h5py
import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.store import Store
from manifests import code_test

N = 827
STORED = ("I", "II", "III", "aVL", "aVF", "aVR", "V1", "V2", "V3", "V4", "V5", "V6")
READERS = ("cardiologist1", "cardiologist2", "cardiology_residents", "emergency_residents", "medical_students", "dnn")
TABLE_ORDER = ("1dAVb", "RBBB", "LBBB", "SB", "AF", "ST")  # AF before ST, unlike in CODE-15 %


@pytest.fixture(scope="module")
def found():
    """What each reader found in each recording: bool `[reader, N, 6]`, the gold standard first."""
    return np.random.default_rng(0).random((7, N, 6)) < 0.1


@pytest.fixture(scope="module")
def origin(tmp_path_factory, ecg_signal, found):
    """The folder as unpacked: 827 recordings of one second, leads in the order of the source, in doubles."""
    folder = tmp_path_factory.mktemp("code-test") / "data"
    (folder / "annotations").mkdir(parents=True)
    signals = np.stack([ecg_signal(row, 400) for row in range(N)])
    stored = np.zeros((N, 480, 12))
    stored[:, 40:440] = signals[:, [STANDARD_LEADS.index(lead) for lead in STORED]].transpose(0, 2, 1)
    with h5py.File(folder / "ecg_tracings.hdf5", "w") as file:
        file["tracings"] = stored
    write(folder / "attributes.csv", ["age", "sex"], [[20 + row % 70, "MF"[row % 2]] for row in range(N)])
    for name, table in zip(("gold_standard", *READERS), found, strict=True):
        index = name == "dnn"  # the one table that has a column more
        rows = [([row] if index else []) + table[row].astype(int).tolist() for row in range(N)]
        write(folder / "annotations" / f"{name}.csv", ([""] if index else []) + list(TABLE_ORDER), rows)
    return folder, signals


def write(path, columns, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])


@pytest.fixture
def source(origin, tmp_path):
    """The same files by links, to be replaced one by one."""
    folder = tmp_path / "data"
    (folder / "annotations").mkdir(parents=True)
    for path in origin[0].rglob("*.*"):
        (folder / path.relative_to(origin[0])).hardlink_to(path)
    return folder


def replace(path, lines):
    path.unlink()
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def prepared(origin, tmp_path_factory):
    dest = tmp_path_factory.mktemp("out") / "code_test"
    card = code_test.main(["--source", str(origin[0].parent), "--dest", str(dest), "--workers", "1"])
    return card, dest, list(Manifest(dest / "test.tsv"))


def test_everything_is_test_and_row_n_is_tracing_n(prepared, origin):
    card, dest, rows = prepared
    assert card["counts"]["rows"] == {"train": 0, "valid": 0, "test": N, "pretrain": 0}
    assert card["counts"]["rejected"] == {} and card["counts"]["patients"] == N
    assert [row.id for row in rows] == [f"code_test-{number}" for number in range(N)]
    store = Store(dest / "store")
    for row, signal in zip(rows, origin[1], strict=True):
        assert (row.rate, row.leads, row.length) == (400.0, STANDARD_LEADS, 400)
        microvolts = store.read(*row.stored).astype(float) * store.entry(*row.stored).nanovolts / 1000
        np.testing.assert_allclose(microvolts, signal * 1000, atol=0.51)


def test_the_gold_standard_is_the_label_and_the_readers_are_columns(prepared, found):
    card, _, rows = prepared
    assert card["classes"] == ["1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"]
    for number, row in enumerate(rows):
        told = {name: {code for code, one in zip(TABLE_ORDER, found[place, number], strict=True) if one} for place, name in enumerate(("gold", *READERS))}  # fmt: skip  # noqa: E501
        assert set(row.labels) == told["gold"] and not row.unknown and not row.unlabelled
        for name in READERS:
            assert set(filter(None, row.extra[name].split(","))) == told[name]
        assert row.extra["age"] == str(20 + number % 70) and row.extra["sex"] == ("male", "female")[number % 2]
        assert row.extra["source"] == "CODE-test"


@pytest.mark.parametrize("table", ["attributes.csv", "annotations/gold_standard.csv", "annotations/dnn.csv"])
@pytest.mark.parametrize("change", [-1, 1])
def test_tables_of_another_length_are_refused(source, table, change):
    lines = (source / table).read_text().splitlines()
    replace(source / table, lines[:-1] if change < 0 else [*lines, lines[-1]])
    name = table.rpartition("/")[2].replace(".", r"\.")
    with pytest.raises(ValueError, match=rf"must have 827 rows, as .* by their position, got {N + change} \(.*{name}"):
        code_test.read_items(source)


def test_another_number_of_tracings_is_refused(source):
    (source / "ecg_tracings.hdf5").unlink()
    with h5py.File(source / "ecg_tracings.hdf5", "w") as file:
        file["tracings"] = np.zeros((826, 10, 12))
    with pytest.raises(ValueError, match=r"tracings must have 827 rows, .*got 826 \(.*ecg_tracings\.hdf5"):
        code_test.read_items(source)


@pytest.mark.parametrize(
    ("table", "line", "message"),
    [
        ("attributes.csv", "33,x", r"sex must be M or F, .*got 'x' \(.*attributes\.csv, row 5\)"),
        ("annotations/dnn.csv", "3,0,0,2,0,0,0", r"cell must be true, false or empty, got '2' \(.*dnn\.csv, row 5\)"),
        ("annotations/dnn.csv", "3,0,0,,0,0,0", r"cell must be 0 or 1, got nothing \(.*dnn\.csv, row 5\)"),
    ],
)
def test_cells_that_are_not_as_they_should_be_are_refused(source, table, line, message):
    lines = (source / table).read_text().splitlines()
    replace(source / table, [*lines[:4], line, *lines[5:]])
    with pytest.raises(ValueError, match=message):
        code_test.read_items(source)


def test_missing_files_are_named(source):
    (source / "annotations" / "cardiologist2.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"cardiologist2\.csv"):
        code_test.read_items(source)
    (source / "ecg_tracings.hdf5").unlink()
    with pytest.raises(FileNotFoundError, match=r"source must have the file ecg_tracings\.hdf5, got none"):
        code_test.read_items(source)
