"""Whole combinations of small folders, compared row by row with what went in."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fairseq_signals.data import atomic, store
from fairseq_signals.data.card import read_card, verify
from fairseq_signals.data.combination import linking
from fairseq_signals.data.combination.combine import combine
from fairseq_signals.data.dataset import WindowDataset
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.preparation import Work
from fairseq_signals.data.store import Store

LISTS = ("train", "valid", "test", "pretrain", "gallery", "probe")


def _bytes(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _rows(folder: Path, name: str) -> list:
    path = folder / f"{name}.tsv"
    return list(Manifest(path)) if path.exists() else []


@pytest.fixture
def two(prepared, made):
    """Two sources that share nobody; the first has a gallery and both classes, the second two leads and class B."""
    splits = ("train", "train", "valid", "test")
    recordings = [made(f"r{n}", f"p{n // 2}", splits[n // 2], "A" if n % 2 else "") for n in range(8)]
    pairs = {"gallery": ["r2"], "probe": ["r3"]}
    one = prepared("one", recordings, identified=pairs, extra={"age": "50"}, pairs=True)
    others = [made(f"r{n}", f"p{n}", "train" if n else "test", "B") for n in range(3)]
    return one, prepared("two", others, ("B",), leads=STANDARD_LEADS[:2])


def test_every_row_leads_to_the_samples_of_its_source(two, plan, tmp_path):
    card = combine(plan(*two), tmp_path / "all")
    combined = Store(tmp_path / "all" / "store")
    for name in LISTS:
        received = iter(_rows(tmp_path / "all", name))
        for part in two:
            for row in _rows(part.folder, name):
                new = next(received)
                assert (new.id, new.patient) == (f"{part.name}/{row.id}", f"{part.name}/{row.patient}")
                assert (new.start, new.length, new.rate, new.leads) == (row.start, row.length, row.rate, row.leads)
                samples = Store(part.folder / "store").read(*row.stored)
                np.testing.assert_array_equal(combined.read(*new.stored), samples)
        assert next(received, None) is None
    assert card == read_card(tmp_path / "all")
    assert verify(tmp_path / "all", progress=False) == len(_bytes(tmp_path / "all")) - 1
    rows = {"train": 6, "valid": 2, "test": 3, "pretrain": 4, "gallery": 1, "probe": 1}
    assert card["counts"] == {"offered": 11, "recordings": 11, "patients": 7, "rows": rows}
    batch = WindowDataset(tmp_path / "all" / "train.tsv", 100, 3.0).batch(list(range(6)))
    assert batch["present"].sum(1).tolist() == [12, 12, 12, 12, 2, 2]


def test_classes_that_a_source_does_not_annotate_are_unknown_there(two, plan, tmp_path):
    combine(plan(*two), tmp_path / "all")
    labels, known = label_matrix(Manifest(tmp_path / "all" / "train.tsv"), ["A", "B"])
    assert labels.tolist() == [[False, False], [True, False]] * 2 + [[False, True]] * 2
    assert known.tolist() == [[True, True]] * 4 + [[False, True]] * 2
    assert [row.labels + row.unknown for row in _rows(tmp_path / "all", "test")] == [(), ("A",), ("B", "A")]


def test_the_summary_says_what_the_card_says(two, plan, tmp_path, capsys):
    card = combine(plan(replace(two[0], share=0.5), two[1]), tmp_path / "all")
    out = capsys.readouterr().out
    assert "one (one; 100 Hz; share 0.5, weight 1)\n  patients are those of: one\n" in out
    taken = card["parts"][0]["taken out"]["not in the share of 0.5"]
    assert "not in the share of 0.5: " + ", ".join(f"{name} {count}" for name, count in taken.items()) in out
    for part, folder in zip(card["parts"], two, strict=True):
        for name, offered in part["offered"].items():
            assert offered == len(Manifest(folder.folder / f"{name}.tsv"))
            gone = sum(counts.get(name, 0) for counts in part["taken out"].values())
            left = [one for one in _rows(tmp_path / "all", name) if one.id.startswith(part["name"])]
            assert offered - gone == part["kept"].get(name, 0) == len(left)


def test_columns_are_united_and_source_and_weight_are_told(two, plan, tmp_path):
    combine(plan(two[0], replace(two[1], weight=0.25)), tmp_path / "all")
    rows = _rows(tmp_path / "all", "train")
    assert [row.extra["age"] for row in rows] == ["50"] * 4 + [""] * 2
    assert [row.extra["source"] for row in rows] == ["one"] * 4 + ["two"] * 2
    assert [row.extra["sampling_weight"] for row in rows] == ["1"] * 4 + ["0.25"] * 2
    combine(plan(*two), tmp_path / "unweighted")
    assert "sampling_weight" not in Manifest(tmp_path / "unweighted" / "train.tsv").columns


def test_a_weight_that_rows_have_already_is_multiplied(prepared, made, plan, tmp_path):
    heavy = prepared("heavy", [made("a", "1")], extra={"sampling_weight": "0.5"}, weight=0.5)
    combine(plan(heavy, prepared("plain", [made("b", "2")])), tmp_path / "all")
    assert [row.extra["sampling_weight"] for row in _rows(tmp_path / "all", "train")] == ["0.25", "1"]


def test_a_part_that_is_trained_on_whole_has_all_its_recordings_in_both_lists_of_training(two, plan, tmp_path, capsys):
    one = replace(two[0], whole=True, pairs=False)
    card = combine(plan(one, two[1]), tmp_path / "all")
    combined, theirs = Store(tmp_path / "all" / "store"), Store(one.folder / "store")
    every = [row for name in ("train", "valid", "test") for row in _rows(one.folder, name)]
    for name in ("train", "pretrain"):
        mine = [row for row in _rows(tmp_path / "all", name) if row.id.startswith("one/")]
        assert [row.id for row in mine] == [f"one/{row.id}" for row in every]
        for row, old in zip(mine, every, strict=True):
            np.testing.assert_array_equal(combined.read(*row.stored), theirs.read(*old.stored))
    assert [row.id for row in _rows(tmp_path / "all", "test")] == ["two/r0"] and not _rows(tmp_path / "all", "valid")
    assert card["parts"][0]["whole"] and card["parts"][0]["offered"] == {"train": 8, "pretrain": 8}
    assert (
        "one (one; 100 Hz; share 1, weight 1, trained on whole, its valid and test included)" in capsys.readouterr().out
    )
    out = combine(plan(one, exclude=(one.folder / "test.tsv",)), tmp_path / "less")
    assert out["parts"][0]["taken out"] == {"one/test.tsv: recording": {"train": 2, "pretrain": 2}}


def test_a_list_to_exclude_that_has_changed_is_another_plan(two, plan, tmp_path):
    (tmp_path / "out.txt").write_text("one/r0\n")
    choices = plan(*two, exclude=(tmp_path / "out.txt",))
    combine(choices, tmp_path / "all")
    (tmp_path / "out.txt").write_text("one/r0\none/r1\n")
    with pytest.raises(ValueError, match="dest must be empty or hold the same preparation"):
        combine(choices, tmp_path / "all")


def test_shards_are_the_sources_own_files_and_stay_when_the_sources_go(two, plan, tmp_path, capsys):
    combine(plan(*two), tmp_path / "all")
    for part in two:
        for file in (part.folder / "store").iterdir():
            assert os.path.samefile(file, tmp_path / "all" / "store" / f"{part.name}-{file.name}")
        shutil.rmtree(part.folder)
    assert verify(tmp_path / "all", progress=False) and "copied" not in capsys.readouterr().out


def test_where_links_are_impossible_shards_are_copied_and_this_is_said(two, plan, tmp_path, monkeypatch, capsys):
    combine(plan(*two), tmp_path / "linked")

    def refuse(*_):
        raise OSError("cross-device link")

    monkeypatch.setattr(linking.os, "link", refuse)
    combine(plan(*two), tmp_path / "copied")
    assert _bytes(tmp_path / "linked") == _bytes(tmp_path / "copied")
    assert not os.path.samefile(*(tmp_path / one / "store" / "one-shard-00000.i16" for one in ("linked", "copied")))
    assert "6 shards could not be linked and were copied" in capsys.readouterr().out


def _sine(wave, rate, seconds, leads):
    """1 mV at 5 Hz, its phase told by lead and wave."""
    times = np.arange(round(rate * seconds)) / rate
    return np.rint(1000 * np.sin(2 * np.pi * 5 * times + np.arange(leads)[:, None] + wave)).astype(np.int16)


@pytest.fixture
def fast_and_slow(prepared, made):
    """Sines at 250 Hz with crops at odd places, of which one shard is not used, and one recording at 100 Hz."""
    recordings = [made(f"r{n}", f"p{n // 2}", wave=n + 1, seconds=3 + n % 2 / 250) for n in range(6)]
    pairs = {"gallery": ["r1", "r2"], "probe": ["r0", "r3"]}
    fast = prepared("fast", recordings, rate=250.0, signal=_sine, identified=pairs, pairs=True)
    return fast, prepared("slow", [made("r0", "p0", wave=77)])


def test_another_rate_is_resampled_and_crops_keep_their_time(fast_and_slow, plan, tmp_path):
    fast, slow = fast_and_slow
    with pytest.raises(ValueError, match="rate must be given where recordings differ, got 100, 250 Hz"):
        combine(plan(fast, slow), tmp_path / "all")
    (tmp_path / "out.txt").write_text("fast/r4\n")
    card = combine(plan(fast, slow, rate=100.0, exclude=(tmp_path / "out.txt",)), tmp_path / "all")
    combined, seen = Store(tmp_path / "all" / "store"), 0
    for name in LISTS:
        olds = {f"fast/{row.id}": row for row in _rows(fast.folder, name)}
        for row in _rows(tmp_path / "all", name):
            if row.id == "slow/r0":
                assert (
                    combined.read(*row.stored).tobytes()
                    == Store(slow.folder / "store").read("shard-00000", 0).tobytes()
                )
                continue
            old, wave = olds[row.id], int(row.extra["waveform"], 16)
            entry = combined.entry(*row.stored)
            assert (row.rate, entry.length) == (100, 300 if int(row.id[-1]) % 2 == 0 else 301)
            # Its samples are those whose time lies within the old stretch.
            within = [t for t in range(entry.length) if old.start <= t * 2.5 < old.start + old.length]
            assert (row.start, row.length) == (within[0], len(within))
            times = np.arange(row.start, row.start + row.length)[20:-20] / 100
            expected = np.sin(2 * np.pi * 5 * times + np.arange(12)[:, None] + wave)
            received = combined.read(*row.stored)[:, row.start : row.start + row.length][:, 20:-20]
            np.testing.assert_allclose(received.astype(float) * entry.nanovolts * 1e-6, expected, atol=0.01)
            seen += 1
    assert (seen, card["rate"]) == (5 + 1 + 4, 100.0)
    assert len(combined.index("fast-shard-00002")) == 1  # r4 is used by nobody, and its shard holds r5 alone
    assert verify(tmp_path / "all", progress=False)


def test_the_number_of_workers_changes_no_byte(fast_and_slow, plan, tmp_path):
    for workers in (1, 2):
        combine(plan(*fast_and_slow, rate=100.0), tmp_path / str(workers), Work(workers))
    assert _bytes(tmp_path / "1") == _bytes(tmp_path / "2")


def test_cut_off_before_any_rename_or_link_it_continues_to_the_same_bytes(fast_and_slow, plan, tmp_path, monkeypatch):
    """Every file appears by a rename or a link; the run is broken off before the n-th one, for every n."""
    choices = plan(*fast_and_slow, rate=100.0)
    combine(choices, tmp_path / "whole")
    whole, publish, link = _bytes(tmp_path / "whole"), atomic.publish, os.link

    class Killed(BaseException):
        pass

    def counted(function, left):
        def call(*arguments):
            if not left[0]:
                raise Killed
            left[0] -= 1
            return function(*arguments)

        return call

    for n in range(100):
        left, dest = [n], tmp_path / f"cut-{n}"
        with monkeypatch.context() as patch:
            for module in (atomic, store, linking):
                patch.setattr(module, "publish", counted(publish, left))
            patch.setattr(linking.os, "link", counted(link, left))
            try:
                combine(choices, dest)
                break
            except Killed:
                pass
        assert read_card(dest) is None
        combine(choices, dest)
        assert _bytes(dest) == whole
        file = "shard-00000.i16"  # fits, and is a second name of the source's file however the run was broken off
        assert os.path.samefile(dest / "store" / f"slow-{file}", fast_and_slow[1].folder / "store" / file)
    assert n > 12 and _bytes(dest) == whole


def test_a_combination_begun_with_other_choices_is_refused(two, plan, tmp_path, capsys):
    combine(plan(*two), tmp_path / "all")
    before = _bytes(tmp_path / "all")
    combine(plan(*two), tmp_path / "all")
    assert "is combined already" in capsys.readouterr().out
    for other in (plan(two[0]), plan(*two, seed=2), plan(*two[::-1]), plan(two[0], replace(two[1], weight=2.0))):
        with pytest.raises(ValueError, match="dest must be empty or hold the same preparation"):
            combine(other, tmp_path / "all")
    assert _bytes(tmp_path / "all") == before
    combine(plan(two[0]), tmp_path / "all", Work(overwrite=True))
    assert read_card(tmp_path / "all")["counts"]["recordings"] == 8
    assert all(verify(part.folder, progress=False) for part in two)  # what was discarded were second names
    with pytest.raises(ValueError, match="dest must be another folder than the sources"):
        combine(plan(*two), two[0].folder)


def test_a_source_that_is_not_what_its_card_tells_is_refused(two, plan, tmp_path):
    file = two[1].folder / "store" / "shard-00001.i16"
    whole = file.read_bytes()
    file.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(
        ValueError, match=r"files must be as dataset.yaml tells, got other contents in .*shard-00001.i16"
    ):
        combine(plan(*two), tmp_path / "all")
    assert read_card(tmp_path / "all") is None
    file.write_bytes(whole)
    combine(plan(*two), tmp_path / "all")  # and goes on where it was
    with open(two[0].folder / "train.tsv", "a") as table:
        table.write("\n")
    with pytest.raises(ValueError, match=r"got other contents in .*train.tsv"):
        combine(plan(*two), tmp_path / "other")


def test_numbers_that_are_no_millivolts_are_refused_unless_wanted(two, prepared, made, plan, tmp_path):
    odd = prepared("odd", [made("a", "b")], card={"units": "as given, not calibrated"})
    with pytest.raises(ValueError, match="units must be mV, got 'as given, not calibrated'"):
        combine(plan(two[0], odd), tmp_path / "all")
    card = combine(plan(two[0], odd, allow_uncalibrated=True), tmp_path / "all")
    assert card["units"] == "each source has its own: as given, not calibrated, mV"
    with pytest.raises(ValueError, match="units must be mV"):
        combine(plan(replace(two[1]), replace(two[0], folder=tmp_path / "all", name="all")), tmp_path / "again")


def test_a_folder_that_is_not_prepared_or_of_another_format_is_refused(two, plan, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"source must be a prepared folder with dataset.yaml"):
        combine(plan(replace(two[0], folder=tmp_path)), tmp_path / "all")
    card = two[0].folder / "dataset.yaml"
    card.write_text(card.read_text().replace("format: 1", "format: 2"))
    with pytest.raises(ValueError, match="format must be 1, got 2"):
        combine(plan(*two), tmp_path / "all")


def test_a_combination_can_be_combined_again(two, prepared, made, plan, tmp_path):
    combine(plan(two[0]), tmp_path / "first")
    again = replace(two[0], folder=tmp_path / "first", name="first", pairs=False)
    with pytest.raises(ValueError, match="namespace must be left out for a folder that is a combination itself"):
        combine(plan(replace(again, namespace="others")), tmp_path / "all")
    third = prepared("three", [made("x", "p0", source="one")])  # the same person as one/p0, who is trained on
    combine(plan(again, two[1], third), tmp_path / "all")
    rows = _rows(tmp_path / "all", "train")
    assert [row.id for row in rows] == [*(f"first/one/r{n}" for n in range(4)), "two/r1", "two/r2", "three/x"]
    assert [row.patient for row in rows][-1] == rows[0].patient == "one/p0"
    assert {row.stored[0] for row in rows} >= {"first-one-shard-00000", "two-shard-00000"}
