import csv
import os
import shutil
import zipfile

import h5py
import numpy as np
import pytest
import scipy.io

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.store import Store
from manifests import code15

COLUMNS = "exam_id,age,is_male,nn_predicted_age,1dAVb,RBBB,LBBB,SB,ST,AF,patient_id,death,timey,normal_ecg,trace_file"
FILE_SAMPLES = 4096
SIX = ["1dAVb", "RBBB", "LBBB", "SB", "ST", "AF"]


def padded(signal):
    """As the source stores it: in the middle of 4096 samples, `[T, L]`."""
    whole = np.zeros((FILE_SAMPLES, 12), np.float32)
    begin = (FILE_SAMPLES - signal.shape[1]) // 2
    whole[begin : begin + signal.shape[1]] = signal.T
    return whole


def write_part(path, signals):
    """One file, with the row of zeros and `exam_id` 0 that each has at its end."""
    with h5py.File(path, "w") as file:
        file["exam_id"] = np.array([*signals, 0])
        file["tracings"] = np.stack([*(padded(signal) for signal in signals.values()), np.zeros((FILE_SAMPLES, 12))]).astype("f4")  # fmt: skip  # noqa: E501


def write_table(folder, rows, name="exams.csv"):
    with open(folder / name, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS.split(",") if name == "exams.csv" else list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def exam(number, part, **cells):
    default = {name: "False" for name in SIX} | {"age": "50", "is_male": "True", "nn_predicted_age": "48.5"}
    default |= {"patient_id": str(number // 2), "death": "", "timey": "", "normal_ecg": "True"}
    return default | {"exam_id": str(number), "trace_file": f"exams_part{part}.hdf5"} | cells


@pytest.fixture
def source(tmp_path, ecg_signal):
    """Parts 0 and 10 of eight recordings each; patients have two; recordings of 7 and 10 s; the table is shuffled."""
    folder = tmp_path / "code15"
    folder.mkdir()
    signals = {number: ecg_signal(number, 2800 if number % 2 else 4000) for number in range(100, 116)}
    write_part(folder / "exams_part0.hdf5", {number: signals[number] for number in range(100, 108)})
    write_part(folder / "exams_part10.hdf5", {number: signals[number] for number in range(108, 116)})
    rows = [exam(number, 0 if number < 108 else 10) for number in signals]
    rows[0] |= {"AF": "True", "1dAVb": "True", "normal_ecg": "False", "death": "True", "timey": "1.5"}
    rows[1] |= {"normal_ecg": "False", "death": "False", "timey": "7.25", "is_male": "False"}
    write_table(folder, [rows[place] for place in np.random.default_rng(0).permutation(16)])
    return folder, signals, rows


def prepared(folder, dest, *more):
    card = code15.main(["--source", str(folder), "--dest", str(dest), "--workers", "1", "--per-shard", "5", *more])
    rows = {row.id: row for name in ("train", "valid", "test") for row in Manifest(dest / f"{name}.tsv")}
    return card, rows


def change(folder, rows, **cells):
    """Writes the table anew with cells such as `patient_id={100: "x"}` changed."""
    changed = [dict(row) for row in rows]
    for row in changed:
        row |= {name: values[int(row["exam_id"])] for name, values in cells.items() if int(row["exam_id"]) in values}
    write_table(folder, changed)


def test_recordings_are_found_by_their_exam_id_and_padding_is_cut(source, tmp_path):
    folder, signals, _ = source
    card, rows = prepared(folder, tmp_path / "out")
    assert sorted(rows) == [str(number) for number in signals] and card["counts"]["rejected"] == {}
    store = Store(tmp_path / "out" / "store")
    for name, row in rows.items():
        assert (row.rate, row.leads, row.length) == (400.0, STANDARD_LEADS, signals[int(name)].shape[1])
        microvolts = store.read(*row.stored).astype(float) * store.entry(*row.stored).nanovolts / 1000
        np.testing.assert_allclose(microvolts, signals[int(name)] * 1000, atol=0.51)


def test_labels_and_columns(source, tmp_path):
    folder, _, _ = source
    card, rows = prepared(folder, tmp_path / "out")
    assert card["classes"] == SIX and card["unannotated"] == [] and card["source"] == "CODE-15%"
    assert rows["100"].labels == ("1dAVb", "AF") and rows["101"].labels == () == rows["101"].unknown
    assert not rows["101"].unlabelled, "not normal, and none of the six: that is known"
    for name in ("train", "valid", "test"):
        assert label_matrix(Manifest(tmp_path / "out" / f"{name}.tsv"), SIX)[1].all()
    told = [rows[name].extra[column] for name in ("100", "101", "102") for column in ("death", "timey", "normal_ecg")]
    assert told == ["True", "1.5", "False", "False", "7.25", "False", "", "", "True"]
    assert rows["101"].extra["sex"] == "female" and rows["100"].extra["sex"] == "male"
    assert {row.extra["source"] for row in rows.values()} == {"CODE-15%"}
    assert {row.extra["age"] for row in rows.values()} == {"50"}


def test_an_empty_finding_is_unknown(source, tmp_path):
    folder, _, rows = source
    change(folder, rows, SB={103: ""})
    assert prepared(folder, tmp_path / "out")[1]["103"].unknown == ("SB",)


def test_items_come_in_the_order_of_the_files(source):
    """Part 2 before part 10, row by row: a file is read from its beginning to its end."""
    folder, _, _ = source
    (folder / "exams_part0.hdf5").rename(folder / "exams_part2.hdf5")
    items, _ = code15.read_items(folder, code15.read_exams(folder), code15.find_parts(folder))
    assert [(item.file, item.row) for item in items] == [
        (f"exams_part{n}.hdf5", row) for n in (2, 10) for row in range(8)
    ]


def test_the_row_of_zeros_is_no_recording_and_must_be_zeros(source, tmp_path):
    folder, _, _ = source
    card, _ = prepared(folder, tmp_path / "out")
    assert card["counts"]["offered"] == 16 and card["counts"]["rejected"] == {}
    other = shutil.copy(folder / "exams_part0.hdf5", tmp_path / "other.hdf5")
    with h5py.File(other, "r+") as file:
        file["tracings"][8, 100] = 0.5
    os.replace(other, folder / "exams_part0.hdf5")
    with pytest.raises(ValueError, match=r"the row of exam_id 0 must be empty, got a signal in row 8 \(.*part0\.hdf5"):
        prepared(folder, tmp_path / "other")


def test_the_same_signal_of_two_patients_is_in_one_split(source, tmp_path, ecg_signal):
    folder, signals, rows = source
    change(folder, rows, patient_id={number: str(number) for number in signals})
    twins = {number: signals[number - number % 4] for number in range(108, 116)}  # 108–111 alike, 112–115 alike
    write_part(folder / "exams_part10.hdf5", twins)
    for seed in range(5):
        _, found = prepared(folder, tmp_path / f"out{seed}", "--seed", str(seed), "--shares", "0.4,0.3,0.3")
        splits = [
            {row.id for row in Manifest(tmp_path / f"out{seed}" / f"{n}.tsv")} for n in ("train", "valid", "test")
        ]
        for first in (108, 112):
            group = {str(number) for number in range(first, first + 4)}
            assert sum(bool(split & group) for split in splits) == 1
            assert len({found[name].extra["waveform"] for name in group}) == 1


def test_patients_stay_together_and_are_paired(source, tmp_path):
    folder, _, _ = source
    _, rows = prepared(folder, tmp_path / "out", "--shares", "0.4,0.2,0.4")
    assert all(row.patient == str(int(name) // 2) for name, row in rows.items())
    gallery, probe = (list(Manifest(tmp_path / "out" / f"{name}.tsv")) for name in ("gallery", "probe"))
    assert gallery and [row.patient for row in gallery] == [row.patient for row in probe]


def test_chagas_is_unknown_where_its_table_is_silent(source, tmp_path):
    folder, _, _ = source
    table = [
        {"exam_id": 100, "patient_id": 50, "chagas": "True"},
        {"exam_id": 101, "patient_id": 50, "chagas": "False"},
    ]
    write_table(folder, table, "code15_chagas_labels.csv")
    card, rows = prepared(folder, tmp_path / "out")
    assert card["classes"] == [*SIX, "Chagas"]
    assert rows["100"].labels == ("1dAVb", "AF", "Chagas") and rows["101"].labels == rows["101"].unknown == ()
    assert all(rows[str(number)].unknown == ("Chagas",) for number in range(102, 116))


def test_amplitudes_up_to_twenty_millivolts_are_kept(source, tmp_path, ecg_signal):
    folder, signals, _ = source
    for number, peak in ((100, 19.9), (101, 20.1)):
        signals[number][6, 1000] = peak
    write_part(folder / "exams_part0.hdf5", {number: signals[number] for number in range(100, 108)})
    card, rows = prepared(folder, tmp_path / "out")
    assert card["counts"]["rejected"] == {"implausible": 1} and "100" in rows and "101" not in rows


def test_what_only_the_table_or_only_the_file_has_is_listed(source, tmp_path, capsys):
    folder, _, rows = source
    write_table(folder, [*rows[1:], exam(900, 0), exam(901, 3), exam(902, 3)])
    card, found = prepared(folder, tmp_path / "out")
    assert card["counts"]["rejected"] == {"missing": 1, "unlisted": 1} and len(found) == 15
    listed = (tmp_path / "out" / "rejected.tsv").read_text()
    assert "900\texams_part0.hdf5\tmissing" in listed and "100\texams_part0.hdf5\tunlisted" in listed
    out = capsys.readouterr().out
    assert "parts that are not there: 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17 (2 recordings of " in out
    assert "publishes 345777 recordings, got 17" in out, "without those of the parts that are not there"
    assert "no code15_chagas_labels.csv" in out
    assert "none of the six findings that are not normal either: 1 of 18" in out


def test_a_normal_recording_with_a_finding_is_odd_and_kept(source, tmp_path):
    folder, _, rows = source
    change(folder, rows, LBBB={104: "True", 110: "True"}, normal_ecg={110: "False"})
    card, found = prepared(folder, tmp_path / "out")
    assert (found["104"].labels, found["104"].extra["normal_ecg"]) == (("LBBB",), "True")
    assert "recordings that are called normal and have a finding, both kept: 1" in card["checks"]
    warned = [line.split("\t") for line in (tmp_path / "out" / "warnings.tsv").read_text().splitlines()]
    assert [line[0] for line in warned if line[2].startswith("normal_ecg is true")] == ["104"]


def test_a_recording_in_another_file_than_the_table_says_is_told(source, tmp_path):
    folder, _, rows = source
    change(folder, rows, trace_file={105: "exams_part10.hdf5"})
    card, found = prepared(folder, tmp_path / "out")
    assert "105" in found
    assert "recordings in another file than exams.csv tells, found by their exam_id: 1" in card["checks"]
    warnings = (tmp_path / "out" / "warnings.tsv").read_text()
    assert "105\texams_part0.hdf5\texams.csv says exams_part10.hdf5; found by its exam_id\n" in warnings


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"exam_id": {100: "101"}}, r"exam_id must be a number of its own, got '101' \(.*exams\.csv, row 3\)"),
        ({"exam_id": {100: "0"}}, "exam_id must be a number of its own, got '0'"),
        ({"AF": {100: "maybe"}}, r"cell must be true, false or empty, got 'maybe' \(.*exams\.csv, row 2\)"),
        ({"death": {101: "2"}}, "cell must be true, false or empty, got '2'"),
        ({"trace_file": {100: "part1"}}, r"trace_file must be one of exams_part0\.hdf5 to .*, got 'part1'"),
    ],
)
def test_tables_that_are_not_those_of_code15_are_refused(source, tmp_path, cells, message):
    folder, _, rows = source
    change(folder, rows, **cells)
    with pytest.raises(ValueError, match=message):
        prepared(folder, tmp_path / "out")


def test_parts_must_have_ids_and_be_unpacked_and_be_there_once(source, tmp_path):
    folder, _, _ = source
    with h5py.File(folder / "exams_part0.hdf5", "r+") as file:
        del file["exam_id"]
    with pytest.raises(ValueError, match=r"a part must have the dataset exam_id, .*got none \(.*exams_part0\.hdf5"):
        prepared(folder, tmp_path / "out")
    (folder / "exams_part10").mkdir()
    (folder / "exams_part10" / "exams_part10.hdf5").write_bytes((folder / "exams_part10.hdf5").read_bytes())
    with pytest.raises(ValueError, match=r"source must have the file exams_part10\.hdf5 once, got"):
        prepared(folder, tmp_path / "out")
    for path in folder.rglob("*.hdf5"):
        path.unlink()
    with zipfile.ZipFile(folder / "exams_part3.zip", "w"):
        pass
    with pytest.raises(FileNotFoundError, match=r"must have the file exams_part0\.hdf5, .*; unpack exams_part3\.zip"):
        prepared(folder, tmp_path / "out")


def test_parts_may_lie_in_the_folders_that_they_were_unpacked_to(source, tmp_path):
    folder, _, _ = source
    (folder / "exams_part10").mkdir()
    (folder / "exams_part10.hdf5").rename(folder / "exams_part10" / "exams_part10.hdf5")
    assert len(prepared(folder, tmp_path / "out")[1]) == 16


@pytest.mark.real
def test_ten_real_recordings_in_the_original_layout(real_ecgs, tmp_path):
    """Padded, shuffled against the table, beside a row of zeros; compared with the files that they came from."""
    origin = real_ecgs("code15") / "code15-ecgfm10"
    with open(origin / "meta.csv", newline="") as file:
        meta = {row["exam_id"]: row for row in csv.DictReader(file)}
    signals = {name: scipy.io.loadmat(origin / "org" / row["save_file"])["feats"] for name, row in meta.items()}
    folder = tmp_path / "code15"
    folder.mkdir()
    for part in sorted({row["trace_file"] for row in meta.values()}):
        here = sorted(
            (name for name in meta if meta[name]["trace_file"] == part), key=lambda n: int(meta[n]["hdf_ind"])
        )
        write_part(folder / part, {int(name): signals[name] for name in here})
    write_table(folder, [{name: row[name] for name in COLUMNS.split(",")} for row in reversed(meta.values())])
    card, rows = prepared(folder, tmp_path / "out")
    assert card["counts"]["rejected"] == {} and sorted(rows) == sorted(meta)
    store = Store(tmp_path / "out" / "store")
    for name, row in rows.items():
        told = np.flatnonzero(signals[name].any(axis=0))
        expected = signals[name][:, told[0] : told[-1] + 1]
        microvolts = store.read(*row.stored).astype(float) * store.entry(*row.stored).nanovolts / 1000
        np.testing.assert_allclose(microvolts, expected * 1000, atol=0.51)
        assert row.labels == tuple(code for code in SIX if meta[name][code] == "True")
        assert (row.patient, row.extra["death"]) == (meta[name]["patient_id"], meta[name]["death"])


def test_a_patient_called_nan_is_nobody(source):
    folder, _, rows = source
    change(folder, rows, patient_id={100: "nan", 101: "unknown"})
    exams = code15.read_exams(folder)
    assert [exams.items[name].patient for name in ("100", "101", "102")] == [None, None, "51"]
