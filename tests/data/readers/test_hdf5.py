import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.readers import files_of, hdf5, read_record

SIGNALS = np.random.default_rng(0).normal(size=(3, 40, 12)).astype(np.float32)  # [N, T, L]
PASSED = {"rate": 400, "leads": STANDARD_LEADS, "unit": "mV"}


def write(path, **datasets):
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file.create_dataset(name, data=values)
    return path


def test_the_layout_of_code15(tmp_path):
    path = write(tmp_path / "exams_part0.hdf5", tracings=SIGNALS, exam_id=np.array([590673, 0, 7]))
    assert hdf5.rows(path) == 3 and hdf5.ids(path) == ["590673", "0", "7"]
    for row, name in enumerate(("590673", "0", "7")):
        record = read_record(path, **PASSED, row=row)
        assert (record.id, record.rate, record.leads) == (name, 400.0, STANDARD_LEADS)
        np.testing.assert_array_equal(record.signal, SIGNALS[row].T)


def test_rows_without_ids_are_numbered_and_leads_are_named_by_the_caller(tmp_path):
    path = write(tmp_path / "ecg_tracings.hdf5", tracings=SIGNALS.astype(np.float64))
    swapped = ("I", "II", "III", "aVL", "aVF", "aVR", "V1", "V2", "V3", "V4", "V5", "V6")
    record = read_record(path, 400, swapped, "mV", row=2)
    assert record.id == "ecg_tracings-2" and hdf5.ids(path) is None
    np.testing.assert_array_equal(record.signal[3:6], SIGNALS[2].T[[5, 3, 4]])  # aVR, aVL, aVF


def test_the_layouts_of_ikem_and_sph(tmp_path):
    eight = ("V1", "V2", "V3", "V4", "V5", "V6", "II", "I")
    whole = np.arange(2 * 30 * 8).reshape(2, 30, 8).astype(np.int16)
    record = read_record(write(tmp_path / "exams_part_1.hdf5", tracings=whole), 500, eight, "uV", row=1)
    assert record.leads == ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    np.testing.assert_allclose(record.signal, whole[1].T[[7, 6, 0, 1, 2, 3, 4, 5]] / 1000, rtol=1e-6)
    half = SIGNALS[0].T.astype(np.float16)
    record = read_record(write(tmp_path / "A00001.h5", ecg=half), 500, STANDARD_LEADS, "mV")
    assert record.id == "A00001" and record.signal.dtype == np.float32
    np.testing.assert_array_equal(record.signal, half.astype(np.float32))


def test_the_only_array_is_the_signal_whatever_its_name(tmp_path):
    path = write(tmp_path / "a.h5", signals=SIGNALS, ages=np.arange(3))
    np.testing.assert_array_equal(read_record(path, **PASSED, row=0).signal, SIGNALS[0].T)
    with pytest.raises(ValueError, match=r"tracings or ecg, or else only one array.*got a, b \(.*two\.h5\)"):
        read_record(write(tmp_path / "two.h5", a=SIGNALS, b=SIGNALS), **PASSED, row=0)
    with pytest.raises(ValueError, match=r"got none \(.*none\.h5\)"):
        read_record(write(tmp_path / "none.h5", names=np.array([b"a"])), **PASSED)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (None, "row must be given for a file of 3 recordings, got none"),
        (3, "at least 0 and below 3, the file's recordings, got 3"),
        (-1, "below 3, .* got -1"),
    ],
)
@pytest.mark.parametrize("others", [{}, {"exam_id": np.arange(3)}])
def test_a_row_must_be_one_of_the_files(tmp_path, row, message, others):
    path = write(tmp_path / "a.hdf5", tracings=SIGNALS, **others)
    with pytest.raises(ValueError, match=message + r".*a\.hdf5"):
        read_record(path, **PASSED, row=row)


def test_rate_leads_and_unit_are_never_guessed_and_a_sidecar_may_tell_them(tmp_path):
    path = write(tmp_path / "a.hdf5", tracings=SIGNALS)
    with pytest.raises(ValueError, match="got no rate and no leads and no unit"):
        read_record(path, row=0)
    path.with_suffix(".json").write_text('{"rate": 250, "unit": "uV", "leads": ' + str([*STANDARD_LEADS]).replace("'", '"') + "}")  # fmt: skip  # noqa: E501
    np.testing.assert_allclose(read_record(path, row=1).signal, SIGNALS[1].T / 1000, rtol=1e-6)
    assert files_of(path) == [path, path.with_suffix(".json")]


def test_a_sidecar_of_many_recordings_cannot_name_one_patient(tmp_path):
    path = write(tmp_path / "a.hdf5", tracings=SIGNALS)
    path.with_suffix(".json").write_text('{"patient": "p1"}')
    with pytest.raises(ValueError, match="a sidecar of many recordings must tell no id, patient or labels"):
        read_record(path, **PASSED, row=0)


