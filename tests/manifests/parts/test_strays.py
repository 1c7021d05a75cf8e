from fairseq_signals.data.faults import FAULTS
from fairseq_signals.data.item import Item
from manifests.parts.strays import headerless, unlisted, without_header


def _touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_that_a_table_does_not_list_are_rejects(tmp_path):
    _touch(tmp_path, "a/3.csv", "a/1.csv", "a/2.csv", "a/4.txt", "b/5.csv")
    rejects = unlisted(tmp_path, "a/*.csv", [Item("a/2.csv", id="2")], "list.csv")
    assert [(one.item.file, one.item.id, one.fault) for one in rejects] == [
        ("a/1.csv", "1", "unlisted"),
        ("a/3.csv", "3", "unlisted"),
    ]
    assert rejects[0].message == "recording must be listed in list.csv, got none of its name"


def test_a_signal_needs_the_header_of_its_own_folder(tmp_path):
    _touch(tmp_path, "a/1.hea", "a/1.mat", "b/1.mat", "a/2.mat", "a/2.hea.old", "3.hea")
    assert without_header(tmp_path) == ["a/2.mat", "b/1.mat"]
    reject = headerless(Item("b/1.mat", id="1"))
    assert reject.fault in FAULTS and "got none for b/1.mat" in reject.message


def test_a_signal_file_may_have_another_name_than_the_record_whose_header_names_it(tmp_path):
    _touch(tmp_path, "a/x.dat", "a/y.dat", "a/3.HEA", "a/3.dat")
    (tmp_path / "a" / "1.hea").write_text("1 1 100 10\nx.dat 16 200 16 0 0 0 0 I\n# y.dat\n")
    assert without_header(tmp_path) == ["a/y.dat"]
