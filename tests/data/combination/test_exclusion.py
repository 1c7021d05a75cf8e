"""Who is taken out of training by a list, as a manifest and as text."""

import pytest

from fairseq_signals.data.combination.combine import combine
from fairseq_signals.data.manifest import Manifest


@pytest.fixture
def hospitals(prepared, made):
    """Two hospitals with a patient 17 each, who are two people."""
    a = [
        made("t", "17", "test", wave=5),
        made("x", "1", wave=1),
        made("y", "1", wave=2),
        made("z", "3", "valid", wave=3),
    ]
    b = [made("u", "17", wave=6), made("v", "4", wave=7), made("x", "2", wave=8)]
    return prepared("a", a), prepared("b", b)


@pytest.fixture
def copies(prepared, made):
    """A third place, whose patient 99 is a's patient 17: `c` is a copy of a's test recording."""
    return prepared("c", [made("c", "99", wave=5), made("d", "99", wave=9), made("e", "98", wave=10)])


def _left(folder):
    return {name: Manifest(folder / f"{name}.tsv").column("id") for name in ("train", "valid", "test", "pretrain")}


def _excluded(folder, here=True):
    cells = (line.split("\t") for line in (folder / "excluded.tsv").read_text().splitlines()[1:])
    return {one: reason for one, reason in cells if reason.endswith(": not here") != here}


def test_a_manifest_excludes_its_people_wherever_they_are(hospitals, copies, plan, tmp_path):
    card = combine(plan(*hospitals, copies, exclude=(hospitals[0].folder / "test.tsv",)), tmp_path / "all")
    trained_on = ["a/x", "a/y", "b/u", "b/v", "b/x", "c/e"]
    assert _left(tmp_path / "all") == {"train": trained_on, "valid": ["a/z"], "test": ["a/t"], "pretrain": trained_on}
    assert _excluded(tmp_path / "all") == {"c/c": "a/test.tsv: patient", "c/d": "a/test.tsv: patient"}
    assert card["parts"][2]["taken out"] == {"a/test.tsv: patient": {"train": 2, "pretrain": 2}}
    assert card["parts"][2]["offered"]["train"] == 3 and card["parts"][2]["kept"] == {"train": 1, "pretrain": 1}


def test_a_manifest_of_a_folder_that_is_no_source_works_by_patient_and_waveform(
    hospitals, prepared, made, plan, tmp_path
):
    """The same data set prepared elsewhere: its ids mean nothing here, its patients and waveforms do."""
    other = prepared("elsewhere", [made("y", "3", wave=91), made("v", "9", wave=1)], source="A!")
    card = combine(plan(*hospitals, exclude=(other.folder / "train.tsv",)), tmp_path / "all")
    assert _left(tmp_path / "all")["train"] == ["b/u", "b/v", "b/x"] and _left(tmp_path / "all")["valid"] == []
    assert card["parts"][0]["taken out"] == {"elsewhere/train.tsv: patient": {"train": 2, "pretrain": 2, "valid": 1}}


def test_people_whom_no_source_has_exclude_nobody_and_a_slip_is_an_error(
    hospitals, prepared, made, plan, tmp_path, capsys
):
    other = prepared("elsewhere", [made("x", "17", wave=92)], source="hospital C")
    combine(plan(hospitals[0], exclude=(other.folder / "train.tsv",)), tmp_path / "all")
    assert "0 of 1 patients, 0 of 1 waveforms occur here, 0 recordings taken out" in capsys.readouterr().out
    theirs = prepared("theirs", [made("x", "170", wave=93)], source="a")
    with pytest.raises(ValueError, match=r"must name somebody who is here, got 2 entries .* such as a/170"):
        combine(plan(hospitals[0], exclude=(theirs.folder / "train.tsv",)), tmp_path / "other")


@pytest.mark.parametrize(
    ("line", "gone"),
    [
        ("a/x", {"a/x": "recording"}),
        ("z  # found by its id alone", {"a/z": "recording"}),
        ("patient:a/1", {"a/x": "patient", "a/y": "patient"}),
        ("waveform:0000000000000003", {"a/z": "waveform"}),
        ("waveform:000000000000000A", {"c/e": "waveform"}),
    ],
)
def test_a_line_of_text_excludes_a_recording_a_person_or_a_waveform(hospitals, copies, plan, tmp_path, line, gone):
    (tmp_path / "out.txt").write_text(f"# not these\n\n{line}\npatient:c/99\nc/nobody\n")
    combine(plan(*hospitals, copies, exclude=(tmp_path / "out.txt",)), tmp_path / "all")
    gone = gone | {"c/c": "patient", "c/d": "patient"}
    assert _excluded(tmp_path / "all") == {one: f"{tmp_path.name}/out.txt: {how}" for one, how in gone.items()}
    everybody = ["a/x", "a/y", "b/u", "b/v", "b/x", "c/c", "c/d", "c/e"]
    left = _left(tmp_path / "all")
    assert left["train"] == left["pretrain"] == [one for one in everybody if one not in gone]
    assert left["valid"] == ["a/z"] * ("a/z" not in gone) and left["test"] == ["a/t"]


