"""Whole columns against the plain loop over the rows, in manifests that are odd in every way."""

import numpy as np
import pytest

from fairseq_signals.data.card import write_card
from fairseq_signals.data.manifest import Manifest, label_matrix

COLUMNS = ["id", "ecg", "start", "length", "rate", "leads", "patient", "labels"]
GOOD = {
    "id": ["r1", "NA", "nan", "007", "7", "1e3", '"q', '"two" words"', "é", "#", " x", "None", "-", "\x00", "a\rb"],
    "ecg": ["s:0", "s:12", "shard-00001:7", "t:007", "s:" + "9" * 18, "a/b.hea", "deep/er/file.hea:1", "xx:y:1", "ab:b",
            ":5", "ab:", "é.hea", "007", "NA", "ss:" + "9" * 19, "ss:\u0663", "é:1", "1", "nan:0"],
    "start": ["0", "7", "007", "100000", "9" * 18],
    "length": ["1", "5000", "0009"],
    "rate": ["500", "1e3", "257.5", "0.5", "5e2", " 500", "1_000"],
    "leads": ["12", "I", "I,II", "I, II", "II,V6", "lead i,AVR", "6", " 12"],
    "patient": ["p", "NA", "nan", "007", "7", "7.0", "é", "e\u0301", "\u00e9\u00e9", " p"],
    "labels": ["", "-", "AF", "?AF", "AF,?SB", "007", "NA", "?nan", "AF,007,NA"],
    "age": ["", "NA", '"', "70", "a,b\x0b"],
    "sampling_weight": ["", "1", "0", "2.5", "1e3", "007"],
}  # fmt: skip
BAD = {
    "id": ["", " ", "\u00a0"],
    "ecg": [
        "",
        "../x",
        "a/../b",
        "/etc/passwd",
        "C:\\x",
        "~/x",
        " ",
        "s:",
        "a:b",
        "s:\u0663",
        "s:" + "9" * 19,
        "x:y:1",
    ],
    "start": ["-1", "1.0", "", "NA", "9" * 19, " 1"],
    "length": ["0", "-5", "1e3", "000"],
    "rate": ["", "nan", "inf", "-5", "0", "NA", "fast"],
    "leads": ["", "V1,I", "I,V9", "12,I", "I,I"],
    "patient": ["", " \x0b"],
    "labels": ["VT", "AF,AF", "LVH", "-,AF", ",", "AF,", "?", " AF"],
    "sampling_weight": ["-1", "nan", "inf", "heavy", "-0.1", "None"],
}
CLASSES = ["AF", "SB", "007", "NA", "nan", "LVH"]


def _one_of(cells, generator):
    return cells[int(generator.integers(len(cells)))]


def _file(folder, number, bad=0.0, ends="\n", mark="", last="\n", card=True):
    """Random cells, in an order of the columns that is random too."""
    generator = np.random.default_rng(number)
    names = list(generator.permutation([*COLUMNS, "age", "sampling_weight"]))
    lines = ["\t".join(names)]
    for _ in range(150):
        row = {name: _one_of(GOOD[name], generator) for name in names}
        if generator.random() < bad:
            name = str(generator.choice(list(BAD)))
            row[name] = _one_of(BAD[name], generator)
        lines.append("\t".join(row[name] for name in names))
    path = folder / "m.tsv"
    path.write_bytes((mark + ends.join(lines) + (ends if last else "")).encode())
    if card:
        facts = {"source": "s", "version": None, "counts": {}, "classes": CLASSES, "rate": None, "split": "-"}
        write_card(folder, facts | {"unannotated": ["LVH"]}, [])
    return path


def _rows(manifest):
    """Row by row: the row, or what is wrong with it."""
    found = []
    for place in range(len(manifest)):
        try:
            found.append(manifest[place])
        except ValueError as error:
            found.append(str(error))
    return found


def _check_columns(manifest):
    rows, columns = _rows(manifest), manifest.parsed()
    assert columns.bad.tolist() == [isinstance(row, str) for row in rows]
    pairs = zip(rows, columns.patients.tolist(), strict=True)
    good = [(row.patient, number) for row, number in pairs if not isinstance(row, str)]
    assert len(set(good)) == len({patient for patient, _ in good}) == len({number for _, number in good})
    paths = dict(zip(columns.files.tolist(), columns.paths, strict=True))
    for place, row in enumerate(rows):
        if isinstance(row, str):
            continue
        assert columns.starts[place] == row.start and columns.lengths[place] == row.length
        assert columns.rates[place] == row.rate
        assert columns.layouts[columns.layout[place]] == row.leads
        stored = None if place in paths else (columns.shards[columns.shard[place]], int(columns.numbers[place]))
        assert stored == row.stored
        assert paths.get(place, row.ecg) == row.ecg
    return rows


