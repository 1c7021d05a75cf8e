import pytest

from fairseq_signals.data.item import Item
from manifests.parts.label_table import apply_table, labels_line

ITEMS = [Item(f"{name}.hea", id=name, extra={"source": "x"}) for name in ("a/1", "a/2", "b/1", "b/3")]


def _table(tmp_path, text, name="labels.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_joined_by_file_and_stay_in_the_order_of_the_folder(tmp_path):
    table = _table(
        tmp_path,
        "patient,file,labels,split,ef,label of the day\n"
        'P2,b/1.dat,"AF, ?LVH",test,55,x\n'
        "P1,a/1,AF;SB,train,,y\n"
        "P1,a/2.hea,-,valid,30,z\n"
        "P9,c/9,,train,1,w\n",
    )
    items, unlisted, columns = apply_table(table, ITEMS)
    assert [(i.file, i.id, i.patient, i.labels, i.unknown, i.unlabelled, i.split) for i in items] == [
        ("a/1.hea", "a/1", "P1", ("AF", "SB"), (), False, "train"),
        ("a/2.hea", "a/2", "P1", (), (), True, "valid"),
        ("b/1.hea", "b/1", "P2", ("AF",), ("LVH",), False, "test"),
        ("c/9", "c/9", "P9", (), (), False, "train"),
    ]
    assert items[2].extra == {"source": "x", "ef": "55", "label of the day": "x"}
    assert columns == ["ef", "label of the day"]
    assert [(reject.item.file, reject.fault) for reject in unlisted] == [("b/3.hea", "unlisted")]


def test_rows_are_joined_by_id_where_names_are_unique(tmp_path):
    items, unlisted, _ = apply_table(_table(tmp_path, "id\tage\n3\t7\n2\t8\n", "labels.tsv"), ITEMS)
    assert [(item.file, item.extra["age"], item.labels) for item in items] == [
        ("a/2.hea", "8", None),
        ("b/3.hea", "7", None),
    ]
    assert len(unlisted) == 2
    with pytest.raises(ValueError, match=r"id must name one file, got '1', which names a/1\.hea, b/1\.hea.*row 2\)"):
        apply_table(_table(tmp_path, "id\n1\n"), ITEMS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,labels\n", r"table must have a column file or id, got name, labels \(.*row 1\)"),
        ("", "table must have a column file or id, got nothing"),
        (
            "file,rate\na/1,500\n",
            r"columns must have names of their own, .*got 'rate' \(.*row 1\); call it something else",
        ),
        ("file,sampling_weight\na/1,2\n", "got 'sampling_weight'"),
        ("file,waveform\na/1,x\n", "got 'waveform'"),
        ("file,folder\na/1,x\n", "got 'folder'"),
        ("file,source\na/1,x\n", r"got 'source' .*call it something else in the table \(source: such as department\)"),
        ("file,labels\na/1\n", r"row must have 2 cells, got 1 \(.*row 2\)"),
        ("file,labels\na/2,AF\na/1,AF,SB\n", r"row must have 2 cells, got 3 \(.*row 3\)"),
        ("file\na/1\na/1.hea\n", r"file must be listed once, got 'a/1\.hea' again \(.*row 3\)"),
        ("file,split\na/1,dev\n", r"split must be one of train, valid, test, got 'dev' \(.*row 2, column split\)"),
        ("file,labels\na/1,AF;AF\n", r"labels must be different codes .*row 2, column labels\)"),
        ("file,labels\na/1,AF|SR\n", r"labels must be codes separated by commas or semicolons, .*got 'AF\|SR' .*row 2"),
        ("file,labels\na/1,['AF']\n", r"without brackets, quotes and \|, got .*row 2, column labels\)"),
        ("file,labels\na/1,AF;\n", r"labels must be different codes .*row 2, column labels\)"),
    ],
)
def test_a_bad_table_is_refused_with_its_row(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        apply_table(_table(tmp_path, text), ITEMS)


def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"table none\.csv must be a file, got none at"):
        apply_table(tmp_path / "none.csv", ITEMS)


def test_words_that_say_nothing_are_unknown_and_empty_cells_are_counted(tmp_path):
    table = _table(tmp_path, "file,labels,patient\na/1,nan,nan\na/2,,P2\nb/1,N/A,unknown\nb/3,AF,Anonymous\n")
    items, _, _ = apply_table(table, ITEMS)
    assert [(item.labels, item.unlabelled) for item in items] == [((), True), ((), False), ((), True), (("AF",), False)]
    assert [item.patient for item in items] == [None, "P2", None, None]
    line = "labels: 1 with, 1 empty (none applies; write - where nobody looked), 2 unknown"
    assert labels_line(table) == [line] and labels_line(table, "patient") != [line]
    assert labels_line(_table(tmp_path, "file\na/1\n")) == []


def test_a_merged_class_of_the_challenge_is_one_code(tmp_path):
    items, _, _ = apply_table(_table(tmp_path, "file,labels\na/1,733534002|164909002\n"), ITEMS)
    assert items[0].labels == ("733534002|164909002",)
