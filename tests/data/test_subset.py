"""Parts of manifests, compared with pandas and with plain loops over the lines of the file."""

import shutil
from itertools import pairwise

import pandas as pd
import pytest
import yaml

from fairseq_signals.data import atomic
from fairseq_signals.data.card import read_card, verify, write_card
from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.destination import held
from fairseq_signals.data.subset import Subset, nested, write_subsets
from manifests import ptbxl

HEADER = "id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels\tfold\tsex"
CARD = {"source": "s", "version": None, "counts": {}, "classes": ["A", "B"], "unannotated": [], "rate": 100.0, "split": "-"}  # fmt: skip  # noqa: E501


def _line(number, fold, labels="A", sex="male", patient=None):
    return f"r{number}\ts-0:{number}\t0\t500\t100\t12\t{patient or f'p{number}'}\t{labels}\t{fold}\t{sex}"


LINES = [
    _line(0, 1),
    _line(1, 2, "", "female"),
    _line(2, 1, "B,?A"),
    _line(3, 3, "-", patient="p0"),
    _line(4, 2),
    _line(5, 10),
]


@pytest.fixture
def folder(tmp_path):
    """Six rows of train in folds 1, 2, 3 and 10, and one of test."""
    made = tmp_path / "data"
    (made / "store").mkdir(parents=True)
    (made / "store" / "big.i16").write_bytes(b"0123")
    (made / "train.tsv").write_text("\n".join([HEADER, *LINES]) + "\n")
    (made / "test.tsv").write_text("\n".join([HEADER, _line(9, 4)]) + "\n")
    write_card(made, CARD, ["train.tsv", "test.tsv", "store/big.i16"])
    return made


def _lines(folder, name):
    return (folder / f"{name}.tsv").read_text().splitlines()


def _bytes(folder):
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_rows_are_those_of_the_values_in_the_order_of_the_manifest_to_the_byte(folder):
    told = write_subsets(folder, "train", [Subset("train_12", {"fold": ("2", "1")})])
    assert _lines(folder, "train_12") == [HEADER, *(line for line in LINES if line.split("\t")[8] in ("1", "2"))]
    assert told["train_12"] == {
        "of": "train",
        "where": {"fold": ["2", "1"]},
        "rows": 4,
        "patients": 4,
        "classes without an example": [],
    }
    card = read_card(folder)
    assert card["subsets"] == told and verify(folder, progress=False) == 4
    assert sorted(path.name for path in folder.iterdir()) == ["dataset.yaml", "store", "test.tsv", "train.tsv", "train_12.tsv"]  # fmt: skip  # noqa: E501


def test_several_columns_must_all_hold_and_classes_without_an_example_are_named(folder):
    told = write_subsets(folder, "train", [Subset("train_x", {"fold": ("2", "3"), "sex": ("male",)})])["train_x"]
    assert [line.split("\t")[0] for line in _lines(folder, "train_x")[1:]] == ["r3", "r4"]
    assert (told["rows"], told["patients"], told["classes without an example"]) == (2, 2, ["B"])


def test_values_are_compared_as_text(folder):
    write_subsets(folder, "train", [Subset("train_1", {"fold": ("1",)})])
    assert [line.split("\t")[0] for line in _lines(folder, "train_1")[1:]] == ["r0", "r2"], "fold 10 is not fold 1"


def test_nested_subsets_hold_one_another(folder):
    wanted = nested("train_folds", "fold", ("1", "2", "3", "10"))
    assert wanted[1] == Subset("train_folds2", {"fold": ("1", "2")})
    write_subsets(folder, "train", wanted)
    ids = [{line.split("\t")[0] for line in _lines(folder, one.name)[1:]} for one in wanted]
    assert all(small < large for small, large in pairwise(ids))
    assert (folder / "train_folds4.tsv").read_bytes() == (folder / "train.tsv").read_bytes()
    assert [one.name for one in nested("a_", "fold", ("1", "2", "3"), (3, 1))] == ["a_3", "a_1"]
    for sizes in ((0,), (4,), (1, 1)):
        with pytest.raises(ValueError, match="sizes must be different numbers of 1 to 3 values"):
            nested("a_", "fold", ("1", "2", "3"), sizes)