FORMS = [{}, {"ends": "\r\n"}, {"mark": "\ufeff"}, {"last": ""}, {"ends": "\r\n", "mark": "\ufeff", "last": ""}]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("number", range(3))
def test_columns_are_what_the_rows_are_one_by_one(tmp_path, monkeypatch, form, number):
    monkeypatch.setattr("fairseq_signals.data.tab_separated._LINES", [64, 1, 1000][number])
    manifest = Manifest(_file(tmp_path, number, **form))
    rows = _check_columns(manifest)
    assert len(rows) == 150 and not any(isinstance(row, str) for row in rows)
    for name in manifest.columns:
        cells = manifest.column(name)
        expected = [
            {**vars(row), **row.extra}[name]
            for row in rows
            if name in ("id", "ecg", "patient", "age", "sampling_weight")
        ]
        assert not expected or cells == expected
        distinct, places = manifest.distinct(name)
        assert [distinct[place] for place in places] == cells and len(set(distinct)) == len(distinct)


@pytest.mark.parametrize("number", range(10, 22))
def test_the_first_bad_line_is_found_and_worded_as_by_a_plain_loop(tmp_path, number):
    manifest = Manifest(_file(tmp_path, number, bad=[0.9, 0.2, 0.02][number % 3], card=number % 2 == 0))
    rows = _check_columns(manifest)
    first = next((row for row in rows if isinstance(row, str)), None)
    seen: dict[str, int] = {}
    for row in rows:
        if isinstance(row, str):
            break
        if seen.setdefault(row.id, row.line) != row.line:
            first = f"id must be unique, got {row.id!r} a second time, first in line {seen[row.id]} "
            first += f"({manifest.path}, line {row.line}, column id)"
            break
    assert first is not None
    with pytest.raises(ValueError) as caught:
        manifest.check()
    assert str(caught.value) == first


@pytest.mark.parametrize("number", range(3))
def test_labels_are_those_of_the_rows(tmp_path, number):
    manifest = Manifest(_file(tmp_path, number))
    classes = ["NA", "AF", "LVH", "nan"]
    labels, known = label_matrix(manifest, classes)
    for place, row in enumerate(manifest):
        assert labels[place].tolist() == [code in row.labels for code in classes]
        unknown = (*row.unknown, *manifest.unannotated)
        assert known[place].tolist() == [not row.unlabelled and code not in unknown for code in classes]


def test_bytes_that_are_no_text_are_found_in_any_column(tmp_path):
    path = _file(tmp_path, 1)
    lines = path.read_bytes().split(b"\n")
    for column in range(10):
        cells = lines[40].split(b"\t")
        cells[column] += b"\xff\xc3"
        path.write_bytes(b"\n".join([*lines[:40], b"\t".join(cells), *lines[41:]]))
        manifest = Manifest(path)
        assert np.flatnonzero(_bad_text(manifest)).tolist() == [39]
        for act in (
            lambda m=manifest, c=column: m.column(m.columns[c]),
            lambda m=manifest, c=column: m.distinct(m.columns[c]),
        ):
            with pytest.raises(ValueError, match=r"text must be UTF-8, got .*m\.tsv, line 41\)"):
                act()


def test_bytes_that_are_no_text_are_found_in_any_line(tmp_path, monkeypatch):
    path = _file(tmp_path, 1)
    lines = path.read_bytes().split(b"\n")[:12]
    monkeypatch.setattr("fairseq_signals.data.tab_separated._LINES", 4)
    for line in range(1, 12):
        path.write_bytes(b"\n".join([*lines[:line], b"\xff" + lines[line], *lines[line + 1 :]]))
        assert np.flatnonzero(_bad_text(Manifest(path))).tolist() == [line - 1]


def _bad_text(manifest):
    assert manifest.parsed().bad.tolist() == [isinstance(row, str) for row in _rows(manifest)]
    return manifest.parsed().bad


def test_files_with_mutated_bytes_are_judged_as_row_by_row(tmp_path):
    path, generator, opened = _file(tmp_path, 3), np.random.default_rng(0), 0
    whole = b"\n".join(path.read_bytes().split(b"\n")[:20])
    for _ in range(300):
        data = bytearray(whole)
        for place in generator.integers(0, len(data), generator.integers(1, 6)):
            data[place] = _one_of(b"\t\n\r:,-?0129AFxS \x00\x85\xc3\xa9\xff", generator)
        path.write_bytes(data)
        try:
            manifest = Manifest(path)
        except ValueError:
            continue
        _check_columns(manifest)
        opened += 1
    assert opened > 100


def test_more_different_cells_than_an_int16_counts(tmp_path):
    lines = [
        f"r{n}\ts:{n}\t{n}\t{n + 1}\t{n + 1}\t{' ' * (n % 200)}I,{' ' * (n // 200)}II\tp{n}\t" for n in range(33_000)
    ]
    (tmp_path / "m.tsv").write_text("\t".join(COLUMNS) + "\n" + "\n".join(lines) + "\n")
    columns = Manifest(tmp_path / "m.tsv").parsed()
    numbers = np.arange(33_000)
    assert not columns.bad.any() and len(columns.layouts) == 33_000
    for found, expected in ((columns.starts, numbers), (columns.lengths, numbers + 1), (columns.rates, numbers + 1)):
        assert np.array_equal(found, expected)
    assert np.array_equal(columns.numbers, numbers) and np.array_equal(columns.patients, numbers)
    assert np.array_equal(columns.layout, numbers) and set(columns.layouts) == {("I", "II")}