def test_ids_must_be_one_for_each_recording(tmp_path):
    path = write(tmp_path / "a.hdf5", tracings=SIGNALS, exam_id=np.arange(2))
    with pytest.raises(ValueError, match=r"exam_id must be one .* for each of 3 recordings \(.*a\.hdf5\)"):
        read_record(path, **PASSED, row=0)
    with pytest.raises(ValueError, match="exam_id must be one"):
        hdf5.ids(path)


@pytest.mark.parametrize("kind", ["external link", "soft link", "virtual", "external storage"])
def test_no_other_file_is_read(tmp_path, kind):
    other = write(tmp_path / "other.hdf5", tracings=SIGNALS)
    (tmp_path / "raw").write_bytes(SIGNALS.tobytes())
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        if kind == "external link":
            file["tracings"] = h5py.ExternalLink(str(other), "tracings")
        elif kind == "soft link":
            file["there"] = h5py.ExternalLink(str(other), "/")
            file["tracings"] = h5py.SoftLink("/there/tracings")
        elif kind == "virtual":
            layout = h5py.VirtualLayout(SIGNALS.shape, "f4")
            layout[...] = h5py.VirtualSource(str(other), "tracings", SIGNALS.shape)
            file.create_virtual_dataset("tracings", layout)
        else:
            place = [(str(tmp_path / "raw"), 0, SIGNALS.nbytes)]
            file.create_dataset("tracings", SIGNALS.shape, "f4", external=place)
    with pytest.raises(ValueError, match=r"tracings must be in the file itself, got a .*a\.hdf5"):
        read_record(tmp_path / "a.hdf5", **PASSED, row=0)


def test_claims_beyond_the_file_are_refused_before_memory_is_taken(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:  # nothing is stored: all would be fill values
        file.create_dataset("tracings", (10**9, 4096, 12), "f4")
    with h5py.File(tmp_path / "b.hdf5", "w") as file:
        wide = file.create_dataset("tracings", (1, 1, 12), "f8", maxshape=(None, None, 12), chunks=(1, 750_000, 12), compression=1)  # fmt: skip  # noqa: E501
        wide[...] = 1.0
    with pytest.raises(ValueError, match=r"array tracings must fit its 0 packed bytes, got 196608000000000"):
        hdf5.rows(tmp_path / "a.hdf5")
    with pytest.raises(ValueError, match=r"array tracings's chunk must fit its \d+ packed bytes, got 72000000"):
        read_record(tmp_path / "b.hdf5", **PASSED, row=0)


def test_only_the_row_is_read(tmp_path):
    """The other rows' bytes are damaged, and their checksums would tell."""
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("tracings", data=SIGNALS, chunks=(1, 40, 12), fletcher32=True)
        place = file["tracings"].id.get_chunk_info(2).byte_offset
    content = bytearray(path.read_bytes())
    content[place] ^= 255
    path.write_bytes(content)
    np.testing.assert_array_equal(read_record(path, **PASSED, row=1).signal, SIGNALS[1].T)
    with pytest.raises(ValueError, match=r"an HDF5 file must be whole, got .*a\.hdf5"):
        read_record(path, **PASSED, row=2)


def test_the_file_stays_open_and_a_changed_one_is_opened_anew(tmp_path):
    path = write(tmp_path / "a.hdf5", tracings=SIGNALS)
    read_record(path, **PASSED, row=0)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(50):
        read_record(path, **PASSED, row=1)
    assert len(os.listdir("/proc/self/fd")) == before
    write(tmp_path / "b.hdf5", tracings=2 * SIGNALS)
    os.replace(tmp_path / "b.hdf5", path)
    np.testing.assert_array_equal(read_record(path, **PASSED, row=1).signal, 2 * SIGNALS[1].T)


def test_others_may_read_meanwhile(tmp_path):
    """This process and another one."""
    path = write(tmp_path / "a.hdf5", tracings=SIGNALS)
    read_record(path, **PASSED, row=1)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["tracings"], SIGNALS)
    subprocess.run([sys.executable, "-c", f"import h5py; h5py.File({str(path)!r})['tracings'][0]"], check=True)
    read_record(path, **PASSED, row=1)


@pytest.mark.parametrize("kept", [8, 20, 100, 400, 2000, 5000])
def test_a_truncated_file_is_refused(tmp_path, kept):
    path = write(tmp_path / "a.hdf5", tracings=SIGNALS)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"a\.hdf5"):
        read_record(path, **PASSED, row=0)


@pytest.mark.parametrize("values", [np.array(["a"], object), np.zeros((3, 4, 12), complex), np.zeros((3, 4, 12), bool)])
def test_what_is_no_number_is_no_signal(tmp_path, values):
    with pytest.raises(ValueError, match=r"tracings must be an array of real numbers.*a\.hdf5"):
        read_record(write(tmp_path / "a.hdf5", tracings=values), **PASSED, row=0)


def test_the_number_of_leads_must_fit(tmp_path):
    with pytest.raises(ValueError, match=r"\[L, T\] or \[T, L\] with 2 leads, got \(40, 12\)"):
        read_record(write(tmp_path / "a.hdf5", tracings=SIGNALS), 400, ("I", "II"), "mV", row=0)
