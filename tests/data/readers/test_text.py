import numpy as np
import pandas as pd
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.readers import read_record, text

SIGNAL = np.random.default_rng(0).normal(0, 300, (12, 80)).round(3)  # µV
PASSED = {"rate": 500, "unit": "uV"}
NUMBERS = "1,2\n3,4\n5,6\n"


def write(path, content, encoding="utf-8"):
    path.write_bytes(content.encode(encoding))
    return path


def test_the_form_of_chapman_on_figshare(tmp_path):
    path = tmp_path / "MUSE_20180113_171327_27000.csv"
    pd.DataFrame(SIGNAL.T, columns=STANDARD_LEADS).to_csv(path, index=False)
    record = read_record(path, **PASSED)
    assert (record.id, record.rate, record.leads) == ("MUSE_20180113_171327_27000", 500.0, STANDARD_LEADS)
    np.testing.assert_array_equal(record.signal, (SIGNAL / 1000).astype(np.float32))


@pytest.mark.parametrize("separator", [",", "\t", ";", " ", "  "])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("named", [True, False])
def test_separators_line_ends_and_marks(tmp_path, separator, newline, encoding, named):
    lines = [separator.join(map(repr, line)) for line in SIGNAL[:3].T.tolist()]
    lines = ([separator.join(["V1", '"II"', "avr"])] if named else []) + lines
    path = write(tmp_path / "a.txt", newline.join(lines), encoding)
    record = read_record(path, **PASSED, leads=None if named else ["V1", "II", "aVR"])
    assert record.leads == ("II", "aVR", "V1")
    np.testing.assert_array_equal(record.signal, (SIGNAL[[1, 2, 0]] / 1000).astype(np.float32))


def test_every_digit_counts(tmp_path):
    """The nearest of all double precision numbers, as Python itself reads them."""
    values = np.random.default_rng(1).normal(size=200) * 10.0 ** np.arange(-100, 100)
    texts = [repr(one) for one in values.tolist()]
    path = write(tmp_path / "a.csv", "\n".join(f"{one},0" for one in texts))
    assert text._table(path)[1][0].tolist() == values.tolist()


def test_a_column_of_seconds_gives_the_rate(tmp_path):
    for hertz, decimals in ((500, 3), (257, 4), (257, 3), (249.8, 6), (1000, 3)):
        times = np.round(12.5 + np.arange(80) / hertz, decimals)
        table = pd.DataFrame({"Time (s)": times, "I": SIGNAL[0], "V2": SIGNAL[1]})
        table.to_csv(tmp_path / "a.csv", index=False)
        record = read_record(tmp_path / "a.csv", unit="uV")
        assert record.rate == pytest.approx(hertz, rel=1e-6) and record.leads == ("I", "V2")
    with pytest.raises(ValueError, match="rate must be the same wherever it is stated, got 1000"):
        read_record(tmp_path / "a.csv", **PASSED)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (np.arange(80) * 2.0, "must hold rising seconds, got steps of 2"),  # milliseconds
        (np.arange(80), "must hold rising seconds, got steps of 1"),  # samples
        (np.zeros(80), "rising seconds, got steps of 0"),
        (-np.arange(80) / 500, "rising seconds"),
        (np.delete(np.arange(81), 40) / 500, "must be even, got gaps in what has 493.75 Hz"),
        (np.delete(np.arange(81), 79) / 500, "must be even, got gaps"),
        (np.r_[np.arange(79), np.nan] / 500, "rising seconds"),
        (np.r_[0, np.nan, np.arange(2, 80)] / 500, "must be even"),
    ],
)
def test_times_that_are_no_even_seconds_are_refused(tmp_path, times, message):
    pd.DataFrame({"t": times, "I": SIGNAL[0]}).to_csv(tmp_path / "a.csv", index=False, na_rep="nan")
    with pytest.raises(ValueError, match=message + r".*a\.csv"):
        read_record(tmp_path / "a.csv", unit="uV")


def test_what_pandas_adds_is_no_signal(tmp_path):
    pd.DataFrame(SIGNAL.T, columns=STANDARD_LEADS).to_csv(tmp_path / "index.csv")
    pd.DataFrame(SIGNAL.T).to_csv(tmp_path / "numbers.csv", index=False)
    for path, leads in ((tmp_path / "index.csv", None), (tmp_path / "numbers.csv", STANDARD_LEADS)):
        record = read_record(path, **PASSED, leads=leads)
        np.testing.assert_array_equal(record.signal, (SIGNAL / 1000).astype(np.float32))


