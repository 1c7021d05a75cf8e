import struct
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
import scipy.io

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.readers import read_record

SIGNAL = np.random.default_rng(0).normal(size=(12, 60))  # mV
COUNTS = np.random.default_rng(1).integers(-3000, 3000, (12, 60)).astype(np.int16)
PASSED = {"rate": 250, "leads": STANDARD_LEADS, "unit": "uV"}
MB = 2**20


def save(path, compressed=True, version="5", **values):
    scipy.io.savemat(path, values, do_compression=compressed, format=version)
    return path


def save_7_3(path, **values):
    """As MATLAB writes it: axes reversed, texts as numbers, a header of 512 bytes before the HDF5 file."""
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in values.items():
            group = file.create_group(name) if isinstance(value, dict) else file
            for field, one in (value if isinstance(value, dict) else {name: value}).items():
                text = isinstance(one, str)
                array = np.array([[ord(letter)] for letter in one], np.uint16) if text else np.asarray(one).T
                group.create_dataset(field, data=array).attrs["MATLAB_class"] = np.bytes_("char" if text else "double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM")
    return path


@pytest.mark.parametrize("version", ["v5", "v5 compressed", "7.3"])
def test_the_struct_of_cpsc_says_what_it_is(tmp_path, version):
    path, content = tmp_path / "A0001.mat", {"sex": "Female", "age": 74.0, "data": SIGNAL}
    if version == "7.3":
        save_7_3(path, ECG={**content, "age": [[74.0]]})
    else:
        save(path, compressed="compressed" in version, ECG=content)
    record = read_record(path)
    assert (record.rate, record.leads, record.id) == (500.0, STANDARD_LEADS, "A0001")
    assert (record.meta["sex"], record.meta["age"]) == ("female", 74.0)
    np.testing.assert_array_equal(record.signal, SIGNAL.astype(np.float32))


@pytest.mark.parametrize("age", [np.nan, -1.0, np.array([]), "old"])
def test_an_unknown_age_is_none(tmp_path, age):
    record = read_record(save(tmp_path / "a.mat", ECG={"sex": "?", "age": age, "data": SIGNAL}))
    assert "age" not in record.meta and "sex" not in record.meta


def test_what_the_challenge_states_must_not_be_contradicted(tmp_path):
    path = save(tmp_path / "a.mat", ECG={"sex": "Male", "age": 5, "data": SIGNAL})
    with pytest.raises(ValueError, match=r"rate must be the same wherever it is stated, got 500.0 and 250.*a\.mat"):
        read_record(path, rate=250)
    with pytest.raises(ValueError, match=r"ECG\.data must have 12 rows, .* got \(60, 12\).*b\.mat"):
        read_record(save(tmp_path / "b.mat", ECG={"sex": "Male", "age": 5, "data": SIGNAL.T}))
    with pytest.raises(ValueError, match=r"ECG\.data must have 12 rows, .* got None.*c\.mat"):
        read_record(save(tmp_path / "c.mat", ECG={"sex": "Male", "age": 5}))


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("kind", ["i2", "f4", "f8", "u1", "i4"])
@pytest.mark.parametrize("version", ["4", "5", "7.3"])
def test_a_matrix_of_any_type_in_any_version(tmp_path, version, kind, transposed):
    counts = np.abs(COUNTS) % 250 if kind == "u1" else COUNTS
    values = counts.astype(kind)
    stored = {"comment": "some text", "feats": values.T if transposed else values, "fs": 250.0}
    path = tmp_path / "a.mat"
    save_7_3(path, **{**stored, "fs": [[250.0]]}) if version == "7.3" else save(path, version=version, **stored)
    np.testing.assert_allclose(read_record(path, **PASSED).signal, counts / 1000, rtol=1e-6)


