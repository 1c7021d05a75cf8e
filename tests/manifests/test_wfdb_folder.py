import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fairseq_signals.data.card import read_card, verify
from fairseq_signals.data.combination.combine import combine
from fairseq_signals.data.combination.plan import Combination, part_of_text
from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.preparation import Work
from fairseq_signals.data.store import Store
from manifests import wfdb_folder
from manifests.label_maps import meanings_of
from manifests.parts.options import run

ROOT = Path(__file__).resolve().parents[2]
AF, SR, LBBB = "164889003", "426783006", "733534002|164909002"


@pytest.fixture(scope="module")
def archive(tmp_path_factory, write_wfdb):
    """60 recordings of 30 patients in two subfolders; AF, LBBB and sinus rhythm in the headers."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(60):
        patient = number // 2
        codes = (["164889003"], ["426783006"], ["426783006", "164909002", "55555"], ["Unknown"])[patient % 4]
        comments = [f"Age: {40 + patient}", f"Sex: {'Female' if patient % 2 else 'M'}", f"Dx: {','.join(codes)}"]
        folder_name, stay = ("one", "two")[number % 2], f"Ward: W{patient % 3}"
        write_wfdb(folder / folder_name, f"r{number:02d}", number, [*comments, f"Patient: P{patient}", stay])
    return folder


def _main(archive, dest, *more):
    return wfdb_folder.main(["--source", str(archive), "--dest", str(dest), "--workers", "1", *map(str, more)])


def _rows(dest):
    return {row.id: (row, name) for name in ("train", "valid", "test") for row in Manifest(dest / f"{name}.tsv")}


def test_labels_patients_and_columns_come_from_the_headers(archive, tmp_path, write_wfdb):
    card = _main(archive, tmp_path, "--name", "archive", "--version", "7")
    rows = _rows(tmp_path)
    assert len(rows) == 60 and (card["source"], card["version"], len(card["classes"])) == ("archive", "7", 26)
    for number in range(60):
        patient = number // 2
        row, _ = rows[f"{('one', 'two')[number % 2]}/r{number:02d}"]
        assert row.patient == f"P{patient}"
        assert row.labels == ((AF,), (SR,), (SR, LBBB), ())[patient % 4]
        assert row.unlabelled == (patient % 4 == 3), "no diagnosis is not: none of the classes"
        assert len(row.extra.pop("waveform")) == 16
        assert row.extra == {
            "age": str(40 + patient),
            "sex": "female" if patient % 2 else "male",
            "folder": ("one", "two")[number % 2],
        }
    expected = write_wfdb(tmp_path / "again", "r07", 7)
    stored = Store(tmp_path / "store").read(*rows["two/r07"][0].stored)
    np.testing.assert_array_equal(stored, expected)
    labels, known = label_matrix(Manifest(tmp_path / "train.tsv"), [AF])
    assert labels.shape == known.shape == (len(Manifest(tmp_path / "train.tsv")), 1)


def test_patients_stay_together_and_pairs_come_from_their_own_split(archive, tmp_path):
    card = _main(archive, tmp_path, "--shares", "0.6,0.2,0.2")
    homes = {}
    for row, name in _rows(tmp_path).values():
        assert homes.setdefault(row.patient, name) == name
    assert card["counts"]["rows"]["train"] == 36
    assert card["counts"]["rows"]["test"] == 2 * card["counts"]["rows"]["gallery"] == 12
    for pair, split in (("gallery", "test"), ("probe", "test"), ("valid_gallery", "valid"), ("valid_probe", "valid")):
        rows = list(Manifest(tmp_path / f"{pair}.tsv"))
        assert rows and all(homes[row.patient] == split and row.length == 500 for row in rows)


@pytest.mark.parametrize(("rule", "number"), [("comment:ward", 3), ("comment:WARD", 3), ("folder", 2), ("none", 60)])
def test_patients_by_another_rule(archive, tmp_path, rule, number):
    assert _main(archive, tmp_path, "--patient-from", rule)["counts"]["patients"] == number
    expected = {
        "comment:ward": lambda n: f"W{n // 2 % 3}",
        "comment:WARD": lambda n: f"W{n // 2 % 3}",
        "folder": lambda n: ("one", "two")[n % 2],
        "none": lambda n: f"{('one', 'two')[n % 2]}/r{n:02d}",
    }[rule]
    for row, _ in _rows(tmp_path).values():
        assert row.patient == expected(int(row.id[-2:]))


def test_without_a_second_recording_there_are_no_pairs_and_it_is_said(archive, tmp_path, capsys):
    card = _main(archive, tmp_path, "--patient-from", "none")
    assert not (tmp_path / "gallery.tsv").exists() and "no patient has two recordings" in card["split"]
    assert "check: no pairs for identification: no patient of test or valid has two" in capsys.readouterr().out


def test_a_table_brings_labels_patients_splits_and_columns(archive, tmp_path):
    table = tmp_path / "labels.csv"
    lines = [
        f"r{n:02d},Q{n // 4},{'X' if n % 8 < 4 else ''},{('train', 'train', 'test')[n // 4 % 3]},{n}" for n in range(59)
    ]
    table.write_text("\n".join(["id,patient,labels,split,ef", *lines, "ghost,G,X,train,0"]) + "\n")
    card = _main(archive, tmp_path / "out", "--labels", table, "--classes", "all")
    rows = _rows(tmp_path / "out")
    assert card["classes"] == ["X"] and len(rows) == 59 and "the table's own splits" in card["split"]
    for number in range(59):
        row, split = rows[f"{('one', 'two')[number % 2]}/r{number:02d}"]
        assert (row.patient, row.labels, row.unlabelled) == (f"Q{number // 4}", ("X",) if number % 8 < 4 else (), False)
        assert split == ("train", "train", "test")[number // 4 % 3]
        assert row.extra["ef"] == str(number) and row.extra["age"] == str(40 + number // 2)
    assert card["counts"]["rejected"] == {"missing": 1, "unlisted": 1}


def test_equal_signals_stay_in_one_split(tmp_path, write_wfdb):
    for number in range(40):
        write_wfdb(tmp_path / "in", f"r{number:02d}", number // 2, ["Dx: 426783006"])
    card = _main(tmp_path / "in", tmp_path / "out")
    assert card["counts"]["same signal as another"] == 20 and card["counts"]["patients"] == 40
    splits = [_rows(tmp_path / "out")[f"r{number:02d}"][1] for number in range(40)]
    assert splits[::2] == splits[1::2] and set(splits) == {"train", "valid", "test"}


def test_a_hospital_prepared_from_two_layouts_has_the_same_patients(archive, tmp_path):
    """Each patient has one recording in either folder; of one folder the recordings lie at the top."""
    shutil.copytree(archive / "two", tmp_path / "again" / "two")
    for name, source, seed in (("a", archive / "one", 1), ("b", tmp_path / "again", 2)):
        _main(source, tmp_path / name, "--name", "Hospital", "--seed", seed, "--classes", "all")
    parts = tuple(part_of_text(str(tmp_path / name)) for name in "ab")
    with pytest.raises(ValueError, match=r"patient must be in one list only, got 'hospital/P\d+' in train"):
        combine(Combination(parts), tmp_path / "all", Work(), meanings_of())


def test_segments_of_a_longer_record_are_no_records_of_their_own(tmp_path, write_wfdb):
    for name in ("long_1", "long_2", "single"):
        write_wfdb(tmp_path, name, 0)
    (tmp_path / "long.hea").write_text("long/2 12 100 1200\nlong_1 600\nlong_2 600\n")
    assert [item.file for item in wfdb_folder.find_items(tmp_path)] == ["long.hea", "single.hea"]


def test_wrong_options_end_in_one_paragraph(archive, tmp_path, capsys):
    cases = [
        (["--source", str(tmp_path / "none")], "source must be a folder, got"),
        (["--source", str(tmp_path)], "source must hold WFDB records"),
        (["--classes", "nothing"], "classes must occur among the labels"),
        (["--leads", "I,V9"], "leads must be one of the sets"),
        (["--workers", "0"], "workers must be at least 1"),
        (["--pair-seconds", "0"], "length of crops must be positive"),
        (["--patient-from", "table"], "table must have a column patient"),
        (["--labels", str(tmp_path / "none.csv")], "table none.csv must be a file"),
    ]
    for number, (more, message) in enumerate(cases):
        with pytest.raises(SystemExit) as caught:
            run(lambda more=more, number=number: _main(archive, tmp_path / f"out{number}", *more))
        assert str(caught.value).startswith(f"error: {message}") and "\n" not in str(caught.value)
    for more in (["--shares", "1,1,1"], ["--patient-from", "nobody"]):
        with pytest.raises(SystemExit):
            _main(archive, tmp_path, *more)
        assert "must be" in capsys.readouterr().err


def _command(archive, dest, workers):
    options = {"source": archive, "dest": dest, "workers": workers, "per-shard": 4, "classes": "all"}
    words = [f"--{name}={value}" for name, value in options.items()]
    return [sys.executable, "-m", "manifests.wfdb_folder", *words]


def _digests(dest):
    assert verify(dest, progress=False) > 10
    return read_card(dest), sorted(path.relative_to(dest).as_posix() for path in dest.rglob("*"))


@pytest.mark.slow
def test_killed_at_arbitrary_moments_it_ends_with_the_same_digests(archive, tmp_path):
    """SIGKILL to the real command once it has made so many files, again and again, then a run to the end."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    whole = tmp_path / "whole"
    subprocess.run(_command(archive, whole, 1), cwd=ROOT, env=environment, check=True, capture_output=True)
    dest, kills = tmp_path / "killed", 0
    for turn, n_files in enumerate((0, 2, 5, 11, 17, 24, 36, 42)):
        command = _command(archive, dest, workers=1 + turn % 2)
        with open(tmp_path / "log", "w") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
            while process.poll() is None and len(list(dest.rglob("*"))) <= n_files:
                time.sleep(0.0005)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            process.wait()
    assert kills >= 5, "the run must have been hit in the middle"
    subprocess.run(_command(archive, dest, 2), cwd=ROOT, env=environment, check=True, capture_output=True)
    assert _digests(dest) == _digests(whole)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are counted through /proc")
