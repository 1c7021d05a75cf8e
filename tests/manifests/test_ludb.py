"""A folder as PhysioNet publishes it: records of the wfdb package, a table of pandas whose cells end in line breaks."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import wfdb

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.store import Store
from manifests import ludb

LEADS = ["i", "ii", "iii", "avr", "avl", "avf", "v1", "v2", "v3", "v4", "v5", "v6"]
FLUTTER, WALL = "Atrial flutter, typical\n", "Ischemia: inferior wall\nIschemia: lateral wall.\n"


def _table(numbers):
    return pd.DataFrame(
        {
            "ID": numbers,
            "Sex": ["F\n" if n % 2 else "M\n" for n in numbers],
            "Age": [">89\n" if n == 4 else f"{30 + n}\n" for n in numbers],
            "Rhythms": [FLUTTER if n % 4 == 0 else "Sinus rhythm\n" for n in numbers],
            "Electric axis of the heart": ["Electric axis of the heart: normal\n"] * len(numbers),
            "Conduction abnormalities": None,
            "Extrasystolies": None,
            "Hypertrophies": [
                "Left atrial hypertrophy\nLeft ventricular hypertrophy\n" if n % 5 == 0 else None for n in numbers
            ],
            "Cardiac pacing": None,
            "Ischemia": [WALL if n % 3 == 0 else None for n in numbers],
            "Non-specific repolarization abnormalities": ["Septal\n" if n == 7 else None for n in numbers],
            "Other states": None,
        }
    )


def _write(folder, n, samples=1000):
    (folder / "data").mkdir(parents=True, exist_ok=True)
    digital = np.random.default_rng(n).integers(-2000, 2000, (12, samples))
    one, two = 2 * (digital[:2] // 4)
    digital[:6] = one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2
    fields = {"fs": 500, "units": ["mV"] * 12, "sig_name": LEADS, "fmt": ["16"] * 12, "adc_gain": [1000.0] * 12}
    comments = ["<age>: 51", "<sex>: F", "<diagnoses>:", "Rhythm: Sinus rhythm.", "Electric axis of the heart: normal."]
    wfdb.wrsamp(
        str(n), d_signal=digital.T, baseline=[0] * 12, comments=comments, write_dir=str(folder / "data"), **fields
    )
    wfdb.wrann(str(n), "i", np.array([10, 50]), symbol=["p", "N"], write_dir=str(folder / "data"))
    return digital


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ludb-1.0.1")
    _table(list(range(1, 31))).to_csv(folder / "ludb.csv", index=False)
    for n in range(1, 31):
        _write(folder, n)
    return folder


def _main(source, dest, *more):
    return ludb.main(["--source", str(source), "--dest", str(dest), "--workers", "1", *more])


def _rows(dest):
    return {row.id: (row, name) for name in ("train", "valid", "test") for row in Manifest(dest / f"{name}.tsv")}


def test_lower_case_leads_and_cells_of_several_lines(source, tmp_path):
    card = _main(source, tmp_path)
    rows = _rows(tmp_path)
    assert len(rows) == 30 and card["rate"] == 500.0 and "Ischemia: lateral wall" in card["classes"]
    for n in range(1, 31):
        row, _ = rows[str(n)]
        expected = ["Atrial flutter typical" if n % 4 == 0 else "Sinus rhythm", "Electric axis of the heart: normal"]
        expected += ["Left atrial hypertrophy", "Left ventricular hypertrophy"] if n % 5 == 0 else []
        expected += ["Ischemia: inferior wall", "Ischemia: lateral wall"] if n % 3 == 0 else []
        expected += ["Non-specific repolarization abnormalities: Septal"] if n == 7 else []
        assert row.labels == tuple(expected) and not row.unlabelled and not row.unknown
        assert (row.extra["age"], row.extra["sex"]) == ("90" if n == 4 else str(30 + n), "female" if n % 2 else "male")
        assert row.patient == str(n)
        np.testing.assert_array_equal(Store(tmp_path / "store").read(*row.stored), _write(tmp_path / "again", n))
    splits = Counter(name for _, name in rows.values())
    assert set(splits) == {"train", "valid", "test"} and splits["train"] >= 20
    assert card["checks"][0] == "the source publishes 200 recordings, got 30: is the download complete?"
    assert not (tmp_path / "gallery.tsv").exists()


def test_some_columns_only(source, tmp_path):
    card = _main(source, tmp_path, "--columns", "ischemia,rhythm")
    assert card["options"]["columns"] == ["rhythm", "ischemia"]
    assert card["classes"] == [
        "Atrial flutter typical",
        "Ischemia: inferior wall",
        "Ischemia: lateral wall",
        "Sinus rhythm",
    ]
    with pytest.raises(SystemExit):
        _main(source, tmp_path, "--columns", "rhythms")


def test_the_table_and_the_folder_must_agree(tmp_path):
    folder = tmp_path / "in"
    for n in range(1, 8):
        _write(folder, n)
    _table(list(range(2, 9))).to_csv(folder / "ludb.csv", index=False)
    card = _main(folder, tmp_path / "out")
    assert card["counts"]["rejected"] == {"missing": 1, "unlisted": 1}
    rejected = (tmp_path / "out" / "rejected.tsv").read_text()
    assert (
        "1\tdata/1.hea\tunlisted\trecording must be listed in ludb.csv" in rejected
        and "8\tdata/8.hea\tmissing" in rejected
    )


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("ID", "../1", r"ID must be a number, got '\.\./1' \(.*ludb\.csv, row 2\)"),
        ("Sex", "x", r"sex must be M or F, .*got 'x' \(.*ludb\.csv, row 2\)"),
        ("Age", "old", r"age must be a number of years or >89, got 'old' \(.*ludb\.csv, row 2\)"),
    ],
)
def test_rows_that_are_not_of_the_source_are_refused(tmp_path, column, value, message):
    table = _table([1, 2]).astype(object)
    table.loc[0, column] = value
    table.to_csv(tmp_path / "ludb.csv", index=False)
    with pytest.raises(ValueError, match=message):
        _main(tmp_path, tmp_path / "out")


def test_phrases():
    assert ludb.phrases("axis", "Electric axis of the heart: left axis deviation.\n") == [
        "Electric axis of the heart: left axis deviation"
    ]
    assert ludb.phrases("axis", "vertical") == ["Electric axis of the heart: vertical"]
    assert ludb.phrases("extrasystole", "Ventricular extrasystole, localisation: LVOT, LVS\n\n") == [
        "Ventricular extrasystole localisation: LVOT LVS"
    ]
    assert ludb.phrases("other", " \n") == []