def test_an_excluded_recording_takes_its_copies_with_it_and_not_its_person(prepared, made, plan, tmp_path):
    first = prepared("first", [made("x", "1", wave=1), made("y", "1", wave=2)])
    second = prepared("second", [made("p", "7", wave=1), made("q", "7", wave=3)])
    (tmp_path / "out.txt").write_text("first/x\n")
    combine(plan(first, second, exclude=(tmp_path / "out.txt",)), tmp_path / "all")
    assert _left(tmp_path / "all")["train"] == ["first/y", "second/q"]
    out = f"{tmp_path.name}/out.txt"
    assert _excluded(tmp_path / "all") == {"first/x": f"{out}: recording", "second/p": f"{out}: waveform"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "list to exclude must name somebody, got no line that does"),
        ("x\n", "id must name one recording, got 'x', which could be a/x, b/x"),
        (
            "a/nobody\n",
            r"got 1 entries that match nothing, such as a/nobody .*ids here look like a/x, patients like a/1",
        ),
        (
            "patient:17\n",
            r"must be patient:<namespace>/<patient>, such as patient:a/17 .*here a, b.* got patient:17 .*line 1",
        ),
        ("patient:/17\n", r"must be patient:<namespace>/<patient>, .* got patient:/17 .*line 1"),
        ("waveform:12\n", r"waveform must be 16 hexadecimal digits, got '12' .*line 1"),
        ("waveform:\n", r"waveform must be 16 hexadecimal digits, got '' .*line 1"),
        ("id,reason\na/x,bad\n", r"line must be one id, patient:… or waveform:…, got 'id,reason'.*line 1"),
    ],
)
def test_a_slip_in_a_list_is_an_error_and_not_an_empty_exclusion(hospitals, plan, tmp_path, text, message):
    (tmp_path / "out.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        combine(plan(*hospitals, exclude=(tmp_path / "out.txt",)), tmp_path / "all")
    assert not (tmp_path / "all").exists()
    with pytest.raises(FileNotFoundError, match=r"must be a file, got none at .*gone.txt"):
        combine(plan(*hospitals, exclude=(tmp_path / "gone.txt",)), tmp_path / "all")


def test_a_manifest_without_waveforms_or_source_is_refused(hospitals, plan, tmp_path):
    lines = (hospitals[0].folder / "test.tsv").read_text().splitlines()
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "test.tsv").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"must have the column waveform, and a dataset.yaml beside it"):
        combine(plan(*hospitals, exclude=(tmp_path / "bare" / "test.tsv",)), tmp_path / "all")


def test_entries_that_match_nobody_are_listed_and_most_of_them_are_loud(hospitals, plan, tmp_path, capsys):
    wrong = ["nobody", "a/x.dat", "patient:A/1", "waveform:00000000000000ff"]
    (tmp_path / "out.txt").write_text("\n".join(["a/x", "b/v", *wrong]))
    card = combine(plan(*hospitals, exclude=(tmp_path / "out.txt",)), tmp_path / "all")
    name = f"{tmp_path.name}/out.txt"
    assert _excluded(tmp_path / "all", here=False) == dict.fromkeys(wrong, f"{name}: not here")
    assert _excluded(tmp_path / "all") == {"a/x": f"{name}: recording", "b/v": f"{name}: recording"}
    line = f"{name}: only 2 of 6 entries match (the others are in excluded.tsv)"
    assert card["checks"] == [line] and f"\ncheck: {line}\n" in capsys.readouterr().out
    (tmp_path / "half.txt").write_text("\n".join(["a/x", "b/v", *wrong[:2]]))
    card = combine(plan(*hospitals, exclude=(tmp_path / "half.txt",)), tmp_path / "half")
    assert card["checks"] == [] and len(_excluded(tmp_path / "half", here=False)) == 2


def test_a_list_of_people_who_could_be_in_a_part_unseen_is_loud(hospitals, prepared, made, plan, tmp_path):
    """Of the part `u` nobody knows the patients; of `v`, where they are not known either, one is found by a copy."""
    unsure = prepared("u", [made("p", "p", wave=11), made("q", "q", wave=12)])
    found = prepared("v", [made("p", "p", wave=5), made("q", "q", wave=13)])
    card = combine(plan(*hospitals, unsure, found, exclude=(hospitals[0].folder / "test.tsv",)), tmp_path / "all")
    (line,) = card["checks"]
    assert line.startswith("a/test.tsv: nobody matches in u, where patients are not all known: people of the list")
    assert _excluded(tmp_path / "all") == {"v/p": "a/test.tsv: patient"}
    (tmp_path / "out.txt").write_text("a/x\n")  # no people: nothing that could be missed
    assert combine(plan(*hospitals, unsure, exclude=(tmp_path / "out.txt",)), tmp_path / "ids")["checks"] == []


def test_of_a_manifest_the_people_who_are_not_here_are_listed(hospitals, prepared, made, plan, tmp_path):
    """A copy of the data set elsewhere: one patient is found by name, one by a waveform, three are nowhere."""
    rows = [made("k", "3", wave=91), made("l", "70", wave=1), made("k2", "71"), made("k3", "72"), made("k4", "73")]
    other = prepared("elsewhere", [*rows, made("k5", "73")], source="a")
    card = combine(plan(hospitals[0], exclude=(other.folder / "train.tsv",)), tmp_path / "all")
    assert card["checks"] == ["elsewhere/train.tsv: only 2 of 5 entries match (the others are in excluded.tsv)"]
    missing = dict.fromkeys(["patient:a/71", "patient:a/72", "patient:a/73"], "elsewhere/train.tsv: not here")
    assert _excluded(tmp_path / "all", here=False) == missing