def test_the_same_again_changes_nothing_and_further_ones_are_added(folder):
    one, other = Subset("train_one", {"fold": ("1",)}), Subset("train_another", {"fold": ("2",)})
    write_subsets(folder, "train", [one])
    before = _bytes(folder)
    write_subsets(folder, "train", [one])
    assert _bytes(folder) == before
    write_subsets(folder, "train", [other])
    assert list(read_card(folder)["subsets"]) == ["train_another", "train_one"]
    assert verify(folder, progress=False) == 5


def test_the_other_files_are_not_read_for_their_digests(folder):
    (folder / "store" / "big.i16").unlink()
    write_subsets(folder, "train", [Subset("train_one", {"fold": ("1",)})])
    assert "store/big.i16" in read_card(folder)["files"]


def test_without_its_subsets_the_card_is_what_it_was(folder):
    before = yaml.safe_load((folder / "dataset.yaml").read_text())
    write_subsets(folder, "train", nested("train_", "fold", ("1", "2")))
    after = yaml.safe_load((folder / "dataset.yaml").read_text())
    gone = {f"{name}.tsv" for name in after.pop("subsets")}
    after["files"] = {name: digest for name, digest in after["files"].items() if name not in gone}
    assert after == before and list(after) == list(before)


@pytest.mark.parametrize(
    ("of", "subset", "message"),
    [
        ("train", Subset("train_x", {"ward": ("1",)}), "column must be one of id, ecg, .*, got 'ward'"),
        (
            "train",
            Subset("train_x", {"fold": ("1", "7")}),
            r"cells of the column \('1', '10', '2', '3'\), got '7' \(.*train.tsv, column fold\)",
        ),
        ("train", Subset("train_x", {"fold": ("1", "1")}), "values must be different cells .*, got '1', '1'"),
        ("train", Subset("train_x", {"fold": ()}), "values must be different cells .*, got none"),
        ("train", Subset("train_x", {}), "subset must keep some rows for a reason, got none with no condition"),
        ("train", Subset("train_x", {"fold": ("1",), "sex": ("female",)}), "got none with fold=1 and sex=female"),
        ("train", Subset("test_x", {"fold": ("1",)}), "must be different ones that begin with train_, got 'test_x'"),
        ("train", Subset("train_/../x", {"fold": ("1",)}), r"begin with train_, got 'train_/../x' \(--name\)"),
        ("test", Subset("train_x", {"fold": ("4",)}), "must be different ones that begin with test_, got 'train_x'"),
        ("gallery", Subset("gallery_x", {"fold": ("1",)}), "subset must be of train, valid, test, pretrain, got"),
        ("valid", Subset("valid_x", {"fold": ("1",)}), r"manifest must be a file, got none at .*valid.tsv"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(folder, of, subset, message):
    before = _bytes(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        write_subsets(folder, of, [subset])
    assert _bytes(folder) == before and not (folder / ".preparation").exists()


def test_a_name_that_stands_for_other_rows_is_refused_before_any_is_written(folder):
    write_subsets(folder, "train", [Subset("train_2", {"fold": ("1",)})])
    before = _bytes(folder)
    with pytest.raises(
        ValueError, match=r"name must be free or stand for the same rows, got other rows in .*train_2.tsv"
    ):
        write_subsets(folder, "train", nested("train_", "fold", ("1", "2")))
    (folder / "train_2.tsv").unlink()
    with pytest.raises(ValueError, match="name must be free or stand for the same rows"):
        write_subsets(folder, "train", nested("train_", "fold", ("1", "2")))
    (folder / "train_2.tsv").write_bytes(before[str(folder / "train_2.tsv")])
    assert _bytes(folder) == before
    with pytest.raises(ValueError, match="names of subsets must be different ones"):
        write_subsets(folder, "train", [Subset("train_a", {"fold": ("1",)}), Subset("train_a", {"fold": ("2",)})])


def test_a_manifest_that_is_not_the_cards_is_refused(folder):
    (folder / "train.tsv").write_text("\n".join([HEADER, *LINES[:3]]) + "\n")
    with pytest.raises(ValueError, match=r"files must be as dataset.yaml tells, got other contents in .*train.tsv"):
        write_subsets(folder, "train", [Subset("train_1", {"fold": ("1",)})])
    with pytest.raises(
        FileNotFoundError, match=r"folder must be a prepared one with dataset.yaml, got none in .*store"
    ):
        write_subsets(folder / "store", "train", [Subset("train_1", {"fold": ("1",)})])
    assert not (folder / "store" / ".preparation").exists()


def test_killed_before_the_card_is_written_it_goes_on(folder, tmp_path, monkeypatch):
    whole = shutil.copytree(folder, tmp_path / "whole")
    wanted = nested("train_", "fold", ("1", "2"))
    write_subsets(whole, "train", wanted)
    written, put = [], atomic.publish

    def killed(partial, path):
        if len(written) == 1:
            partial.with_name("train_2.tsv.host.1.partial").write_text("id")
            raise KeyboardInterrupt
        written.append(path)
        put(partial, path)

    # The first manifest of the two is published outside the folder, where the subsets are made before any is placed.
    monkeypatch.setattr(atomic, "publish", lambda a, b: killed(a, b) if b.parent == folder else put(a, b))
    with pytest.raises(KeyboardInterrupt):
        write_subsets(folder, "train", wanted)
    monkeypatch.undo()
    assert (folder / "train_1.tsv").is_file() and "subsets" not in read_card(folder)
    write_subsets(folder, "train", wanted)
    assert {key.removeprefix(str(folder)): value for key, value in _bytes(folder).items()} == {
        key.removeprefix(str(whole)): value for key, value in _bytes(whole).items()
    }


def test_only_one_writes_at_a_time(folder):
    with held(folder), pytest.raises(ValueError, match="dest must be free"):
        write_subsets(folder, "train", [Subset("train_1", {"fold": ("1",)})])


def test_a_preparation_knows_its_subsets_and_a_training_reads_them(ecg_data, tmp_path):
    folder = shutil.copytree(ecg_data, tmp_path / "data")
    table = pd.read_csv(folder / "train.tsv", sep="\t", quoting=3, keep_default_na=False, dtype=str)
    female = table[table["sex"] == "female"]
    told = write_subsets(folder, "train", [Subset("train_female", {"sex": ("female",)})])["train_female"]
    assert (told["rows"], told["patients"]) == (len(female), female["patient"].nunique())
    windows = WindowDataset(folder / "train_female.tsv", 100, 5.0, mode="centred")
    assert len(windows) == len(female) and windows.batch([0])["source"].shape == (1, 12, 500)
    with held(folder):
        pass
    (folder / "notes.txt").write_text("mine")
    with (
        pytest.raises(ValueError, match=r"dest must be a folder of its own, got .*, which holds notes.txt$"),
        held(folder),
    ):
        pass


@pytest.mark.real
def test_folds_of_ptbxl_against_its_own_table(real_ecgs, tmp_path):
    """Rows and patients of the first folds as pandas counts them in the published table."""
    folder = real_ecgs("ptbxl500") / "ptbxl-500hz-first500"
    ptbxl.main(["--source", str(folder), "--dest", str(tmp_path / "data"), "--records", "500", "--workers", "1"])
    table = pd.read_csv(folder / "ptbxl_database.csv")
    written = tmp_path / "data"
    rejected = pd.read_csv(written / "rejected.tsv", sep="\t")["id"]
    table = table[~table["ecg_id"].isin(rejected)]
    told = write_subsets(written, "train", nested("train_folds", "fold", tuple("12345678")))
    train = set(pd.read_csv(written / "train.tsv", sep="\t")["id"])
    for folds in range(1, 9):
        first = table[table["strat_fold"] <= folds]
        ids = pd.read_csv(written / f"train_folds{folds}.tsv", sep="\t")["id"]
        assert ids.tolist() == first["ecg_id"].tolist() and set(ids) <= train
        facts = told[f"train_folds{folds}"]
        assert (facts["rows"], facts["patients"]) == (len(first), first["patient_id"].nunique())