def test_workers_of_a_killed_run_leave_soon(archive, tmp_path):
    environment = os.environ | {"PREPARATION_TEST": str(tmp_path)}
    process = subprocess.Popen(
        _command(archive, tmp_path / "out", 2), cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not list(tmp_path.rglob("shard-*")):
        time.sleep(0.001)
    assert len(_processes(tmp_path)) > 1
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for _ in range(200):
        if not _processes(tmp_path):
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {_processes(tmp_path)}")


def _processes(mark: Path) -> list[str]:
    """Numbers of the processes in whose environment the test's folder stands."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"PREPARATION_TEST={mark}".encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


@pytest.mark.real
def test_the_mixed_records_of_the_challenge(real_ecgs, tmp_path):
    source = real_ecgs("cinc2021") / "cinc2021-mixed"
    card = _main(source, tmp_path, "--rate", "500")
    assert (card["counts"]["offered"], card["counts"]["recordings"], card["rate"]) == (221, 216, 500.0)
    assert card["counts"]["rejected"] == {"wrong unit": 5}  # the legacy headers
    assert card["counts"]["same signal as another"] == 1  # E07509 and E07510
    rows = _rows(tmp_path)
    assert rows["georgia/E07509"][1] == rows["georgia/E07510"][1]
    carried = {code for row, _ in rows.values() for code in row.labels}
    assert len(carried) == 23  # 25 with the legacy headers


def test_words_that_say_nothing_are_neither_patients_nor_codes(tmp_path, write_wfdb):
    words = ["nan", "NA", "Anonymous", "null"]
    for number in range(8):
        word = words[number % 4]
        write_wfdb(
            tmp_path / "in", f"r{number}", number, [f"Dx: {word if number < 4 else '55555'}", f"Patient: {word}"]
        )
    card = _main(tmp_path / "in", tmp_path / "out", "--classes", "all")
    rows = [row for row, _ in _rows(tmp_path / "out").values()]
    assert all(row.patient == row.id for row in rows) and card["counts"]["patients"] == 8
    assert sum(row.unlabelled for row in rows) == 4 and card["classes"] == ["55555"]


def test_unknown_patients_are_said_loudly_and_a_comment_that_nobody_has_is_refused(tmp_path, write_wfdb, capsys):
    for number in range(8):
        told = [f"MRN: {number}"] if number < 5 else []
        write_wfdb(tmp_path / "in", f"r{number}", number, ["Dx: 426783006", "Age: 50", *told])
    card = _main(tmp_path / "in", tmp_path / "none")
    assert "PATIENTS UNKNOWN: 8 of 8 recordings are split by recording" in capsys.readouterr().out
    assert card["split"].startswith("by recording, stratified") and "by patient" not in card["split"]
    card = _main(tmp_path / "in", tmp_path / "some", "--patient-from", "comment:MRN")
    assert "PATIENTS UNKNOWN: 3 of 8" in capsys.readouterr().out and card["split"].startswith("by patient")
    with pytest.raises(
        ValueError, match=r"comment:ward must be a comment .*got comments age, dx, mrn \(--patient-from"
    ):
        _main(tmp_path / "in", tmp_path / "ward", "--patient-from", "comment:ward")


def test_classes_of_the_challenge_that_nobody_has_are_unknown_unless_they_were_looked_for(archive, tmp_path, capsys):
    card = _main(archive, tmp_path / "a")
    assert set(card["unannotated"]) == set(card["classes"]) - {AF, SR, LBBB} and len(card["unannotated"]) == 23
    out = capsys.readouterr().out
    assert "classes that no recording has: 23 of 26" in out and "these 23 are unknown everywhere" in out
    assert not label_matrix(Manifest(tmp_path / "a" / "train.tsv"), card["unannotated"])[1].any()
    assert _main(archive, tmp_path / "b", "--unannotated", "none")["unannotated"] == []
    assert _main(archive, tmp_path / "c", "--unannotated", "164890007")["unannotated"] == ["164890007"]
    assert _main(archive, tmp_path / "d", "--classes", f"{AF},X")["unannotated"] == [], "somebody chose X"


def test_records_behind_links_and_in_upper_case_are_found_and_lonely_signals_are_rejects(tmp_path, write_wfdb):
    source = tmp_path / "in"
    for number in range(6):
        write_wfdb(source / "a", f"r{number}", number, ["Dx: 426783006"])
        write_wfdb(tmp_path / "else", f"s{number}", 10 + number, ["Dx: 426783006"])
    (source / "b").symlink_to(tmp_path / "else")
    (source / "a" / "r0.hea").unlink()
    (source / "a" / "r1.hea").rename(source / "a" / "r1.HEA")
    card = _main(source, tmp_path / "out")
    assert set(_rows(tmp_path / "out")) == {f"a/r{n}" for n in range(1, 6)} | {f"b/s{n}" for n in range(6)}
    assert card["counts"]["rejected"] == {"missing": 1}
    assert "a/r0.dat" in (tmp_path / "out" / "rejected.tsv").read_text()


def test_strangers_are_not_those_whom_a_comment_calls_by_their_recordings_names(tmp_path, write_wfdb):
    for number in range(8):
        told = [f"MRN: r{number - 4}"] if number > 3 else []
        write_wfdb(tmp_path / "in", f"r{number}", number, ["Dx: 426783006", *told])
    assert _main(tmp_path / "in", tmp_path / "out", "--patient-from", "comment:MRN")["counts"]["patients"] == 8
