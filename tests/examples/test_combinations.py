"""The pre-training sets of Mehari & Strodthoff 2022, combined by their shipped plans of made-up and of real folders."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from fairseq_signals.data.card import write_card
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.store import ShardWriter
from manifests import cinc2021, ptbxl
from manifests.parts.cinc2021_parts import PRESETS

ROOT = Path(__file__).resolve().parents[2]
PLANS = ROOT / "examples" / "mehari2022" / "combinations"
CINC2020 = ("cpsc_2018", "cpsc_2018_extra", "st_petersburg_incart", "ptb", "georgia")
FOLDERS = {  # of the shipped commands: source of the card, Hz, and recordings as (id, patient, source, split)
    "ptbxl": ("PTB-XL", 500, [(str(n), f"p{n // 2}", "", ("train", "valid", "test")[n // 6]) for n in range(18)]),
    "ptbxl100": ("PTB-XL", 100, [(str(n), f"p{n // 2}", "", ("train", "valid", "test")[n // 6]) for n in range(18)]),
    "cinc2020_rest": (
        "PhysioNet/CinC Challenge 2021",
        500,
        [(f"{letter}0001", f"{letter}0001", source, "train") for letter, source in zip("AQISE", CINC2020, strict=True)]
        + [("E0002", "E0002", "georgia", "valid")],
    ),
    "chapman": ("Chapman-Shaoxing (figshare)", 500, [("MUSE_1", "MUSE_1", "chapman_shaoxing", "train")]),
    "code_test": ("CODE-test", 400, [(f"code_test-{n}", f"code_test-{n}", "CODE-test", "test") for n in range(2)]),
}


def _prepare(folder, source, rate, recordings):
    """A folder of one second of noise per recording."""
    (folder / "store").mkdir(parents=True)
    rows, generator = {"train": [], "valid": [], "test": []}, np.random.default_rng(len(folder.name))
    with ShardWriter(folder / "store", "shard-00000") as writer:
        for id, patient, part, split in recordings:
            place = writer.add(generator.integers(-999, 999, (12, rate)).astype(np.float32) / 1000)
            cells = {"waveform": f"{generator.integers(1 << 62):016x}", "source": part}
            row = Row(id, f"shard-00000:{place}", 0, rate, float(rate), STANDARD_LEADS, patient, extra=cells)
            rows[split].append(row)
    for name, some in {**rows, "pretrain": rows["train"]}.items():
        write_manifest(folder / f"{name}.tsv", some, ("waveform", "source"))
    card = {"source": source, "version": None, "counts": {}, "classes": ["A"], "unannotated": [], "rate": float(rate)}
    files = [*(f"{name}.tsv" for name in (*rows, "pretrain")), "store/shard-00000.i16", "store/shard-00000.npy"]
    write_card(folder, card | {"split": "by hand", "options": {"rate": None}}, files)


def _combined(name, folder):
    """Combines by a shipped plan as its head says; the card, and ids by list."""
    path = list(sys.path)
    main = runpy.run_path(str(ROOT / "scripts" / "combine.py"))["main"]
    sys.path[:] = path  # to which the script adds
    card = main(["--from", str(PLANS / f"{name}.yaml"), "--dest", str(folder / name), "--workers", "1"])
    assert card["rate"] == 100.0
    return card, {split: Manifest(folder / name / f"{split}.tsv").column("id") for split in ("train", "valid", "test")}


@pytest.fixture
def made(tmp_path, monkeypatch):
    for name, (source, rate, recordings) in FOLDERS.items():
        _prepare(tmp_path / "data" / name, source, rate, recordings)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _ids(folder, *splits):
    name = "ptbxl" if folder == "ptbxl100" else folder
    return {f"{name}/{id}" for id, _, _, split in FOLDERS[folder][2] if split in splits}


def test_all_trains_on_everything_but_the_folds_that_are_scored(made):
    card, lists = _combined("all", made)
    rest = ("cinc2020_rest", "chapman")
    assert set(lists["train"]) == set.union(*(_ids(one, "train") for one in ("ptbxl", *rest))) | _ids(
        "code_test", "test"
    )
    assert set(lists["valid"]) == set.union(*(_ids(one, "valid") for one in ("ptbxl", *rest)))
    assert set(lists["test"]) == _ids("ptbxl", "test")
    assert card["counts"]["offered"] == sum(len(FOLDERS[one][2]) for one in ("ptbxl", *rest, "code_test"))


def test_the_papers_form_trains_on_the_test_fold_too(made):
    _, lists = _combined("all_test_fold_included", made)
    assert set(lists["train"]) >= _ids("ptbxl", "train", "valid", "test") and not lists["test"]


def test_ptbxl_alone_is_its_own_folds(made):
    _, lists = _combined("ptbxl", made)
    assert {name: set(ids) for name, ids in lists.items()} == {name: _ids("ptbxl100", name) for name in lists}


def test_the_third_is_the_challenge_without_ptbxl_and_proven_to_be(made):
    card, lists = _combined("cinc2020_without_ptbxl", made)
    assert set(lists["train"]) == {id.replace("_rest", "") for id in _ids("cinc2020_rest", "train")}
    assert [proof["source"] for proof in card["apart from"]] == ["PTB-XL"]
    assert card["apart from"][0]["recordings"] == 18 and len(card["apart from"][0]["compared"]) == 5
    assert PRESETS["mehari2022-without-ptbxl"].parts == CINC2020, "which the plan's folder is prepared with"


@pytest.mark.parametrize("stranger", [("HR00003", "HR00003", "georgia", "train"), ("E0003", "E0003", "ptb-xl", "test")])
def test_the_third_ends_where_anything_of_ptbxl_is_in_it(made, stranger):
    source, rate, recordings = FOLDERS["cinc2020_rest"]
    folder = made / "data" / "cinc2020_rest"
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    _prepare(folder, source, rate, [*recordings, stranger])
    with pytest.raises(
        ValueError, match=rf"must have no recording of PTB-XL .* got 1 .* such as cinc2020/{stranger[0]}"
    ):
        _combined("cinc2020_without_ptbxl", made)


@pytest.mark.real
def test_the_third_from_real_records(real_ecgs, tmp_path, monkeypatch):
    """Every real record of the five sub-sources is compared by name, and those of 500 Hz by their samples."""
    mixed = real_ecgs("cinc2021") / "cinc2021-mixed"
    source = real_ecgs("ptbxl500") / "ptbxl-500hz-first500"
    ptbxl.main(["--source", str(source), "--dest", str(tmp_path / "data" / "ptbxl"), "--workers", "1"])
    choices = ["--preset", "mehari2022-without-ptbxl", "--shares", "0.9,0.1,0", "--workers", "1"]
    cinc2021.main(["--source", str(mixed), "--dest", str(tmp_path / "data" / "cinc2020_rest"), *choices])
    monkeypatch.chdir(tmp_path)
    card, lists = _combined("cinc2020_without_ptbxl", tmp_path)
    letters = {name: name.removeprefix("cinc2020/").rstrip("0123456789") for ids in lists.values() for name in ids}
    assert set(letters.values()) == {"A", "Q", "S", "E"} and not lists["test"] and lists["valid"]
    sources = {"A": "cpsc2018", "Q": "cpsc2018extra", "S": "ptb", "E": "georgia"}
    numbers = {sources[letter]: list(letters.values()).count(letter) for letter in sources}
    assert card["apart from"][0]["compared"] == {
        name: {"recordings": number, "by name": number, "by waveform": 0 if name == "ptb" else number}
        for name, number in numbers.items()
    }