def test_other_leads_are_dropped_and_unknown_columns_refused(tmp_path):
    record = read_record(write(tmp_path / "a.csv", "I,V7\n" + NUMBERS), **PASSED)
    assert record.leads == ("I",) and record.meta["dropped"] == ("V7",)
    with pytest.raises(ValueError, match=r"lead names must be among .* got pressure"):
        read_record(write(tmp_path / "b.csv", "I,pressure\n" + NUMBERS), **PASSED)


def test_a_sample_may_be_missing(tmp_path):
    record = read_record(write(tmp_path / "a.csv", "I,II\n1,2\nnan,4\n"), **PASSED)
    assert np.argwhere(np.isnan(record.signal)).tolist() == [[0, 1]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("I,II\n1,2\n3\n", "as many cells in each line"),
        ("I,II\n1,2\n3,4,5\n", "as many cells in each line"),
        ("I,II\n1,2\n3,\n", "a number in each cell"),
        ("I,II\n1,2\n3,x\n", "a number in each cell.*'x'"),
        ("I;II\n1,5;2\n", "a number in each cell"),
        ("I,II\n1,2\n# 3,4\n", "a number in each cell"),
        ("I,II\n0x10,2\n", "a number in each cell"),
        ("I,II,III\n1,2\n", "each column must have a name, got 3 and 2 columns"),
        ("I,II\n", "must have lines of numbers, got none"),
        ("I,I\n1,2\n", "each lead must be named once"),
        ("I,II\n1,\xff\n", "a number in each cell"),
    ],
)
def test_tables_that_are_not_whole_are_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message + r".*a\.csv"):
        read_record(write(tmp_path / "a.csv", content, "latin-1"), **PASSED)


def test_names_and_numbers_of_columns_must_agree_with_what_is_passed(tmp_path):
    with pytest.raises(ValueError, match=r"each column must have a lead's name, got 2 columns and 3 leads.*a\.csv"):
        read_record(write(tmp_path / "a.csv", NUMBERS), **PASSED, leads=["I", "II", "III"])
    with pytest.raises(ValueError, match="leads must be the same wherever it is stated"):
        read_record(write(tmp_path / "b.csv", "II,I\n" + NUMBERS), **PASSED, leads=["I", "II"])
    with pytest.raises(ValueError, match=r"got no leads \(.*a\.csv"):
        read_record(tmp_path / "a.csv", **PASSED)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.csv", "file,labels\na,b\n"),
        ("train.tsv", "id\tecg\tstart\n1\ta\t0\n"),
        ("a.json", '{"rate": 500}'),
        ("a.xml", "<?xml version='1.0'?>\n<I>1</I>"),
        ("empty.csv", ""),
        ("notes.txt", "some words\n"),
        ("zero.csv", "1,2\0\n"),
    ],
)
def test_other_texts_are_no_recordings(tmp_path, name, content):
    with pytest.raises(ValueError, match="a recording must be in one of the formats"):
        read_record(write(tmp_path / name, content), **PASSED)


def test_a_wfdb_header_is_no_table(tmp_path):
    with pytest.raises(ValueError, match=r"(?s)(?!.*table).*100\.hea"):
        read_record(write(tmp_path / "100.hea", "100 2 360\n"), **PASSED)


def test_a_table_that_is_too_large_is_not_read(tmp_path):
    path = write(tmp_path / "a.csv", "I,II\n" + NUMBERS * 200)
    with path.open("r+b") as file:
        file.truncate(2**31 + 1)
    with pytest.raises(ValueError, match=r"a table of text must be at most 2147483648 bytes, got 2147483649"):
        read_record(path, **PASSED)


def test_a_first_line_that_is_longer_than_the_beginning(tmp_path):
    names = [f"  {name}{' ' * 60}" for name in STANDARD_LEADS]
    path = write(tmp_path / "a.csv", ",".join(names) + "\n" + ",".join("123456789012") + "\n")
    np.testing.assert_allclose(read_record(path, **PASSED).signal[:, 0] * 1000, [int(c) for c in "123456789012"])


def test_a_first_line_of_numbers_of_which_the_beginning_ends_within_one(tmp_path):
    """Byte 512 is the sign of the eighth number."""
    line = ",".join(f"{-number:.69f}" for number in range(1, 10))
    assert line[511] == "-"
    record = read_record(write(tmp_path / "a.csv", f"{line}\n{line}\n"), **PASSED, leads=STANDARD_LEADS[:9])
    np.testing.assert_allclose(record.signal[:, 0] * 1000, -np.arange(1, 10))
