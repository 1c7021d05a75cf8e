import h5py
import numpy as np
import pytest
import scipy.io
import soundfile

from fairseq_signals.data import readers
from fairseq_signals.data.readers import read_record


def test_readers_are_found_by_being_there():
    names = [module.__name__.rpartition(".")[2] for module in readers.readers()]
    assert names == sorted(names) and {"arrays", "audio", "hdf5", "matlab", "physionet", "text"} <= set(names)
    for module in readers.readers():
        assert module.FORMAT and callable(module.recognises) and callable(module.read)


def test_a_new_module_in_the_folder_is_a_reader(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(
        "from fairseq_signals.data.record import Record\nimport numpy\nFORMAT = 'toy'\n"
        "def recognises(path, head): return head.startswith(b'TOY')\n"
        "def read(path, rate, leads, unit): return Record(numpy.zeros((1, 3), 'f4'), rate, leads, path.stem)\n"
    )
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(tmp_path)])
    (tmp_path / "a.bin").write_bytes(b"TOY")
    record = read_record(tmp_path / "a.bin", rate=5, leads=["V1"])
    assert (record.id, record.rate, record.leads) == ("a", 5, ("V1",))


def test_an_unknown_format_is_answered_with_the_known_ones(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"NumPy.*WAV or FLAC.*WFDB.*a\.xyz"):
        read_record(tmp_path / "a.xyz")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"existing file or WFDB record, got none \(.*gone.hea\)"):
        read_record(tmp_path / "gone.hea")


@pytest.mark.parametrize("path", [".", "", "/"])
def test_what_has_no_name_is_no_recording(path):
    with pytest.raises(ValueError, match="a recording must be in one of the formats"):
        read_record(path)


@pytest.mark.parametrize("rate", [0, -5, float("nan")])
def test_a_rate_that_is_passed_must_be_positive(tmp_path, rate):
    (tmp_path / "a.hea").write_text("a 1\na.dat 16 200/mV 16 0 0 0 0 V1\n")
    np.zeros(9, "<i2").tofile(tmp_path / "a.dat")
    with pytest.raises(ValueError, match=r"rate must be a positive number \(Hz\)"):
        read_record(tmp_path / "a.hea", rate=rate)


def test_a_folder_is_no_recording(tmp_path):
    with pytest.raises(ValueError, match="a recording must be in one of the formats"):
        read_record(tmp_path)


def test_content_decides_and_not_the_extension(tmp_path):
    signal = np.random.default_rng(0).normal(size=(2, 40)).astype(np.float32)
    np.save(tmp_path / "a.npy", signal)
    (tmp_path / "a.npy").rename(tmp_path / "a.hea")
    record = read_record(tmp_path / "a.hea", rate=500, leads=["I", "II"], unit="mV")
    np.testing.assert_array_equal(record.signal, signal)


def test_a_flac_signal_file_belongs_to_the_header_that_names_it(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.full((30, 1), 400, np.int16), 500)
    (tmp_path / "a.hea").write_text("a 1 500 30\na.flac 516 200/mV 16 0 400 12000 0 V1\n")
    np.testing.assert_array_equal(read_record(tmp_path / "a.flac").signal, 2.0)


def test_a_header_does_not_speak_for_a_file_that_it_does_not_name(tmp_path):
    (tmp_path / "a.hea").write_text("a 1 500 30\na.dat 16 200/mV 16 0 400 12000 0 V1\n")
    np.save(tmp_path / "a.npy", np.ones((1, 7), np.float32))
    soundfile.write(tmp_path / "a.wav", np.ones((9, 1)), 100, subtype="FLOAT")
    for name, length in (("a.npy", 7), ("a.wav", 9)):
        assert read_record(tmp_path / name, rate=100, leads=["I"], unit="mV").signal.shape == (1, length)


def test_the_shape_type_and_unit_of_a_record_are_the_same_from_every_format(tmp_path):
    volts = np.random.default_rng(0).normal(0, 1e-3, (3, 60))
    np.save(tmp_path / "n.npy", volts)
    soundfile.write(tmp_path / "w.wav", volts.T, 500, subtype="DOUBLE")
    for path in (tmp_path / "n.npy", tmp_path / "w.wav"):
        record = read_record(path, rate=500, leads=["V1", "aVR", "I"], unit="V")
        assert record.leads == ("I", "aVR", "V1") and record.signal.dtype == np.float32
        np.testing.assert_allclose(record.signal, volts[::-1] * 1000, rtol=1e-6)


def test_every_table_and_matrix_has_one_reader(tmp_path):
    """Files of MATLAB 7.3 are HDF5 behind a header; a matrix that a WFDB header names belongs to that."""
    values = np.ones((2, 40), np.int16)
    for version in ("4", "5"):
        scipy.io.savemat(tmp_path / f"v{version}.mat", {"val": values}, format=version)
    for name, block in (("a.h5", 0), ("v7.mat", 512)):
        with h5py.File(tmp_path / name, "w", userblock_size=block) as file:
            file["ecg"] = values
    with (tmp_path / "v7.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    scipy.io.savemat(tmp_path / "r.mat", {"val": values}, format="4")
    (tmp_path / "r.hea").write_text("r 2 500 40\nr.mat 16+24 1/mV 16 0 1 40 0 I\nr.mat 16+24 1/mV 16 0 1 40 0 II\n")
    (tmp_path / "a.csv").write_text("I,II\n1,2\n")
    (tmp_path / "a.tsv").write_text("0.5\t-1e3\n1\t2\n")
    owners = {"v4.mat": "matlab", "v5.mat": "matlab", "v7.mat": "matlab", "a.h5": "hdf5", "r.mat": "physionet"}
    for name, owner in (owners | {"r.hea": "physionet", "a.csv": "text", "a.tsv": "text"}).items():
        head = (tmp_path / name).read_bytes()[:512]
        claims = [one.__name__.rpartition(".")[2] for one in readers.readers() if one.recognises(tmp_path / name, head)]
        assert claims == [owner], name
