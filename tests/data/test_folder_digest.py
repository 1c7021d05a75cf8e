"""Which changes of a prepared folder change what is made of it."""

import pytest

from fairseq_signals.data.card import add_to_card, write_card
from fairseq_signals.data.folder_digest import folder_digest, subset_digests

CARD = {"source": "s", "version": None, "counts": {}, "classes": ["A"], "unannotated": [], "rate": 100.0, "split": "-"}


@pytest.fixture
def folder(tmp_path):
    for name in ("train.tsv", "train_a.tsv"):
        (tmp_path / name).write_text("rows")
    write_card(tmp_path, CARD, ["train.tsv"])
    return tmp_path


def test_a_subset_changes_nothing_and_every_other_file_and_fact_does(folder):
    before = folder_digest(folder)
    add_to_card(folder, {"subsets": {"train_a": {"of": "train"}}}, ["train_a.tsv"])
    assert folder_digest(folder) == before and list(subset_digests(folder)) == ["train_a"]
    add_to_card(folder, {"rate": 500.0}, [])
    assert folder_digest(folder) != before
    add_to_card(folder, {"rate": 100.0}, [])
    assert folder_digest(folder) == before
    (folder / "train.tsv").write_text("other rows")
    add_to_card(folder, {}, ["train.tsv"])
    assert folder_digest(folder) != before


def test_a_folder_without_a_card_has_no_digest(folder):
    (folder / "dataset.yaml").unlink()
    assert subset_digests(folder) == {}
    with pytest.raises(FileNotFoundError, match=r"folder must be a prepared one with dataset\.yaml, got none in"):
        folder_digest(folder)
