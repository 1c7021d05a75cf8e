import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest

from fairseq_signals.data.card import write_card
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, label_matrix, write_manifest
from fairseq_signals.data.row import Row

HEADER = "id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels"
ROW = Row("r1", "shard-00000:7", 0, 5000, 500.0, STANDARD_LEADS, "p1", ("AF", "164889003"), ("SB",))


def _manifest(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "train.tsv"
    path.write_text("\n".join((header, *lines)) + "\n", encoding="utf-8")
    return path


def _card(folder: Path, classes, unannotated=()):
    card = {"source": "s", "version": None, "counts": {}, "classes": list(classes), "rate": None, "split": "-"}
    write_card(folder, card | {"unannotated": list(unannotated)}, [])


def test_rows_read_back_as_they_were_written(tmp_path):
    rows = [
        dataclasses.replace(ROW, extra={"age": "71", "report": 'a "quoted" report, é'}),
        Row("r 2", "deep/er/file.hea:1", 3, 1, 257.5, ("I", "V6"), "r 2", extra={"age": "", "report": ""}),
        Row("r3", "s:0", 0, 9, 1e-3, ("II",), "p1", unlabelled=True, extra={"age": "", "report": "x"}),
    ]
    assert write_manifest(tmp_path / "train.tsv", rows, ["age", "report"]) == 3
    manifest = Manifest(tmp_path / "train.tsv")
    assert [dataclasses.replace(row, line=0) for row in manifest] == rows
    assert [row.line for row in manifest] == [2, 3, 4]
    assert manifest[-1] == manifest[2] and len(manifest) == 3
    assert [row.stored for row in manifest] == [("shard-00000", 7), None, ("s", 0)]
    assert manifest.columns == (*HEADER.split("\t"), "age", "report")
    assert manifest.folder == tmp_path and manifest.path == tmp_path / "train.tsv"
    assert manifest.classes is None and manifest.unannotated == ()
    manifest.check()


def test_text_on_disk_is_what_the_readme_says(tmp_path):
    rows = [ROW, dataclasses.replace(ROW, id="r2", labels=(), unknown=()), dataclasses.replace(ROW, id="r3", labels=(), unknown=(), unlabelled=True)]  # fmt: skip  # noqa: E501
    write_manifest(tmp_path / "m.tsv", rows)
    assert (tmp_path / "m.tsv").read_text().splitlines()[1:] == [
        "r1\tshard-00000:7\t0\t5000\t500\t12\tp1\tAF,164889003,?SB",
        "r2\tshard-00000:7\t0\t5000\t500\t12\tp1\t",
        "r3\tshard-00000:7\t0\t5000\t500\t12\tp1\t-",
    ]


def test_none_of_the_classes_is_not_nothing_known(tmp_path):
    path = _manifest(tmp_path, "a\ts:0\t0\t9\t100\tI\tp\t", "b\ts:1\t0\t9\t100\tI\tp\t-")
    manifest = Manifest(path)
    assert (manifest[0].labels, manifest[0].unlabelled) == ((), False)
    assert (manifest[1].labels, manifest[1].unlabelled) == ((), True)
    labels, known = label_matrix(manifest, ["AF"])
    assert labels.tolist() == [[False], [False]] and known.tolist() == [[True], [False]]


def test_label_matrix_against_a_plain_loop(tmp_path):
    generator, classes = np.random.default_rng(0), ["A", "B", "C", "D", "E"]
    _card(tmp_path, classes, ["E"])
    lines, expected, expected_known = [], [], []
    for number in range(200):
        states = generator.choice(3, 4)  # A to D: does not apply, applies, unknown
        unlabelled = number % 17 == 0
        cell = ",".join(["", code, f"?{code}"][state] for code, state in zip("ABCD", states, strict=True) if state)
        lines.append(f"r{number}\ts:0\t0\t9\t100\tI\tp\t{'-' if unlabelled else cell}")
        expected.append([bool(state == 1) and not unlabelled for state in (states[2], states[0], 0)])
        expected_known.append([bool(state != 2) and not unlabelled for state in (states[2], states[0])] + [False])
    labels, known = label_matrix(Manifest(_manifest(tmp_path, *lines)), ["C", "A", "E"])
    assert labels.dtype == known.dtype == bool
    assert labels.tolist() == expected and known.tolist() == expected_known


def test_windows_line_ends_byte_order_mark_and_a_missing_last_newline_are_read(tmp_path):
    path = tmp_path / "m.tsv"
    path.write_bytes(("\ufeff" + HEADER + "\r\na\ts:0\t0\t9\t100\tI\tp\tAF\r\nb\ts:1\t0\t9\t100\tI\tp\t").encode())
    manifest = Manifest(path)
    assert [(row.id, row.labels) for row in manifest] == [("a", ("AF",)), ("b", ())]
    assert manifest.column("labels") == ["AF", ""]


def test_lines_are_found_however_the_file_is_cut_into_blocks(tmp_path, monkeypatch):
    generator = np.random.default_rng(0)
    ids = ["x" * generator.integers(1, 40) + str(number) for number in range(300)]
    path = _manifest(tmp_path, *(f"{name}\ts:0\t0\t9\t100\tI\tp\t" for name in ids))
    for block in (1, 7, 64, 100_000):
        monkeypatch.setattr("fairseq_signals.data.tab_separated._BLOCK", block)
        assert Manifest(path).column("id") == ids


def test_it_travels_to_another_process_and_notices_a_changed_file(tmp_path):
    path = _manifest(tmp_path, "a\ts:0\t0\t9\t100\tI\tp\t")
    sent = pickle.dumps(Manifest(path))
    assert pickle.loads(sent)[0].id == "a"
    _manifest(tmp_path, "a\ts:0\t0\t9\t100\tI\tp\t", "b\ts:0\t0\t9\t100\tI\tp\t")
    with pytest.raises(ValueError, match="manifest must stay as it was opened"):
        pickle.loads(sent)


def test_a_million_rows_open_without_being_parsed(tmp_path):
    path = tmp_path / "m.tsv"
    with open(path, "w") as file:
        file.write(HEADER + "\n")
        file.writelines(f"r{number}\ts:{number}\t0\t5000\t500\t12\tp{number // 2}\tAF\n" for number in range(1_000_000))
    manifest = Manifest(path)
    assert len(manifest) == 1_000_000 and manifest[765_432].patient == "p382716"
    assert manifest._text._ends.nbytes == 8 * 1_000_001


@pytest.mark.parametrize("missing", HEADER.split("\t"))
def test_a_missing_column_is_named(tmp_path, missing):
    header = "\t".join(name for name in HEADER.split("\t") if name != missing)
    with pytest.raises(ValueError, match=rf"column {missing} must be in the header, got .*train\.tsv, line 1\)"):
        Manifest(_manifest(tmp_path, header=header))


def test_files_that_are_no_manifest_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="manifest must be a file, got none at"):
        Manifest(tmp_path / "nowhere.tsv")
    (tmp_path / "empty.tsv").touch()
    with pytest.raises(ValueError, match="column id must be in the header, got an empty file"):
        Manifest(tmp_path / "empty.tsv")
    with pytest.raises(ValueError, match="columns must differ in name"):
        Manifest(_manifest(tmp_path, header=HEADER + "\tage\tage"))
    (tmp_path / "latin.tsv").write_bytes((HEADER + "\nM\xfcller\ts:0\t0\t9\t100\tI\tp\t\n").encode("latin-1"))
    with pytest.raises(ValueError, match=r"text must be UTF-8, got .*latin\.tsv, line 2"):
        Manifest(tmp_path / "latin.tsv")[0]


