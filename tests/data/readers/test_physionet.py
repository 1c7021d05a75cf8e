"""WFDB records against the wfdb package, which shares no code with our reader for these formats."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import wfdb

from fairseq_signals.data.readers import read_record

NAMES = ["V1", "AVR", "II", "RESP", "I"]  # neither in order nor all leads
STANDARD = ("I", "II", "aVR", "V1")
ROWS = [4, 2, 1, 0]
HALF_RANGE = {"16": 2**15, "212": 2**11, "80": 2**7, "24": 2**23, "32": 2**31}
HALF_RANGE |= {"508": 2**7, "516": 2**15, "524": 2**23}


def digits(format, length=501):
    half = HALF_RANGE[format]
    values = np.random.default_rng(0).integers(1 - half, half, (length, len(NAMES)))
    values[:2] = [[half - 1], [1 - half]]  # the ends of the range, which a wrong sign or shift would show
    return values


def write(folder, format="16", digital=None, units="mV", gain=200.0, baseline=0, names=NAMES, name="rec", comments=()):
    digital = digits(format) if digital is None else digital
    n = len(names)
    wfdb.wrsamp(
        name, 500, units if isinstance(units, list) else [units] * n, names, d_signal=digital, fmt=[format] * n,
        adc_gain=[gain] * n, baseline=[baseline] * n, comments=list(comments), write_dir=str(folder),
    )  # fmt: skip
    return folder / f"{name}.hea"


def edit(header: Path, old: str, new: str, count: int = -1) -> Path:
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, count))
    return header


def read_noted(path, *parts, **settings):
    with pytest.warns(UserWarning, match=path.name):
        record = read_record(path, **settings)
    assert all(any(part in note for note in record.meta["notes"]) for part in parts), record.meta["notes"]
    return record


@pytest.mark.parametrize("format", HALF_RANGE)
@pytest.mark.parametrize("baseline", [0, -37])
def test_every_format_reads_as_the_wfdb_package_reads_it(tmp_path, format, baseline):
    header = write(tmp_path, format, gain=123.5, baseline=baseline)
    truth = wfdb.rdrecord(str(header.with_suffix(""))).p_signal.T[ROWS]
    record = read_noted(header, "RESP")
    assert record.leads == STANDARD
    assert (record.rate, record.id, record.patient, record.labels) == (500.0, "rec", None, ())
    np.testing.assert_allclose(record.signal, truth, rtol=1e-6)
    assert record.meta["checksum_ok"] is True
    assert record.meta["dropped"] == ("RESP",)


# format 8, 61, 160, 310 and 311 cannot be written by the package: bytes packed by hand after signal(5)
def pack_310(a, b, c):
    first = (a & 0x7F) << 1 | (a >> 7 & 7) << 8 | (c & 0x1F) << 11
    second = (b & 0x7F) << 1 | (b >> 7 & 7) << 8 | (c >> 5 & 0x1F) << 11
    return first.to_bytes(2, "little") + second.to_bytes(2, "little")


def pack_311(a, b, c):
    return (a & 0x3FF | (b & 0x3FF) << 10 | (c & 0x3FF) << 20).to_bytes(4, "little")


TRIPLES = [(1, -2, 300), (-500, 511, -1), (0, 77, -300), (5, 6, 7)]
FLAT = [value for triple in TRIPLES for value in triple]  # two leads, sample by sample
BY_HAND = {
    "8": (np.diff(np.reshape([v // 5 for v in FLAT], (6, 2)), axis=0, prepend=0).astype("i1").tobytes(), 1 / 5),
    "61": (np.array(FLAT, ">i2").tobytes(), 1),
    "160": ((np.array(FLAT) + 32768).astype("<u2").tobytes(), 1),
    "310": (b"".join(pack_310(*triple) for triple in TRIPLES), 1),
    "311": (b"".join(pack_311(*triple) for triple in TRIPLES), 1),
}


@pytest.mark.parametrize("format", BY_HAND)
def test_formats_packed_by_hand(tmp_path, format):
    raw, share = BY_HAND[format]
    (tmp_path / "r.dat").write_bytes(raw)
    (tmp_path / "r.hea").write_text(f"r 2 500 6\nr.dat {format} 1/mV\nr.dat {format} 1/mV\n")
    record = read_record(tmp_path / "r.hea", leads=("I", "V6"))
    truth = np.reshape([int(value * share // 1) for value in FLAT], (6, 2)).T
    np.testing.assert_array_equal(record.signal, truth)


def test_skew_is_undone_once_in_rare_formats(tmp_path):
    (tmp_path / "r.dat").write_bytes(BY_HAND["310"][0])
    (tmp_path / "r.hea").write_text("r 2 500 6\nr.dat 310:2 1/mV\nr.dat 310 1/mV\n")
    record = read_record(tmp_path / "r.hea", leads=("I", "V6"))
    np.testing.assert_array_equal(record.signal[0], [*FLAT[4::2], np.nan, np.nan])


@pytest.mark.parametrize(("unit", "factor"), [("V", 1e3), ("mv", 1), ("uV", 1e-3), ("UV", 1e-3)])
def test_units_become_millivolts(tmp_path, unit, factor):
    header = write(tmp_path, units=unit, names=["I", "II", "III", "V1", "V2"])
    truth = wfdb.rdrecord(str(header.with_suffix(""))).p_signal.T * factor
    np.testing.assert_allclose(read_record(header).signal, truth, rtol=1e-6)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_micro_sign_is_not_lost(tmp_path, encoding):
    header = write(tmp_path, units="uV", names=["I", "II", "III", "V1", "V2"])
    plain = read_record(header).signal
    header.write_bytes(header.read_text().replace("/uV", "/\u00b5V").encode(encoding))
    np.testing.assert_array_equal(read_record(header).signal, plain)
    assert set(wfdb.rdheader(str(header.with_suffix(""))).units) == {"V"}  # what the package makes of it


def test_each_lead_has_its_own_gain_unit_and_baseline(tmp_path):
    np.array([[10, 10, 10]] * 4, "<i2").tofile(tmp_path / "r.dat")
    (tmp_path / "r.hea").write_text(
        "r 3 250 4\nr.dat 16 1000(0)/uV 16 0 10 40 0 V6\n"
        "r.dat 16 2(-4)/mV 16 0 10 40 0 I\nr.dat 16 5 16 10 10 40 0 II\n"
    )
    record = read_record(tmp_path / "r.hea")
    # a baseline that is not given is the ADC's zero, and a unit that is not given mV
    np.testing.assert_allclose(record.signal[:, 0], [(10 + 4) / 2, (10 - 10) / 5, 10 / 1000 / 1000], rtol=1e-6)
    assert record.meta["gain"] == (2.0, 5.0, 1000.0)
    assert record.meta["baseline"] == (-4, 10, 0)


@pytest.mark.parametrize("format", HALF_RANGE)
def test_samples_marked_invalid_are_nan(tmp_path, format):
    signal = np.tile(np.linspace(-1, 1, 50)[:, None], 3)
    signal[5, 1] = np.nan
    wfdb.wrsamp("r", 500, ["mV"] * 3, ["I", "II", "V1"], p_signal=signal, fmt=[format] * 3, write_dir=str(tmp_path))
    record = read_record(tmp_path / "r.hea")
    assert np.argwhere(np.isnan(record.signal)).tolist() == [[1, 5]]
    np.testing.assert_allclose(record.signal[0], np.linspace(-1, 1, 50), atol=0.02)


def test_header_record_name_and_signal_file_all_lead_to_the_record(tmp_path):
    header = write(tmp_path, names=["I", "II", "III", "V1", "V2"])
    signal = read_record(header).signal
    for path in (tmp_path / "rec", tmp_path / "rec.dat", str(header)):
        np.testing.assert_array_equal(read_record(path).signal, signal)


def test_a_record_named_with_its_extension_reads(tmp_path):
    header = write(tmp_path, names=["I", "II", "III", "V1", "V2"])
    signal = read_record(header).signal
    edit(header, "rec 5", "rec.dat 5")
    with pytest.raises(ValueError, match="invalid syntax"):
        wfdb.rdrecord(str(header.with_suffix("")))
    record = read_record(header)
    np.testing.assert_array_equal(record.signal, signal)
    assert record.id == "rec"


@pytest.mark.parametrize("mark", ["#{}: {}", "# {}: {}", "#  {} : {} ", "#<{}>: {}"])
def test_comments_are_found_by_name_wherever_they_stand(tmp_path, mark):
    header = write(tmp_path, names=["I", "II", "III", "V1", "V2"])
    pairs = [
        ("Hx", "Unknown"),
        ("DX", "426783006, 59118001,,426783006"),
        ("sex", "F"),
        ("Age", "74"),
        ("Patient", "p9"),
    ]
    header.write_text("# made by hand\n" + header.read_text() + "".join(mark.format(*pair) + "\n" for pair in pairs))
    record = read_record(header)
    assert record.labels == ("426783006", "59118001")
    assert (record.meta["age"], record.meta["sex"], record.patient) == (74.0, "female", "p9")
    assert record.meta["comments"]["hx"] == "Unknown"
    assert record.meta["comments"][""] == "made by hand"


@pytest.mark.parametrize("age", ["NaN", "Unknown", "", "-1", "inf", "40-50"])
def test_an_unknown_age_is_none(tmp_path, age):
    comments = [f"Age: {age}", "Sex: Unknown", "Dx: Unknown", "Patient: unknown"]
    record = read_record(write(tmp_path, names=["I", "II", "III", "V1", "V2"], comments=comments))
    assert (record.meta["age"], record.meta["sex"], record.labels, record.patient) == (None, None, (), None)


def test_several_names_on_one_comment_line(tmp_path):
    comments = ["<age>: 65 <sex>: F <diagnoses> Acute MI"]
    record = read_record(write(tmp_path, names=["I", "II", "III", "V1", "V2"], comments=comments))
    assert (record.meta["age"], record.meta["sex"], record.meta["comments"]["diagnoses"]) == (
        65.0,
        "female",
        "Acute MI",
    )


@pytest.mark.parametrize("gain", ["0/mV", "0", None])
def test_an_uncalibrated_signal_is_read_as_200_steps_with_a_note(tmp_path, gain):
    np.full((4, 1), 300, "<i2").tofile(tmp_path / "r.dat")
    line = f"r.dat 16 {gain} 16 0 300 1200 0 II" if gain else "r.dat 16"
    (tmp_path / "r.hea").write_text(f"r 1 250 4\n{line}\n")
    record = read_noted(tmp_path / "r.hea", "200 steps", leads=None if gain else ["II"])
    np.testing.assert_array_equal(record.signal, 1.5)
    assert record.meta["gain"] == (None,)


@pytest.mark.parametrize("what", ["checksum", "first"])
def test_a_changed_sample_does_not_pass_silently(tmp_path, what):
    digital = digits("16")
    header = write(tmp_path, digital=digital, names=["I", "II", "III", "V1", "V2"])
    assert read_record(header).meta["checksum_ok"] is True
    if what == "first":
        digital[0] -= 1  # the header's first value no longer fits; the checksum is made to
        digital[1] += 1
    else:
        digital[100, 2] += 1
    digital.astype("<i2").tofile(tmp_path / "rec.dat")
    wrong = "III" if what == "checksum" else "I, II, III, V1, V2"
    assert read_noted(header, f"mismatch in {wrong}").meta["checksum_ok"] is False


def test_without_a_checksum_nothing_is_claimed(tmp_path):
    np.zeros((4, 1), "<i2").tofile(tmp_path / "r.dat")
    (tmp_path / "r.hea").write_text("r 1 250 4\nr.dat 16 200/mV\n")
    assert read_record(tmp_path / "r", leads=["I"]).meta["checksum_ok"] is None


def test_skew_is_undone_as_by_the_wfdb_package(tmp_path):
    header = write(tmp_path, names=["I", "II", "III", "V1", "V2"])
    edit(header, "rec.dat 16", "rec.dat 16:7", 2)
    truth = wfdb.rdrecord(str(header.with_suffix(""))).p_signal.T
    np.testing.assert_allclose(read_record(header).signal, truth, rtol=1e-6)
    assert np.isnan(truth).sum() == 14


def test_leads_with_several_samples_per_frame_have_a_higher_rate(tmp_path):
    frames = np.arange(40).reshape(10, 4).astype("<i2")  # four samples of lead I in each frame, one of RESP
    np.hstack([frames, np.full((10, 1), 9, "<i2")]).tofile(tmp_path / "r.dat")
    (tmp_path / "r.hea").write_text("r 2 125 10\nr.dat 16x4 1/mV 16 0 0 780 0 I\nr.dat 16 1/mmHg 16 0 9 90 0 ABP\n")
    record = read_noted(tmp_path / "r.hea", "ABP")
    assert record.rate == 500
    np.testing.assert_array_equal(record.signal, [np.arange(40)])


def test_a_flac_file_may_hold_samples_before_the_record(tmp_path):
    soundfile.write(tmp_path / "r.flac", np.arange(40, dtype=np.int16)[:, None], 500)
    (tmp_path / "r.hea").write_text(f"r 1 500 30\nr.flac 516+10 1/mV 16 0 10 {sum(range(10, 40))} 0 V1\n")
    record = read_record(tmp_path / "r.hea")
    np.testing.assert_array_equal(record.signal, [np.arange(10, 40)])
    assert record.meta["checksum_ok"] is True


def test_leads_may_lie_in_several_files(tmp_path):
    for name, value in (("a", 100), ("b", 300)):
        np.full(5, value, "<i2").tofile(tmp_path / f"{name}.dat")
    (tmp_path / "r.hea").write_text("r 2 500 5\nb.dat 16 100 16 0 300 1500 0 V1\na.dat 16 100 16 0 100 500 0 I\n")
    np.testing.assert_array_equal(read_record(tmp_path / "r").signal[:, 0], [1, 3])


def test_a_length_that_is_not_stated_follows_from_the_file(tmp_path):
    header = write(tmp_path, names=["I", "II", "III", "V1", "V2"])
    edit(header, "500 501", "500")
    assert read_record(header).signal.shape == (5, 501)


def test_an_unstated_rate_can_be_passed_or_is_the_standards(tmp_path):
    header = edit(write(tmp_path, names=["I", "II", "III", "V1", "V2"]), "rec 5 500 501", "rec 5")
    assert read_record(header, rate=500).rate == 500
    assert read_noted(header, "250 Hz").rate == 250


def test_surplus_samples_are_accepted_only_when_checksums_prove_the_header(tmp_path):
    header = write(tmp_path, names=["I", "II", "III", "V1", "V2"])
    signal = read_record(header).signal
    with (tmp_path / "rec.dat").open("ab") as file:
        file.write(bytes(100))
    np.testing.assert_array_equal(read_record(header).signal, signal)
    lines = header.read_text().splitlines()
    header.write_text(
        "\n".join([lines[0].replace("rec 5", "rec 4"), *lines[1:5]])
    )  # one lead left out: all are mixed up
    with pytest.raises(ValueError, match=r"rec.dat must end where its header says, got more samples \(.*rec.hea\)"):
        read_record(header)


def test_segments_are_joined_as_by_the_wfdb_package(tmp_path):
    for name, seed in (("s1", 1), ("s2", 2)):
        digital = np.random.default_rng(seed).integers(-999, 999, (100 * seed, 3))
        write(tmp_path, digital=digital, names=["V2", "I", "II"], name=name)
    (tmp_path / "m.hea").write_text("m/2 3 500 300\ns1 100\ns2 200\n# Dx: 7\n# Age: 50\n")
    truth = wfdb.rdrecord(str(tmp_path / "m")).p_signal.T[[1, 2, 0]]
    record = read_record(tmp_path / "m.hea")
    np.testing.assert_allclose(record.signal, truth, rtol=1e-6)
    assert (record.leads, record.labels, record.meta["age"]) == (("I", "II", "V2"), ("7",), 50.0)
    (tmp_path / "m.hea").write_text("m/3 3 500 340\ns1 100\n~ 40\ns2 200\n")  # a gap, which the package cannot join
    gapped = read_record(tmp_path / "m.hea").signal
    assert np.isnan(gapped[:, 100:140]).all()
    np.testing.assert_array_equal(np.delete(gapped, range(100, 140), axis=1), record.signal)
    assert record.meta["checksum_ok"] is True


def test_segments_of_variable_layout_leave_absent_leads_missing(tmp_path):
    write(tmp_path, digital=np.full((100, 2), 200), names=["I", "II"], name="s1")
    write(tmp_path, digital=np.full((50, 2), 400), names=["II", "V2"], name="s2")
    layout = "".join(f"~ 0 200/mV 16 0 0 0 0 {name}\n" for name in ("I", "II", "V2"))
    (tmp_path / "layout.hea").write_text(f"layout 3 500 0\n{layout}")
    (tmp_path / "m.hea").write_text("m/3 3 500 150\nlayout 0\ns1 100\ns2 50\n")
    record = read_record(tmp_path / "m")
    expected = np.full((3, 150), np.nan)
    expected[:2, :100], expected[1:, 100:] = 1.0, 2.0
    np.testing.assert_array_equal(record.signal, expected)
