"""WFDB records that cannot be read: each ends in one ValueError or FileNotFoundError that names the file."""

import numpy as np
import pytest
import soundfile

from fairseq_signals.data.readers import read_record

HEADER = "r 2 500 100\nr.dat 16 200/mV 16 0 0 0 0 I\nr.dat 16 200/mV 16 0 0 0 0 V1\n# Dx: 1\n"


@pytest.fixture
def record(tmp_path):
    """Writes a record with one text in its header replaced by another; the signal file fits the original."""

    def write(old="", new="", header=HEADER):
        np.zeros(200, "<i2").tofile(tmp_path / "r.dat")
        assert old in header
        path = tmp_path / "r.hea"
        path.write_text(header.replace(old, new))
        return path

    return write


def refuse(path, *parts, error=ValueError):
    with pytest.raises(error) as caught:
        read_record(path)
    message = str(caught.value)
    assert type(caught.value) is error
    assert str(path) in message and "\n" not in message
    for part in parts:
        assert part in message, message


def test_the_unchanged_record_reads(record):
    assert read_record(record()).signal.shape == (2, 100)


@pytest.mark.parametrize("kept", [0, 1, 399])
def test_a_truncated_signal_file(record, kept):
    path = record()
    path.with_suffix(".dat").write_bytes(bytes(kept))
    refuse(path, "r.dat must hold at least 400 bytes (100 samples of 2 signals in format 16", f"got {kept}")


def test_a_missing_signal_file(record):
    path = record()
    path.with_suffix(".dat").unlink()
    refuse(path, "signal file r.dat must be beside its header", error=FileNotFoundError)


@pytest.mark.parametrize("length", ["101", "1000000000000", "999999999999999999"])
@pytest.mark.parametrize("format", ["16", "212", "8", "311"])
def test_a_header_that_claims_too_many_samples(record, length, format):
    header = HEADER.replace("500 100", f"500 {length}").replace("dat 16", f"dat {format}")
    path = record(header=header)
    if length == "101":
        path.with_suffix(".dat").write_bytes(bytes(200))
    refuse(path, f"({length} samples of 2 signals in format {format}")


@pytest.mark.parametrize(
    ("old", "new"), [("500 100", "500 99"), ("r 2", "r 1"), ("dat 16", "dat 80"), ("dat 16", "dat 212")]
)
def test_a_header_that_claims_too_few_samples(record, old, new):
    header = HEADER.replace(old, new)
    if new == "r 1":
        header = header.replace("r.dat 16 200/mV 16 0 0 0 0 V1\n", "")
    path = record(header=header.replace("16 0 0 0 0 ", "16 0 0 1 0 "))  # and whose checksums do not prove it right
    refuse(path, "r.dat must end where its header says, got more samples")


@pytest.mark.parametrize("line", ["r.dat 16 200/mV 16 0 0 0 0 V1\n", "r.dat 16 200/mV 16 0 0 0 0 I\n"])
def test_a_header_with_fewer_lines_than_signals(record, line):
    refuse(record(line, ""), "a header of 2 signals must have 2 signal lines, got 1")


def test_a_header_with_more_lines_than_signals(record):
    refuse(record("r 2", "r 1"), "a header of 1 signals must have 1 signal lines, got 2")


@pytest.mark.parametrize(
    "name", ["../r.dat", "/etc/passwd", "a/../../r.dat", "..\\r.dat", "C:\\r.dat", "C:r.dat", "\\\\host\\r.dat", ".."]
)
def test_a_path_that_leaves_the_folder(record, name):
    refuse(record("r.dat", name), "must be inside the record's folder", repr(name))


@pytest.mark.parametrize("name", ["../s", "/s"])
def test_a_segment_that_leaves_the_folder(record, name):
    refuse(record(header=f"r/1 2 500 100\n{name} 100\n"), "must be inside the record's folder", name)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("r 2 500 100", "r", "a record line must be `name signals"),
        ("r 2", "r x", "number of signals or segments must be a whole number of at least 1, got 'x'"),
        ("r 2", "r 0", "number of signals or segments must be a whole number of at least 1, got '0'"),
        ("r 2", "r " + "9" * 5000, "number of signals or segments must be a whole number"),
        ("500 100", "x 100", "sampling rate must be a positive number (Hz), got 'x'"),
        ("500 100", "0 100", "sampling rate must be a positive number"),
        ("500 100", "-500 100", "sampling rate must be a positive number"),
        ("500 100", "1e999 100", "sampling rate must be a positive number"),
        ("500 100", "500 -1", "number of samples must be a whole number of at least 0, got '-1'"),
        ("dat 16", "dat x16", "a signal line must begin with `file format`"),
        ("dat 16", "dat 17", "WFDB format must be among 16, 32"),
        ("dat 16", "dat 16x0", "samples per frame must be at least 1"),
        ("200/mV", "mV", "gain must be `number(baseline)/unit`, got 'mV'"),
        ("200/mV", "1e999/mV", "gain must be `number(baseline)/unit`"),
        ("200/mV", "200(x)/mV", "gain must be `number(baseline)/unit`"),
        ("200/mV", "200/nV", "unit must be V, mV or uV, got 'nV' (lead I"),
        ("0 0 0 0 V1", "0 0 z 0 V1", "checksum must be a whole number, got 'z'"),
        ("0 I\n", "0 V1\n", "each lead must be named once"),
        ("0 V1\n", "0\n", "every signal line must name its lead"),
        ("dat 16 200/mV 16 0 0 0 0 V1", "dat 16x2 200/mV 16 0 0 0 0 V1", "leads must share one sampling rate"),
        ("dat 16 200/mV 16 0 0 0 0 V1", "dat 16+2 200/mV 16 0 0 0 0 V1", "share one format and offset"),
    ],
)
def test_a_field_that_cannot_be_understood_is_named(record, old, new, message):
    refuse(record(old, new), message)


