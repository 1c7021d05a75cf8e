import hashlib

import pytest

from fairseq_signals.data.card import add_to_card, read_card, verify, write_card

CARD = {
    "source": "PTB-XL",
    "version": "1.0.3",
    "counts": {"recordings": 2},
    "classes": ["426783006", "NORM", "1"],
    "unannotated": ["NORM"],
    "rate": 500.0,
    "split": "official folds",
    "note": "é",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "train.tsv").write_bytes(b"id\n")
    (tmp_path / "store" / "a.i16").write_bytes(bytes(range(256)) * 1000)
    return tmp_path


def test_what_is_written_is_read_back_with_the_digests(folder):
    written = write_card(folder, CARD, ["train.tsv", "store/a.i16"])
    card = read_card(folder)
    assert card == written
    assert {key: card[key] for key in CARD} == CARD and (card["format"], card["units"]) == (1, "mV")
    assert card["files"] == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("store/a.i16", "train.tsv")
    }
    assert list(card)[:4] == ["format", "source", "version", "counts"] and list(card)[-1] == "note"


def test_equal_input_gives_equal_bytes(folder):
    write_card(folder, CARD, ["train.tsv", "store/a.i16"])
    first = (folder / "dataset.yaml").read_bytes()
    write_card(folder, dict(reversed(CARD.items())), ["store/a.i16", "train.tsv"])
    assert (folder / "dataset.yaml").read_bytes() == first


def test_verify_counts_good_files_and_names_the_bad(folder, capsys):
    write_card(folder, CARD, ["train.tsv", "store/a.i16"])
    assert verify(folder) == 2
    assert "verifying" in capsys.readouterr().err
    (folder / "store" / "a.i16").write_bytes(bytes(range(256)) * 999 + bytes(256))
    with pytest.raises(ValueError, match=r"files must be as dataset.yaml tells, got other contents in store/a\.i16 \("):
        verify(folder, progress=False)
    (folder / "train.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"file of the data set must exist, got none at .*train\.tsv"):
        verify(folder, progress=False)
    with pytest.raises(FileNotFoundError, match=r"data set must have a dataset\.yaml"):
        verify(folder / "store", progress=False)
    assert read_card(folder / "store") is None


@pytest.mark.parametrize(
    ("find", "put", "message"),
    [
        ("format: 1", "format: 2", "format must be 1, got 2"),
        ("'426783006'", "426783006", r"classes must be a list of texts \(quote codes made of digits\)"),
        ("- NORM", "- VT", "unannotated must be among the classes|classes"),
        ("- '1'", "- NORM", "classes must name each class once"),
        ("units: mV\n", "", "must have the keys .*, got no units"),
        ("counts:\n  recordings: 2", "counts: 2", "counts must be a mapping, got 2"),
        ("source: PTB-XL", "source: [", "dataset.yaml must be YAML"),
        ("source: PTB-XL", "source: !!python/object/apply:os.getcwd []", "dataset.yaml must be YAML"),
    ],
)
def test_a_damaged_card_is_refused(folder, find, put, message):
    write_card(folder, CARD, ["train.tsv"])
    path = folder / "dataset.yaml"
    text = path.read_text(encoding="utf-8")
    assert find in text
    path.write_text(text.replace(find, put, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=rf"({message}).*\({path}\)$"):
        read_card(folder)


def test_a_card_that_is_no_mapping_is_refused(tmp_path):
    (tmp_path / "dataset.yaml").write_text("just text")
    with pytest.raises(ValueError, match="must be a mapping, got str"):
        read_card(tmp_path)


def test_files_are_added_without_reading_the_others(folder):
    written = write_card(folder, CARD, ["train.tsv", "store/a.i16"])
    (folder / "store" / "a.i16").unlink()
    (folder / "more.tsv").write_bytes(b"more")
    added = add_to_card(folder, {"subsets": {"more": {}}}, ["more.tsv"])
    assert added == read_card(folder) and list(added["files"]) == ["more.tsv", "store/a.i16", "train.tsv"]
    assert added["files"] == written["files"] | {"more.tsv": hashlib.sha256(b"more").hexdigest()}
    assert all(added[key] == written[key] for key in written if key != "files")
    (folder / "dataset.yaml").unlink()
    with pytest.raises(FileNotFoundError, match=r"data set must have a dataset\.yaml, got none in"):
        add_to_card(folder, {}, ["more.tsv"])
