"""A small folder in the layout of SPH: HDF5 files of float16 as the source has them, written by h5py."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.store import Store
from manifests import sph

ROOT = Path(__file__).resolve().parents[2]
CODES = """Category,Code,Description
A,1,Normal ECG
D,30,Atrial premature complex(es)
F,60,Ventricular premature complex(es)
L,147,T-wave abnormality
D,36,"Atrial premature complexes, nonconducted"
Modifier,310,Frequent
Modifier,308,Occasional
"""
CELLS = ["1", "1;1", "60+310;147", "30+310+308;60", "147"]
LABELS = [("1",), ("1",), ("60", "147"), ("30", "60"), ("147",)]
MODIFIERS = ["", "", "60+310", "30+310+308", ""]


def _signal(number):
    """Millivolts `[12, T]` in standard order, limb leads in one plane, 10 s or 12.5 s."""
    generator = np.random.default_rng(number)
    samples = 5000 if number % 2 else 6250
    one, two = generator.normal(0, 0.12, (2, samples))
    limb = [one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.stack([*limb, *generator.normal(0, 0.3, (6, samples))])


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """30 recordings of 20 patients; the rows of the table are in another order than the names."""
    root = tmp_path_factory.mktemp("sph")
    (root / "records").mkdir()
    (root / "code.csv").write_text(CODES)
    rows = []
    for number in range(30):
        name, signal = f"A{number + 1:05d}", _signal(number)
        with h5py.File(root / "records" / f"{name}.h5", "w") as file:
            file.create_dataset("ecg", data=signal.astype(np.float16))
        rows.append((name, CELLS[number % 5], f"S{number % 20:05d}", 18 + number, "MF"[number % 2], signal.shape[1], "2020-03-04"))  # fmt: skip  # noqa: E501
    columns = ["ECG_ID", "AHA_Code", "Patient_ID", "Age", "Sex", "N", "Date"]
    pd.DataFrame(rows, columns=columns).sample(frac=1, random_state=3).to_csv(root / "metadata.csv", index=False)
    return root


def _prepare(archive, dest, *more):
    return sph.main(["--source", str(archive), "--dest", str(dest), "--workers", "1", *map(str, more)])


def _rows(dest):
    return {row.id: (row, name) for name in ("train", "valid", "test") for row in Manifest(dest / f"{name}.tsv")}


@pytest.fixture(scope="module")
def prepared(archive, tmp_path_factory):
    dest = tmp_path_factory.mktemp("prepared")
    return dest, _prepare(archive, dest, "--shares", "0.6,0.2,0.2")


def test_statements_are_labels_and_modifiers_are_not(prepared):
    dest, card = prepared
    assert card["classes"] == ["1", "30", "60", "147", "36"], "as code.csv lists them, modifiers left out"
    rows = _rows(dest)
    for number in range(30):
        row, _ = rows[f"A{number + 1:05d}"]
        assert row.labels == LABELS[number % 5] and not row.unknown and not row.unlabelled
        assert row.extra | {"waveform": ""} == {
            "age": str(18 + number),
            "sex": ("male", "female")[number % 2],
            "date": "2020-03-04",
            "modifiers": MODIFIERS[number % 5],
            "waveform": "",
        }
    labels, known = label_matrix(Manifest(dest / "train.tsv"), card["classes"])
    assert known.all() and labels.any()


def test_signals_are_millivolts_to_the_rounding_of_float16(prepared):
    dest, _ = prepared
    for number in (4, 5):
        row, _ = _rows(dest)[f"A{number + 1:05d}"]
        stored = Store(dest / "store").read(*row.stored) / 1000  # steps of 1 µV
        truth = _signal(number)
        assert (row.rate, row.length) == (500.0, truth.shape[1]) and 1 < np.abs(truth).max() < 2
        np.testing.assert_allclose(stored, truth, atol=0.0005 + 0.0005)
        small = np.abs(truth) < 0.5
        np.testing.assert_allclose(stored[small], truth[small], atol=0.000125 + 0.0005)


def test_patients_stay_together(prepared):
    dest, card = prepared
    homes = {}
    for row, split in _rows(dest).values():
        assert row.patient == f"S{(int(row.id[1:]) - 1) % 20:05d}"
        assert homes.setdefault(row.patient, split) == split
    assert card["counts"]["patients"] == 20 and set(homes.values()) == {"train", "valid", "test"}
    assert any("publishes 25770 recordings, got 30" in line for line in card["checks"])


def test_statements_with_modifiers_become_classes_beside_the_plain_ones(archive, tmp_path):
    card = _prepare(archive, tmp_path, "--with-modifiers", "--rate", "100")
    assert card["classes"] == ["1", "30", "60", "147", "36", "30+310+308", "60+310"] and card["rate"] == 100
    row, _ = _rows(tmp_path)["A00003"]
    assert row.labels == ("60", "147", "60+310") and row.length == 1250


def _changed(archive, folder, **changes):
    folder.mkdir()
    (folder / "code.csv").write_text(CODES)
    (folder / "records").symlink_to(archive / "records")
    pd.read_csv(archive / "metadata.csv").assign(**changes).to_csv(folder / "metadata.csv", index=False)
    return folder


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"AHA_Code": "60+147"},
            r"AHA_Code must be primary statements .*got 147 in '60\+147' \(.*metadata\.csv, row 2\)",
        ),
        ({"AHA_Code": "310"}, r"got 310 in '310'"),
        ({"AHA_Code": "1;99"}, r"got 99 in '1;99'"),
        ({"Sex": "X"}, r"sex must be M or F, .*got 'X' \(.*row 2\)"),
        ({"N": "many"}, r"N must be a whole number, got 'many' \(.*row 2\)"),
    ],
)
def test_another_table_is_refused_with_its_row(archive, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        sph.read_items(_changed(archive, tmp_path / "x", **changes))


def test_a_recording_of_another_length_than_its_row_says_stops_the_run(archive, tmp_path):
    table = pd.read_csv(archive / "metadata.csv").set_index("ECG_ID")["N"]
    table["A00007"] = 5000  # it has 6250 samples
    changed = _changed(archive, tmp_path / "x", N=table.to_numpy())
    with pytest.raises(
        ValueError, match=r"as long as metadata.csv says, got 1 .*A00007\.h5 with 12\.5 s instead of 10: "
    ):
        _prepare(changed, tmp_path / "out")


def test_what_is_not_unpacked_or_listed_twice_is_refused(archive, tmp_path):
    changed = _changed(archive, tmp_path / "x")
    (changed / "records").unlink()
    with pytest.raises(FileNotFoundError, match=r"source must have the folder records, .*unpack records\.tar\.gz"):
        _prepare(changed, tmp_path / "out")
    (changed / "code.csv").write_text(CODES + "M,147,again\n")
    with pytest.raises(ValueError, match=r"code must be listed once, got 147 again \(.*code\.csv, row 9\)"):
        sph.statements(changed)


def test_a_recording_without_a_statement_is_unlabelled(archive, tmp_path):
    items = sph.read_items(_changed(archive, tmp_path / "x", AHA_Code=[""] + ["1"] * 29))
    assert [item.unlabelled for item in items] == [True] + [False] * 29


def test_the_command_runs(archive, tmp_path):
    words = [sys.executable, "-m", "manifests.sph", "--source", str(archive), "--dest", str(tmp_path / "out")]
    done = subprocess.run([*words, "--workers", "1"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "SPH: 30 of 30 recordings of 20 patients" in done.stdout


def test_a_patient_called_nan_is_nobody(archive, tmp_path):
    table = pd.read_csv(archive / "metadata.csv", dtype=str)
    table.assign(Patient_ID=["nan", "XXX"] * 15).to_csv(tmp_path / "metadata.csv", index=False)
    (tmp_path / "code.csv").write_text(CODES)
    assert {item.patient for item in sph.read_items(tmp_path)} == {None}