def test_errors_name_the_line(record):
    refuse(record("200/mV 16 0 0 0 0 V1", "?"), "r.hea, line 3)")


def test_no_standard_lead(record):
    header = HEADER.replace("0 I\n", "0 RESP\n").replace("0 V1\n", "0 MLII\n")
    refuse(record(header=header), "at least one among I, II, III", "got RESP, MLII")


@pytest.mark.parametrize("content", ["", "# only a comment\n", "\n\n"])
def test_an_empty_header(record, content):
    refuse(record(header=content), "a WFDB header must begin with a record line")


def test_a_huge_header(record):
    refuse(record(header="#" * 5_000_000), "a WFDB header must be below")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("r/2 2 500 200\ns 100\n", "a header of 2 segments must have 2 segment lines"),
        ("r/1 2 500 200\ns 100\n", "segments must add up to the record's 200 samples"),
        ("r/1 2 500 50\ns 50\n", "segment s must hold 50 samples, got 100"),
        ("r/2 2 500 999999999999\ns 100\n~ 999999999899\n", "mostly recorded"),
        ("r/1 2 500 100\n~ 100\n", "mostly recorded"),
        ("r/1 2 500 100\nr 100\n", "got segments again in r.hea"),
        ("r/1 2 500 100\ns\n", "a segment line must be `record samples`"),
        ("r/1 2 250 100\ns 100\n", "rate must agree with the header's 500 Hz, got 250"),
    ],
)
def test_segments_that_do_not_fit(record, tmp_path, lines, message):
    (tmp_path / "s.hea").write_text(HEADER.replace("r 2", "s 2").replace("r.dat", "s.dat"))
    np.zeros(200, "<i2").tofile(tmp_path / "s.dat")
    path = record(header=lines)
    with pytest.raises(ValueError, match=str(tmp_path)) as caught:
        read_record(path)
    assert message in str(caught.value)


def test_a_missing_segment(record):
    refuse(record(header="r/1 2 500 100\ns 100\n"), "segment s must have a header", error=FileNotFoundError)


@pytest.mark.parametrize(
    ("passed", "message"),
    [
        ({"rate": 250}, "rate must agree with the header's 500 Hz, got 250"),
        ({"unit": "uV"}, "unit must agree with the header's mV, got uV"),
        ({"leads": ["V1", "I"]}, "leads must agree with the header's"),
        ({"leads": ["I"]}, "leads must agree with the header's"),
    ],
)
def test_what_is_passed_must_agree_with_the_header(record, passed, message):
    with pytest.raises(ValueError, match=message):
        read_record(record(), **passed)
    assert read_record(record(), rate=500, unit="MV", leads=["i", "V1"]).leads == ("I", "V1")


def test_a_damaged_flac_signal_file(record):
    path = record("dat 16", "dat 516")
    path.with_suffix(".dat").write_bytes(b"fLaC" + bytes(300))
    with pytest.raises(ValueError, match=r"readable WAV or FLAC.*r\.dat"):
        read_record(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("31\nr.flac 516", "r.flac must hold 31 samples after 0, got 30"),
        ("30\nr.flac 516+1", "r.flac must hold 30 samples after 1, got 29"),
        ("30\nr.flac 508", "r.flac must hold 1 channels of at most 8 bits, got 1 of 16"),
        ("30\nr.flac 516\nr.flac 516", "r.flac must hold 2 channels of at most 16 bits, got 1 of 16"),
        ("29\nr.flac 516", "r.flac must end where its header says, got more samples"),
    ],
)
def test_a_flac_file_that_does_not_fit_its_header(tmp_path, line, message):
    soundfile.write(tmp_path / "r.flac", np.full((30, 1), 400, np.int16), 500)
    n = line.count("r.flac")
    lines = "".join(f"{one} 200/mV 16 0 400 1 0 V{i}\n" for i, one in enumerate(line.split("\n")[1:], start=1))
    (tmp_path / "r.hea").write_text(f"r {n} 500 {line.splitlines()[0]}\n{lines}")
    refuse(tmp_path / "r.hea", message)


def test_signal_files_of_different_length(record, tmp_path):
    np.zeros(30, "<i2").tofile(tmp_path / "s.dat")
    header = HEADER.replace("500 100", "500").replace("r.dat 16 200/mV 16 0 0 0 0 V1", "s.dat 16 200/mV 16 0 0 0 0 V1")
    refuse(record(header=header), "all signal files of a record must be equally long, got ['r.dat', 's.dat']")