def test_files_of_the_other_byte_order(tmp_path):
    values = COUNTS.astype(">i2")
    header = struct.pack(">5I", 1030, 12, 60, 0, 4) + b"val\0"
    (tmp_path / "four.mat").write_bytes(header + values.tobytes(order="F"))
    np.testing.assert_allclose(read_record(tmp_path / "four.mat", **PASSED).signal, COUNTS / 1000, rtol=1e-6)
    (tmp_path / "five.mat").write_bytes(version_5(matrix("val", (12, 60), values.tobytes(order="F"), ">"), ">"))
    np.testing.assert_allclose(read_record(tmp_path / "five.mat", **PASSED).signal, COUNTS / 1000, rtol=1e-6)


def test_val_comes_before_other_matrices_and_others_must_be_told_apart(tmp_path):
    path = save(tmp_path / "a.mat", val=COUNTS, noise=SIGNAL)
    np.testing.assert_allclose(read_record(path, **PASSED).signal, COUNTS / 1000, rtol=1e-6)
    with pytest.raises(ValueError, match=r"one matrix with 12 rows or columns, or val, got a \(12, 60\), b \(12, 60\)"):
        read_record(save(tmp_path / "b.mat", a=COUNTS, b=SIGNAL), **PASSED)
    with pytest.raises(ValueError, match=r"one matrix with 12 rows or columns, or val, got x \(1, 5\) \(.*c\.mat"):
        read_record(save(tmp_path / "c.mat", x=np.ones(5), s=np.array(["t"], object)), **PASSED)
    with pytest.raises(ValueError, match="got none"):
        read_record(save(tmp_path / "d.mat", z=SIGNAL + 1j, s="text"), **PASSED)


def test_rate_leads_and_unit_are_never_guessed(tmp_path):
    with pytest.raises(ValueError, match=r"got no rate and no leads and no unit \(.*a\.mat"):
        read_record(save(tmp_path / "a.mat", val=COUNTS))


def test_a_file_that_a_header_describes_belongs_to_the_header(tmp_path):
    header = struct.pack("<5I", 30, 1, 60, 0, 4) + b"val\0"
    (tmp_path / "r.mat").write_bytes(header + COUNTS[0].tobytes())
    assert read_record(tmp_path / "r.mat", 250, ["I"], "uV").signal[0, 0] == pytest.approx(COUNTS[0, 0] / 1000)
    line = f"r.mat 16+24 4880/mV 16 0 {COUNTS[0, 0]} {COUNTS[0].sum() % 65536} 0 II"
    (tmp_path / "r.hea").write_text(f"r 1 500 60\n{line}\n")
    record = read_record(tmp_path / "r.mat")
    assert (record.leads, record.rate) == (("II",), 500.0)
    np.testing.assert_allclose(record.signal[0], COUNTS[0] / 4880, rtol=1e-6)


def element(kind, content, order="<"):
    return struct.pack(f"{order}2I", kind, len(content)) + content + bytes(-len(content) % 8)


def matrix(name, shape, values, order="<", kind=10, stored=3, size=None):
    parts = element(6, struct.pack(f"{order}2I", kind, 0), order) + element(5, struct.pack(f"{order}2i", *shape), order)
    parts += element(1, name.encode(), order)
    parts += struct.pack(f"{order}2I", stored, len(values) if size is None else size) + values + bytes(-len(values) % 8)
    return element(14, parts, order)


def version_5(*elements, order="<"):
    order = elements[-1] if isinstance(elements[-1], str) else order
    sign = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    return b"MATLAB 5.0 MAT-file".ljust(124) + sign + b"".join(one for one in elements if isinstance(one, bytes))


def packed(content):
    small = zlib.compress(content)
    return struct.pack("<2I", 15, len(small)) + small


def test_the_files_of_these_tests_are_matlabs(tmp_path):
    """Scipy reads them too."""
    one = matrix("val", (12, 60), COUNTS.tobytes(order="F"))
    (tmp_path / "a.mat").write_bytes(version_5(packed(one)))
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "a.mat")["val"], COUNTS)
    (tmp_path / "b.mat").write_bytes(version_5(matrix("val", (12, 60), COUNTS.astype(">i2").tobytes("F"), ">"), ">"))
    np.testing.assert_array_equal(scipy.io.loadmat(tmp_path / "b.mat")["val"], COUNTS)