@pytest.mark.parametrize(("line", "got"), [("a\ts:0\t0\t9", 4), ("", 1), ("a\ts:0\t0\t9\t100\tI\tp\t\t", 9)])
def test_a_row_with_a_wrong_number_of_fields_is_refused_at_opening(tmp_path, line, got):
    path = _manifest(tmp_path, "a\ts:0\t0\t9\t100\tI\tp\t", line, "c\ts:0\t0\t9\t100\tI\tp\t")
    with pytest.raises(ValueError, match=rf"row must have 8 fields separated by tabs, got {got} \(.*line 3\)"):
        Manifest(path)


BAD_CELLS = [
    ("id", " ", "id must be given"),
    ("patient", "", "patient must be given"),
    ("ecg", "", "ecg must be given"),
    ("ecg", "../other/1.hea", "ecg must be a path inside the manifest's folder, got '../other/1.hea'"),
    ("ecg", "a/../../b", "ecg must be a path inside"),
    ("ecg", "a\\..\\b", "ecg must be a path inside"),
    ("ecg", "/etc/passwd", "ecg must be a path inside"),
    ("ecg", "C:\\ecg\\1.hea", "ecg must be a path inside"),
    ("ecg", "\\\\host\\share\\1.hea", "ecg must be a path inside"),
    ("ecg", "~/1.hea", "ecg must be a path inside"),
    ("start", "-1", "start must be a whole number of samples, at least 0, got '-1'"),
    ("start", "1.0", "start must be a whole number"),
    ("start", "\u0663", "start must be a whole number"),
    ("length", "0", "length must be a whole number of samples, at least 1, got '0'"),
    ("length", "9" * 5000, "length must be a whole number"),
    ("rate", "fast", "rate must be a positive number"),
    ("rate", "nan", "rate must be a positive number"),
    ("rate", "inf", "rate must be a positive number"),
    ("rate", "-500", "rate must be a positive number"),
    ("leads", "V1,I", "leads must be in standard order, got 'V1,I'"),
    ("leads", "I,V9", "leads must be one of the sets"),
    ("leads", "", "leads must be given once each"),
    ("labels", "AF,AF", "labels must be different codes"),
    ("labels", "AF,?AF", "labels must be different codes"),
    ("labels", "AF,", "labels must be different codes"),
    ("labels", "AF, SB", "labels must be different codes"),
    ("labels", "-,AF", "labels must be different codes"),
    ("labels", "?", "labels must be different codes"),
    ("labels", "VT", "label must be in the class list of dataset.yaml, got 'VT'"),
    ("labels", "?VT", "label must be in the class list of dataset.yaml, got 'VT'"),
    ("labels", "LVH", "label must be a class that the source annotates, got 'LVH'"),
]


