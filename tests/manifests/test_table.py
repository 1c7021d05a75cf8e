"""Recordings in three formats that a hospital's table lists: WFDB with comments, arrays of one, an array of many."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.store import Store
from manifests import table

ROOT = Path(__file__).resolve().parents[2]
ORDER = ["V1", "V2", "V3", "V4", "V5", "V6", "I", "II", "III", "aVR", "aVL", "aVF"]  # of the arrays' channels
STATED = ["--files-rate", "100", "--files-leads", ",".join(ORDER), "--files-unit", "uV"]


def _signal(seed):
    """Microvolts `[12, 600]` in standard order, limb leads in one plane."""
    one, two, *chest = np.random.default_rng(seed).normal(0, 250, (8, 600)).round()
    return np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *chest])


def _channels(seed):
    return np.roll(_signal(seed), 6, axis=0)  # as ORDER has them


@pytest.fixture(scope="module")
def archive(tmp_path_factory, write_wfdb):
    """20 arrays in `a/`, 10 recordings in `b/many.h5`, 5 WFDB records in `c/`; and `list.csv` with all of them."""
    root = tmp_path_factory.mktemp("archive")
    (root / "a").mkdir()
    (root / "b").mkdir()
    rows = []
    for number in range(20):
        np.save(root / "a" / f"{number:02d}.npy", _channels(number).T.astype(np.float32))
        rows.append((f"a\\{number:02d}.npy", ""))
    with h5py.File(root / "b" / "many.h5", "w") as file:
        file["tracings"] = np.stack([_channels(20 + number).T for number in range(10)]).astype(np.float32)
    rows += [("b/many.h5", str(number)) for number in range(10)]
    for number in range(5):
        write_wfdb(root / "c", f"r{number}", 30 + number, ["Age: 70", "Sex: F", "Dx: 426783006", f"Patient: W{number}"])
        rows.append((str(root / "c" / f"r{number}.hea"), ""))
    frame = pd.DataFrame(rows, columns=["path", "row"])
    number = np.arange(35)
    frame["PID"] = [f"P{n // 2}" for n in number]
    frame["LVEF"] = ["" if n % 5 == 4 else "n/a" if n % 5 == 3 else str(30 + n) for n in number]
    frame["ward"] = [f"ward, {n % 3}" for n in number]
    frame.iloc[::-1].to_csv(root / "list.csv", index=False)
    return root


def _prepare(archive, dest, *more, table_path=None):
    words = ["--source", archive, "--table", table_path or archive / "list.csv", "--dest", dest, "--workers", "1"]
    return table.main([str(word) for word in (*words, *more)])


def _rows(dest):
    return {row.id: (row, name) for name in ("train", "valid", "test") for row in Manifest(dest / f"{name}.tsv")}


@pytest.fixture(scope="module")
def prepared(archive, tmp_path_factory):
    dest = tmp_path_factory.mktemp("prepared")
    only = ["--columns", "file=path,patient=PID,ef=LVEF"]
    lists = pd.read_csv(archive / "list.csv", dtype=str, keep_default_na=False)
    path = dest.parent / "arrays.csv"
    lists[~lists["path"].str.contains("/c/")].to_csv(path, index=False)
    more = ["--label", "lvsd: ef <= 40", "--label", "mid: ef between 41 and 49", "--shares", "0.6,0.2,0.2"]
    return dest, _prepare(archive, dest, *only, *STATED, *more, table_path=path)


def test_rows_of_all_formats_are_found_with_their_leads_and_units(prepared):
    dest, card = prepared
    rows = _rows(dest)
    assert set(rows) == {f"a/{n:02d}.npy" for n in range(20)} | {f"b/many.h5:{n}" for n in range(10)}
    for number in (0, 7, 20, 29):
        row, _ = rows[f"a/{number:02d}.npy" if number < 20 else f"b/many.h5:{number - 20}"]
        stored = Store(dest / "store").read(*row.stored)
        np.testing.assert_allclose(stored, _signal(number), atol=0.5, err_msg="µV, in standard order")
        assert (row.rate, row.patient) == (100.0, f"P{number // 2}")
        assert row.extra["ward"] == f"ward, {number % 3}" and "PID" not in row.extra and "path" not in row.extra
    assert card["counts"]["rejected"] == {} and card["units"] == "mV"


def test_a_number_becomes_a_class_and_no_number_is_unknown(prepared):
    dest, card = prepared
    assert card["classes"] == ["lvsd", "mid"]
    for row, _ in _rows(dest).values():
        number = int(row.id[2:4]) if row.id.startswith("a") else 20 + int(row.id.rpartition(":")[2])
        if number % 5 > 2:
            assert (row.labels, row.unknown) == ((), ("lvsd", "mid"))
        else:
            expected = ("lvsd",) if number <= 10 else ("mid",) if number <= 19 else ()
            assert (row.labels, row.unknown) == (expected, ())
        assert row.extra["ef"] == ("" if number % 5 == 4 else "n/a" if number % 5 == 3 else str(30 + number))
    _, known = label_matrix(Manifest(dest / "train.tsv"), ["lvsd"])
    assert 0 < known.sum() < len(known)


def test_patients_stay_together(prepared):
    homes = {}
    for row, split in _rows(prepared[0]).values():
        assert homes.setdefault(row.patient, split) == split
    assert set(homes.values()) == {"train", "valid", "test"} and "not known" not in prepared[1]["split"]


def test_files_that_say_everything_themselves_need_no_more_than_their_paths(archive, tmp_path, capsys):
    path = tmp_path / "list.csv"
    lines = [f"c/r{number}" for number in range(5)]
    path.write_text("\n".join(["file", *lines]) + "\n")
    card = _prepare(archive, tmp_path / "out", "--classes", "cinc2021", table_path=path)
    rows = [row for row, _ in _rows(tmp_path / "out").values()]
    assert sorted(row.patient for row in rows) == [f"W{n}" for n in range(5)], "the headers' patients"
    assert all(row.labels == ("426783006",) and row.extra["age"] == "70" for row in rows)
    assert all(row.extra["sex"] == "female" and not row.unlabelled for row in rows) and len(card["classes"]) == 26
    assert "no column patient" in capsys.readouterr().out and "not known" not in card["split"]


def test_a_weight_in_kilograms_says_nothing_of_sampling(archive, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("file,weight\n" + "".join(f"a/{n:02d}.npy,{60 + n}\n" for n in range(20)))
    _prepare(archive, tmp_path / "out", *STATED, "--label", "heavy: weight > 70", table_path=path)
    for row, _ in _rows(tmp_path / "out").values():
        kilograms = 60 + int(row.id[2:4])
        assert (row.extra["weight"], row.weight) == (str(kilograms), 1)
        assert row.labels == (("heavy",) if kilograms > 70 else ())


def test_without_any_patient_it_is_said_loudly(archive, tmp_path, capsys):
    path = tmp_path / "list.csv"
    path.write_text("file\n" + "".join(f"a/{number:02d}.npy\n" for number in range(20)))
    card = _prepare(archive, tmp_path / "out", *STATED, table_path=path)
    assert "PATIENTS UNKNOWN: 20 of 20 recordings" in capsys.readouterr().out
    assert "the patient of 20 recordings is not known" in card["split"]
    rows = [row for row, _ in _rows(tmp_path / "out").values()]
    assert all(row.unlabelled and row.patient == row.id for row in rows), "neither table nor file knows anything"


def test_labels_of_the_table_and_rules_are_both_known_as_far_as_they_are(archive, tmp_path):
    path = tmp_path / "list.tsv"
    cells = ["AF;SB", "-", "", "?AF", "SB"] * 4
    split = ["train", "valid", "test", "train", "train"] * 4
    lines = [f"a/{n:02d}.npy\t{cells[n]}\t{split[n]}\t{n if n % 2 else ''}\tx{n}" for n in range(20)]
    path.write_text("\n".join(["file\tlabels\tsplit\tef\tid", *lines]) + "\n")
    card = _prepare(archive, tmp_path / "out", *STATED, "--label", "odd: ef >= 0", table_path=path)
    assert card["classes"] == ["odd", "AF", "SB"] and "the table's own splits" in card["split"]
    rows = _rows(tmp_path / "out")
    for number in range(20):
        row, name = rows[f"x{number}"]
        labels = (("AF", "SB"), (), (), (), ("SB",))[number % 5] + (("odd",) if number % 2 else ())
        unknown = ((), ("AF", "SB"), (), ("AF",), ())[number % 5] + (() if number % 2 else ("odd",))
        assert (set(row.labels), set(row.unknown), row.unlabelled) == (set(labels), set(unknown), False)
        assert name == split[number]


def test_a_class_of_a_rule_is_one_even_where_it_never_applies(archive, tmp_path, capsys):
    path = tmp_path / "list.csv"
    cells = [f"{n},a/{n:02d}.npy,{(50, 999)[n % 2]},{('M', 'female', '1', '')[n % 4]}\n" for n in range(20)]
    path.write_text(",file,ef,sex\n" + "".join(cells))
    more = ["--label", "lvsd: ef < 40", "--missing", "ef=999"]
    card = _prepare(archive, tmp_path / "out", *STATED, *more, table_path=path)
    assert card["classes"] == ["lvsd"]
    assert sum(row.unknown == ("lvsd",) for row, _ in _rows(tmp_path / "out").values()) == 10
    assert all(row.extra["ef"] == ("" if int(row.id[2:4]) % 2 else "50") for row, _ in _rows(tmp_path / "out").values())
    assert all(row.extra["unnamed"] == str(int(row.id[2:4])) for row, _ in _rows(tmp_path / "out").values())
    sexes = {row.id: row.extra["sex"] for row, _ in _rows(tmp_path / "out").values()}
    assert [sexes[f"a/{n:02d}.npy"] for n in range(4)] == ["male", "female", "1", ""], "what 1 means nobody told"
    out = capsys.readouterr().out
    assert "ef: from 50 to 50; unknown: 0 empty, 10 missing, 0" in out and "lvsd 0 positive, 10 negative" in out
    assert "DOUBT: ef: lvsd applies to none of 10 numbers" in out


def test_what_stands_for_a_missing_number_stays_missing_for_every_other_rule(archive, tmp_path, capsys):
    """Beside the same table with empty cells: no rule that is made of the manifest later may tell the two apart."""
    found = []
    for name, nothing, more in (
        ("told", "-9", ["--missing", "k=-9", "--label", "high: k > 5 missing 99"]),
        ("empty", "", ["--label", "high: k > 5"]),
    ):
        path = tmp_path / f"{name}.csv"
        cells = [(nothing, "3.9", "5.5")[n % 3] for n in range(20)]
        cells[4] = "99" if name == "told" else ""
        path.write_text("file,k,other\n" + "".join(f"a/{n:02d}.npy,{cell},-9\n" for n, cell in enumerate(cells)))
        _prepare(archive, tmp_path / name, *STATED, *more, table_path=path)
        manifests = [Manifest(tmp_path / name / f"{split}.tsv") for split in ("train", "valid", "test")]
        found.append([[part.tolist() for part in label_matrix(one, ["low: k < 4", "high"])] for one in manifests])
        assert {cell for one in manifests for cell in one.column("k")} == {"", "3.9", "5.5"}
        assert {cell for one in manifests for cell in one.column("other")} == {"-9"}
        assert "DOUBT" not in capsys.readouterr().out
    assert found[0] == found[1] and sum(sum(map(any, known)) for _, known in found[0]) == 12


def test_ejection_fractions_as_fractions_are_refused_and_some_are_doubted(archive, tmp_path, capsys):
    path = tmp_path / "list.csv"
    path.write_text("file,LVEF\n" + "".join(f"a/{n:02d}.npy,0.{20 + 2 * n}\n" for n in range(20)))
    with pytest.raises(ValueError, match=r"column LVEF must hold ejection fractions from 5 to 90"):
        _prepare(archive, tmp_path / "out", *STATED, "--label", "lvsd: LVEF < 40", table_path=path)
    cells = ["0", "0.35", "35%", *(str(20 + 2 * n) for n in range(17))]
    path.write_text("file,LVEF\n" + "".join(f"a/{n:02d}.npy,{cell}\n" for n, cell in enumerate(cells)))
    _prepare(archive, tmp_path / "out", *STATED, "--label", "lvsd: LVEF < 40", table_path=path)
    out = capsys.readouterr().out
    assert "DOUBT: LVEF: 2 of 19 numbers are not from 5 to 90" in out and "such as '35%': unknown" in out
    unknown = {row.id for row, _ in _rows(tmp_path / "out").values() if row.unknown}
    assert unknown == {"a/00.npy", "a/01.npy", "a/02.npy"}


def test_a_missing_file_is_a_reject_and_numbers_without_a_unit_are_kept_as_they_are(archive, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("file\n" + "".join(f"a/{n:02d}.npy\n" for n in range(15, 21)))  # there is no 20
    more = ["--files-rate", "100", "--files-leads", ",".join(ORDER), "--not-calibrated"]
    card = _prepare(archive, tmp_path / "out", *more, table_path=path)
    assert card["counts"]["rejected"] == {"missing": 1} and "a/20.npy" in (tmp_path / "out/rejected.tsv").read_text()
    assert card["units"] == "as given, not calibrated" and card["counts"]["recordings"] == 5, "±20 mV is no bound"


@pytest.mark.parametrize(
    ("text", "more", "message"),
    [
        ("path\na\n", [], r"table must have a column file, or --columns file=NAME .*got path \("),
        (
            "file,rate\na,1\n",
            [],
            r"columns must have names of their own, .*got 'rate' .*--columns new=rate renames it",
        ),
        ("file,sampling_weight\na,1\n", [], r"names of their own, .*got 'sampling_weight'"),
        ("file,waveform\na,1\n", [], r"names of their own, .*got 'waveform'"),
        ("file,source\na,1\n", [], r"names of their own, .*got 'source' .*--columns new=source .*department=source"),
        ("file,derived\na,1\n", [], r"names of their own, .*got 'derived'"),
        ("file,a,a\na,1,1\n", [], r"columns must differ in name, got file, a, a"),
        ("file,a\na,1\n", ["--columns", "a=b"], r"columns must be in the table, no b \(--columns\), got file, a"),
        ("file,a\na,1\n", ["--columns", "file=a"], r"names of their own, got 'file' twice"),
        (
            "file\n/etc/passwd\n",
            [],
            r"file must be a path inside the source's folder, got '/etc/passwd'.*column file\)",
        ),
        ("file\na/../../x\n", [], r"file must be a path inside .*got 'a/\.\./\.\./x'.*row 2, column file\)"),
        ("file\n..\\x\n", [], r"file must be a path inside .*got '\.\./x'"),
        ("file\nC:\\x\n", [], r"file must be a path inside .*got 'C:/x'"),
        ("file,id\n,x\n", [], r"file must be a path inside .*got ''.*row 2"),
        ("file\na\n./a\n", [], r"a recording must be listed once, got a in row 2 already \(.*row 3\)"),
        ("file,row\na,-1\n", [], r"row must be a whole number from 0, or empty, got '-1' \(.*column row\)"),
        ("file,row\na,1.0\n", [], r"row must be a whole number"),
        ("file,split\na,val\n", [], r"split must be one of train, valid, test, got 'val' \(.*column split\)"),
        (
            "file,patient,split\na,p,train\nb,p,test\n",
            [],
            r"patient p must be in one split, got test and, in row 2, train \(.*row 3\)",
        ),
        ("file\na\n", ["--label", "x: ef < 1"], r"column of a rule must be in the table, no ef \(--label\), got file"),
        ("file,ef\na,\n", ["--label", "x: ef < 1"], r"column ef must hold numbers, got none; unknown: 1 empty"),
        ("file,ef,labels\na,1,x\n", ["--label", "x: ef < 1"], r"class of a rule must not be among the labels, got x"),
        ("file,ef\na,1\n", ["--missing", "ef=1"], r"missing must be a number of a column of --label, got ef=1"),
    ],
)
def test_a_bad_table_is_refused_before_anything_is_read(tmp_path, text, more, message):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        _prepare(tmp_path, tmp_path / "out", *more, table_path=tmp_path / "list.csv")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--label", "lvsd: ef <= forty"], "rule must be NAME: COLUMN OPERATOR NUMBER"),
        (["--files-leads", "I,II,I"], "must be 12 or different names of leads in the files' order"),
        (["--files-leads", "I,pulse"], "must be 12 or different names"),
        (["--columns", "file"], "must be NAME=TEXT, separated by commas"),
        (["--files-unit", "cm"], "invalid choice"),
    ],
)
def test_wrong_options_are_refused(archive, tmp_path, capsys, more, message):
    with pytest.raises(SystemExit):
        _prepare(archive, tmp_path / "out", *more)
    assert message in capsys.readouterr().err


def test_the_command_runs(archive, tmp_path):
    words = ["--source", archive, "--table", archive / "list.csv", "--dest", tmp_path / "out", "--workers", "1"]
    words += ["--columns", "file=path,patient=PID,ef=LVEF", "--label", "lvsd: ef <= 40"]
    command = [sys.executable, "-m", "manifests.table", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "lvsd 7 positive, 14 negative" in done.stdout
    assert "30 unreadable" in done.stdout, "arrays whose rate, leads and unit nobody told"


def test_rows_that_count_from_1_and_ids_that_are_not_the_files_are_refused(tmp_path, capsys):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["tracings"] = np.stack([_channels(number).T for number in range(12)]).astype(np.float32)
        file["exam_id"] = np.arange(12) + 100
    path = tmp_path / "list.csv"
    path.write_text("file,row\n" + "".join(f"x.h5,{row}\n" for row in range(1, 13)))
    with pytest.raises(ValueError, match=r"rows must count from 0, got row 12 of .*x\.h5, which has 12 \(0 to 11\)"):
        _prepare(tmp_path, tmp_path / "out", *STATED, table_path=path)
    path.write_text("file,row,id\n" + "".join(f"x.h5,{row},{111 - row}\n" for row in range(12)))
    with pytest.raises(ValueError, match=r"the file calls row 0 exam 100, the table 111; rows count from 0"):
        _prepare(tmp_path, tmp_path / "out", *STATED, table_path=path)
    path.write_text("file,row,id\n" + "".join(f"x.h5,{row},{'z' * (row == 3) or 100 + row}\n" for row in range(12)))
    _prepare(tmp_path, tmp_path / "out", *STATED, table_path=path)
    assert "got others in 1 of 12 rows: the file calls row 3 exam 103, the table z" in capsys.readouterr().out


def test_what_files_say_themselves_is_believed_beside_files_that_say_nothing(archive, tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "file\n" + "".join(f"c/r{n}.hea\n" for n in range(5)) + "".join(f"a/{n:02d}.npy\n" for n in range(5))
    )
    card = _prepare(archive, tmp_path / "out", *STATED[2:], "--files-rate", "250", table_path=path)
    assert card["counts"]["rejected"] == {}
    rates = {row.id[0]: row.rate for row, _ in _rows(tmp_path / "out").values()}
    assert rates == {"a": 250.0, "c": 100.0}, "100 Hz is what the headers say"


def test_strangers_whose_ids_are_patients_of_others_are_counted_as_unknown(archive, tmp_path, capsys):
    path = tmp_path / "list.csv"
    cells = [f"a/{n:02d}.npy,{n},{n - 10 if n > 9 else ''}" for n in range(20)]
    path.write_text("\n".join(["file,id,patient", *cells]))
    _prepare(archive, tmp_path / "out", *STATED, table_path=path)
    assert "PATIENTS UNKNOWN: 10 of 20" in capsys.readouterr().out
    assert len({row.patient for row, _ in _rows(tmp_path / "out").values()}) == 20


def test_files_that_say_too_little_name_the_options_and_the_corrected_command_needs_no_other_place(archive, tmp_path):
    rows = pd.read_csv(archive / "list.csv", dtype=str, keep_default_na=False)
    rows[rows["path"].str.endswith(".npy")].to_csv(tmp_path / "arrays.csv", index=False)
    choices = ("--columns", "file=path,patient=PID")
    told = r"got none of 20; .* or passed, got no rate .*; here by --files-rate, --files-leads and --files-unit"
    with pytest.raises(ValueError, match=told):
        _prepare(archive, tmp_path / "out", *choices, table_path=tmp_path / "arrays.csv")
    assert (tmp_path / "out" / "rejected.tsv").is_file()
    card = _prepare(archive, tmp_path / "out", *choices, *STATED, table_path=tmp_path / "arrays.csv")
    assert card["counts"]["recordings"] == 20 and card["counts"]["rejected"] == {}
    with pytest.raises(ValueError, match="--overwrite discards it"):  # as it holds something now
        _prepare(archive, tmp_path / "out", *choices, table_path=tmp_path / "arrays.csv")