def nested_cells(depth):
    """Cells in cells that claim to be endless; scipy follows them until the process ends."""
    parts = element(6, struct.pack("<2I", 1, 0)) + element(5, struct.pack("<2i", 1, 1)) + element(1, b"")
    return (struct.pack("<2I", 14, 2**31 - 1) + parts) * depth


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (version_5(packed(bytes(80 * MB))), "a compressed variable must fit its .* packed bytes, got more than"),
        (version_5(*[packed(matrix("val", (1, 30 * MB // 2), bytes(30 * MB)))] * 3), "must fit its .* packed bytes"),
        (version_5(packed(nested_cells(100_000))), "an element must fit the file, got 2147483647 bytes"),
        (version_5(matrix("val", (12, 2**31 - 1), bytes(1440))), r"as many values as its shape \(12, 2147483647\)"),
        (version_5(matrix("val", (12, 61), bytes(1440))), r"shape \(12, 61\) tells, got 720"),
        (version_5(matrix("val", (12, 60), bytes(1440), size=2**32 - 1)), "must fit the file, got 4294967295 bytes"),
        (version_5(matrix("val", (12, -60), bytes(1440))), r"must have a class and a shape, got .*-60"),
        (version_5(matrix("val", (12, 60), bytes(1440), stored=14)), "values must be numbers, got type 14"),
        (version_5(packed(bytes(9))[:-3]), "an element must fit the file"),
        (
            version_5(element(15, zlib.compress(bytes(99))[:-4])),
            "a compressed variable must be whole, got .* bytes of it",
        ),
        (version_5(struct.pack("<2I", 15, 9) + b"no stream"), "a compressed variable must be whole, got"),
        (version_5(b"abc"), "an element must have 8 bytes or more, got 3"),
        (
            struct.pack("<5I", 0, 12, 2**31, 0, 4) + b"val\0" + bytes(99),
            r"val must fit the file, got \(12, 2147483648\)",
        ),
        (struct.pack("<5I", 0, 2**31, 2**31, 0, 4) + b"val\0" + bytes(99), "val must fit the file"),
        (struct.pack("<5I", 0, 1, 1, 0, 4) + b"val\0" + bytes(9), "a variable's header must have 20 bytes, got 1"),
    ],
)
def test_damaged_and_hostile_files_take_no_memory(tmp_path, content, message):
    (tmp_path / "a.mat").write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=rf"a MATLAB file must be whole, got: .*{message}.*a\.mat"):
            read_record(tmp_path / "a.mat", **PASSED)
        assert tracemalloc.get_traced_memory()[1] < 140 * MB  # 64 MiB may come out of any file
    finally:
        tracemalloc.stop()


def test_a_flat_recording_may_be_packed_a_thousandfold(tmp_path):
    record = read_record(save(tmp_path / "a.mat", val=np.zeros((12, 100_000))), **PASSED)
    assert record.signal.shape == (12, 100_000) and (tmp_path / "a.mat").stat().st_size < 9600 * 1000 / 500


def test_a_v7_3_file_may_not_lead_elsewhere(tmp_path):
    other = save_7_3(tmp_path / "other.mat", val=COUNTS)
    path = save_7_3(tmp_path / "a.mat", ECG={"sex": "Male"})
    with h5py.File(path, "r+") as file:
        file["ECG/data"] = h5py.ExternalLink(str(other), "val")
    with pytest.raises(ValueError, match=r"data must be in the file itself, got a link \(.*a\.mat"):
        read_record(path)


@pytest.mark.real
def test_the_matrices_of_ten_real_recordings(real_ecgs):
    files = sorted(real_ecgs("code15").rglob("*.mat"))
    assert len(files) == 10
    for path in files:
        record = read_record(path, 400, STANDARD_LEADS, "mV")
        np.testing.assert_array_equal(record.signal, scipy.io.loadmat(path)["feats"])