@pytest.mark.parametrize(("column", "cell", "message"), BAD_CELLS)
def test_a_bad_cell_is_refused_with_file_line_and_column(tmp_path, column, cell, message):
    _card(tmp_path, ["AF", "SB", "LVH"], ["LVH"])
    cells = dict(zip(HEADER.split("\t"), "a s:0 0 9 100 I p AF".split(), strict=True))
    path = _manifest(tmp_path, "\t".join(cells.values()), "\t".join((cells | {"id": "b"} | {column: cell}).values()))
    manifest = Manifest(path)
    assert manifest[0].id == "a"
    for act in (lambda: manifest[1], manifest.check):
        with pytest.raises(ValueError) as caught:
            act()
        assert str(caught.value).startswith(message)
        assert str(caught.value).endswith(f"({path}, line 3, column {column})")


def test_check_finds_an_id_that_comes_twice(tmp_path):
    line = "a\ts:0\t0\t9\t100\tI\tp\t"
    manifest = Manifest(_manifest(tmp_path, line, "b" + line, line))
    with pytest.raises(
        ValueError, match=r"id must be unique, got 'a' a second time, first in line 2 .*line 4, column id"
    ):
        manifest.check()


def test_asking_for_what_is_not_there_is_refused(tmp_path):
    manifest = Manifest(_manifest(tmp_path, "a\ts:0\t0\t9\t100\tI\tp\tAF"))
    for index in (1, -2):
        with pytest.raises(IndexError, match="row must be 0 to 0"):
            manifest[index]
    with pytest.raises(ValueError, match=r"column must be one of id, .*, got 'age'"):
        manifest.column("age")
    with pytest.raises(ValueError, match=r"label must be one of SB, got 'AF' \(.*line 2, column labels\)"):
        label_matrix(manifest, ["SB"])
    _card(tmp_path, ["AF", "SB"])
    with pytest.raises(ValueError, match="classes must be different ones of the data set, got VT"):
        label_matrix(Manifest(manifest.path), ["AF", "VT"])
    with pytest.raises(
        ValueError, match="got lvsd ef<40; a class out of a number is a rule, with a colon: 'lvsd: ef < 40'"
    ):
        label_matrix(Manifest(manifest.path), ["AF", "lvsd ef<40"])
    with pytest.raises(ValueError, match="classes must differ in name, got AF, AF"):
        label_matrix(Manifest(manifest.path), ["AF", "AF"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "a\tb"}, "id must be text without tabs"),
        ({"patient": "p\n1"}, "patient must be text without tabs"),
        ({"ecg": "../x"}, "ecg must be a path inside"),
        ({"length": 0}, "length must be a whole number"),
        ({"rate": float("nan")}, "rate must be a positive number"),
        ({"labels": ("A,B",)}, "labels must be codes without commas"),
        ({"labels": ("?A",)}, "labels must be codes without commas"),
        ({"labels": ("",)}, "labels must be different codes"),
        ({"unlabelled": True}, "labels must be codes without commas"),
        ({"leads": ("V1", "I")}, "leads must be in standard order"),
    ],
)
def test_a_row_that_would_not_read_back_is_not_written(tmp_path, change, message):
    path = tmp_path / "m.tsv"
    write_manifest(path, [ROW])
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"{message}.*{path.name}, recording"):
        write_manifest(path, [ROW, dataclasses.replace(ROW, **{"id": "r2"} | change)])
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path], "the old file must stay, alone"


def test_extra_text_is_brought_onto_one_line_and_bad_columns_refused(tmp_path):
    row = dataclasses.replace(ROW, extra={"report": " line one\r\n\tline two\x0b ", "unused": "x"})
    write_manifest(tmp_path / "m.tsv", [row], ["report", "age"])
    assert Manifest(tmp_path / "m.tsv")[0].extra == {"report": "line one  line two", "age": ""}
    for columns in (["id"], ["a\tb"], [""], ["a", "a"]):
        with pytest.raises(ValueError, match="extra column must have a new name"):
            write_manifest(tmp_path / "n.tsv", [row], columns)
    with pytest.raises(ValueError, match=r"id must be unique, got 'r1' a second time"):
        write_manifest(tmp_path / "n.tsv", [row, row])
