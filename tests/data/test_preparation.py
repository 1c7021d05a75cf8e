from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from fairseq_signals.data import atomic, packing, store
from fairseq_signals.data.card import read_card, verify
from fairseq_signals.data.item import Item, Packing, Reject
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.preparation import SPLITS, Arrangement, Source, Work, prepare, row_of
from fairseq_signals.data.store import Store

N, SAMPLES = 20, 200
SPLIT = ("train", "train", "train", "valid", "test")  # of every five recordings; two of each patient follow each other


def _write(folder: Path, name: str, digital: np.ndarray, leads=STANDARD_LEADS, rate=100) -> None:
    """One WFDB record with a gain of 1000/mV, by the wfdb package."""
    wfdb.wrsamp(
        name,
        fs=rate,
        units=["mV"] * len(leads),
        sig_name=list(leads),
        d_signal=digital.T,
        fmt=["16"] * len(leads),
        adc_gain=[1000.0] * len(leads),
        baseline=[0] * len(leads),
        write_dir=str(folder),
    )


def _digital(number: int, leads: int = 12, samples: int = SAMPLES) -> np.ndarray:
    digital = np.random.default_rng(number).integers(-2000, 2000, (leads, samples))
    if leads > 2:  # limb leads that are none would be found out
        one, two = 2 * (digital[:2] // 4)
        digital[:6] = np.stack([one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2])
    return digital


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    for number in range(N):
        _write(folder, f"r{number:02d}", _digital(number))
    return folder


def _items():
    def patient(n: int) -> str:
        return f"p{n // 10 * 5 + n % 5}"

    return [
        Item(f"r{n:02d}.hea", f"r{n:02d}", patient(n), labels=("A",) if n % 3 else (), split=SPLIT[n % 5])
        for n in range(N)
    ]


def _source(folder, items=None, **changes):
    return replace(Source("test", "1", folder, items or _items()), **changes)


def _arrange(packed, pairs=()):
    rows = [row_of(one) for one in packed]
    splits = {name: [row for row, one in zip(rows, packed, strict=True) if one.item.split == name] for name in SPLITS}
    chosen = {name: [row for row in rows if row.id in ids] for name, ids in dict(pairs).items()}
    return Arrangement(splits, chosen, ["A"], "by hand")


PACKING = Packing(per_shard=3, shortest_s=0.5)


def _prepare(folder, dest, items=None, arrange=_arrange, packing=PACKING, workers=1, overwrite=False, **changes):
    return prepare(_source(folder, items, **changes), dest, packing, arrange, Work(workers, overwrite=overwrite))


def _bytes(dest: Path) -> dict[str, bytes]:
    return {path.relative_to(dest).as_posix(): path.read_bytes() for path in dest.rglob("*") if path.is_file()}


def test_every_sample_is_stored_to_the_bit_and_every_row_leads_to_it(archive, tmp_path, capsys):
    card = _prepare(archive, tmp_path)
    stored, seen = Store(tmp_path / "store"), []
    for name in SPLITS:
        for row in Manifest(tmp_path / f"{name}.tsv"):
            item = next(item for item in _items() if item.id == row.id)
            assert (row.patient, row.labels, name) == (item.patient, item.labels, item.split)
            assert (row.start, row.length, row.rate, row.leads) == (0, SAMPLES, 100.0, STANDARD_LEADS)
            assert stored.entry(*row.stored).nanovolts == 1000
            np.testing.assert_array_equal(stored.read(*row.stored), _digital(int(row.id[1:])))
            seen.append(row.id)
    assert sorted(seen) == [item.id for item in _items()]
    assert card["counts"]["rows"] == {"train": 12, "valid": 4, "test": 4, "pretrain": 12}
    assert card == read_card(tmp_path) and verify(tmp_path, progress=False) == len(_bytes(tmp_path)) - 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["dataset.yaml", "warnings.tsv", "rejected.tsv", "store", *(f"{name}.tsv" for name in (*SPLITS, "pretrain"))]
    )
    assert "test: 20 of 20 recordings of 10 patients" in capsys.readouterr().out


def test_the_number_of_workers_changes_no_byte(archive, tmp_path):
    for workers in (1, 2):
        _prepare(archive, tmp_path / str(workers), workers=workers)
    assert _bytes(tmp_path / "1") == _bytes(tmp_path / "2")


def test_cut_off_before_any_rename_it_continues_to_the_same_bytes(archive, tmp_path, monkeypatch):
    """Every file appears by a rename; the run is broken off before the n-th one, for every n."""
    few = replace(PACKING, per_shard=7)
    _prepare(archive, tmp_path / "whole", packing=few)
    whole, publish = _bytes(tmp_path / "whole"), atomic.publish

    class Killed(BaseException):
        pass

    for n in range(100):
        left, dest = [n], tmp_path / f"cut-{n}"

        def failing(partial, path, left=left):
            if not left[0]:
                raise Killed
            left[0] -= 1
            publish(partial, path)

        for module in (atomic, store):
            monkeypatch.setattr(module, "publish", failing)
        try:
            _prepare(archive, dest, packing=few)
        except Killed:
            for module in (atomic, store):
                monkeypatch.setattr(module, "publish", publish)
            assert not (dest / "dataset.yaml").exists()
            _prepare(archive, dest, packing=few)
            assert _bytes(dest) == whole, n
        else:
            break
    shards, manifests = -(-N // 7), 4
    assert n == 1 + 3 * shards + 2 + manifests + 1, "plan, shards with reports, two lists, manifests, card"


def test_what_is_packed_is_not_read_again(archive, tmp_path, monkeypatch):
    def stop(packed):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _prepare(archive, tmp_path, arrange=stop)
    (tmp_path / "store" / "shard-00002.npy").unlink()  # somebody took a shard away
    read, read_record = [], packing.read_record
    monkeypatch.setattr(
        packing, "read_record", lambda path, *stated: read.append(path.name) or read_record(path, *stated)
    )
    _prepare(archive, tmp_path)
    assert read == ["r06.hea", "r07.hea", "r08.hea"]


def test_a_finished_preparation_is_left_as_it_is(archive, tmp_path, capsys):
    card = _prepare(archive, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    assert _prepare(archive, tmp_path) == card
    assert "prepared already" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


CHANGES = {
    "fewer recordings": {"items": _items()[:-1]},
    "another label": {"items": [replace(_items()[0], labels=("B",)), *_items()[1:]]},
    "another order": {"items": _items()[::-1]},
    "a rate": {"packing": replace(PACKING, rate=50.0)},
    "a bound": {"packing": replace(PACKING, bound_mv=5.0)},
    "leads": {"packing": replace(PACKING, leads=("I",))},
    "a choice": {"choices": {"seed": 2}},
    "a version": {"version": "2"},
    "left out": {"left_out": [Reject(Item("x", "x"), "unlisted", "x")]},
}


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_other_recordings_or_options_in_the_same_place_are_refused(archive, tmp_path, change, finished):
    def stop(packed):
        raise KeyboardInterrupt

    if finished:
        _prepare(archive, tmp_path)
    else:
        with pytest.raises(KeyboardInterrupt):
            _prepare(archive, tmp_path, arrange=stop)
    before = _bytes(tmp_path)
    with pytest.raises(
        ValueError, match=r"dest must be empty or hold the same preparation, got .*--overwrite discards"
    ):
        _prepare(archive, tmp_path, **CHANGES[change])
    assert _bytes(tmp_path) == before


def test_overwrite_discards_all_of_the_old(archive, tmp_path):
    _prepare(archive, tmp_path / "a")
    _prepare(archive, tmp_path / "a", items=_items()[:4], overwrite=True)
    _prepare(archive, tmp_path / "b", items=_items()[:4])
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")


def test_overwrite_continues_what_the_same_command_began(archive, tmp_path, monkeypatch):
    def stop(packed):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _prepare(archive, tmp_path, arrange=stop, overwrite=True)
    monkeypatch.setattr(packing, "read_record", None)
    assert _prepare(archive, tmp_path, overwrite=True)["counts"]["recordings"] == N


def test_what_a_killed_discarding_leaves_can_be_discarded(archive, tmp_path, monkeypatch):
    _prepare(archive, tmp_path)
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _prepare(archive, tmp_path, items=_items()[:4], overwrite=True)
    monkeypatch.undo()
    assert not (tmp_path / "dataset.yaml").exists() and (tmp_path / "store").exists()
    with pytest.raises(ValueError, match="dest must be empty or hold the same preparation"):
        _prepare(archive, tmp_path, items=_items()[:4])
    assert _prepare(archive, tmp_path, items=_items()[:4], overwrite=True)["counts"]["recordings"] == 4


@pytest.fixture
def damaged(tmp_path):
    """A folder with one recording for each way of being useless, and two good ones."""
    folder = tmp_path / "damaged"
    folder.mkdir()
    for name in ("good", "other", "truncated", "again"):
        _write(folder, name, _digital(1))
    data = folder / "truncated.dat"
    data.write_bytes(data.read_bytes()[:-10])
    (folder / "text.hea").write_bytes(b"\x00\xffno header")
    _write(folder, "few", _digital(2, leads=2), leads=("I", "II"))
    invalid = _digital(3)
    invalid[4, 7:10] = -32768  # what format 16 writes for a missing sample
    _write(folder, "invalid", invalid)
    _write(folder, "flat", np.tile(np.arange(12)[:, None], SAMPLES))
    loud = _digital(4)
    loud[11, 5] = 20001
    _write(folder, "loud", loud)
    _write(folder, "short", _digital(5, samples=49))
    _write(folder, "odd", _digital(6))
    header = (folder / "odd.hea").read_text()
    (folder / "odd.hea").write_text(header.replace("odd 12 100 ", "odd 12 0.0049 "))
    return folder


def test_each_reason_for_rejection_is_counted_and_listed(damaged, tmp_path, capsys):
    names = ["good", "truncated", "text", "gone", "few", "invalid", "flat", "loud", "short", "odd", "again", "other"]
    items = [Item(f"{name}.hea", "good" if name == "again" else name, split="train") for name in names]
    left_out = [Reject(Item("stranger.hea", "stranger"), "unlisted", "recording must be listed")]
    card = _prepare(damaged, tmp_path / "out", items, packing=replace(PACKING, rate=50.0), left_out=left_out)
    lines = [line.split("\t") for line in (tmp_path / "out" / "rejected.tsv").read_text().splitlines()]
    assert lines[0] == ["id", "file", "reason", "message"]
    assert [tuple(line[:3]) for line in lines[1:]] == [
        ("truncated", "truncated.hea", "unreadable"),
        ("text", "text.hea", "unreadable"),
        ("gone", "gone.hea", "missing"),
        ("few", "few.hea", "leads"),
        ("invalid", "invalid.hea", "not finite"),
        ("flat", "flat.hea", "flat"),
        ("loud", "loud.hea", "implausible"),
        ("short", "short.hea", "too short"),
        ("odd", "odd.hea", "rate"),
        ("stranger", "stranger.hea", "unlisted"),
        ("good", "again.hea", "duplicate id"),
    ]
    assert "3 of 2400 that are not (aVL)" in lines[5][3], "aVL is the fifth lead"
    assert not any(str(tmp_path) in line[3] for line in lines), "equal input must give equal bytes in any folder"
    once = ("missing", "leads", "not finite", "flat", "implausible", "too short", "rate", "duplicate id", "unlisted")
    assert card["counts"]["rejected"] == dict.fromkeys(once, 1) | {"unreadable": 2}
    assert (card["counts"]["offered"], card["counts"]["recordings"]) == (13, 2)
    assert card["counts"]["same signal as another"] == 1
    assert [row.id for row in Manifest(tmp_path / "out" / "train.tsv")] == ["good", "other"]
    assert "1 missing, 2 unreadable, 1 leads, 1 not finite" in capsys.readouterr().out


def test_a_reader_that_fails_in_any_way_does_not_stop_the_rest(archive, tmp_path, monkeypatch):
    read_record = packing.read_record

    def fragile(path, *stated):
        if path.name == "r03.hea":
            raise MemoryError("a header that lies\nabout length")
        return read_record(path, *stated)

    monkeypatch.setattr(packing, "read_record", fragile)
    assert _prepare(archive, tmp_path)["counts"]["rejected"] == {"unreadable": 1}
    assert "unreadable\tMemoryError: a header that lies about length" in (tmp_path / "rejected.tsv").read_text()


def test_a_full_disk_is_no_reason_for_rejection(archive, tmp_path, monkeypatch):
    def full(self, signal):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing.ShardWriter, "add", full)
    with pytest.raises(OSError, match="No space left"):
        _prepare(archive, tmp_path)
    monkeypatch.undo()
    assert _prepare(archive, tmp_path)["counts"]["recordings"] == N


def test_odd_recordings_are_kept_and_noted(archive, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    _write(folder, "r", _digital(0))
    data = bytearray((folder / "r.dat").read_bytes())
    data[100] ^= 1  # the checksum in the header does not fit any more
    (folder / "r.dat").write_bytes(data)
    card = _prepare(folder, tmp_path / "out", [Item("r.hea", "r", split="train")])
    assert card["counts"]["with warnings"] == 1 and card["counts"]["recordings"] == 1
    assert "r\tr.hea\tchecksums" in (tmp_path / "out" / "warnings.tsv").read_text()


def test_nothing_usable_is_an_error_that_names_the_list(damaged, tmp_path):
    message = r"at least one recording must be usable, got none of 1; 1 flat, such as flat: .* .see .*rejected\.tsv"
    with pytest.raises(ValueError, match=message):
        _prepare(damaged, tmp_path / "out", [Item("flat.hea", "flat", split="train")])
    assert "flat.hea\tflat" in (tmp_path / "out" / "rejected.tsv").read_text()


def test_resampling_and_leads(archive, tmp_path):
    card = _prepare(archive, tmp_path, packing=replace(PACKING, rate=250.0, leads=("I", "V2")))
    row = Manifest(tmp_path / "train.tsv")[0]
    assert (row.rate, row.length, row.leads, card["rate"]) == (250.0, SAMPLES * 5 // 2, ("I", "V2"), 250.0)
    assert Store(tmp_path / "store").entry(*row.stored)[1:3] == (2, 500)


def test_mixed_rates_stand_in_the_rows_and_not_in_the_card(tmp_path):
    for name, rate in (("a", 100), ("b", 257)):
        _write(tmp_path, name, _digital(0), rate=rate)
    items = [Item(f"{name}.hea", name, split="train") for name in "ab"]
    assert _prepare(tmp_path, tmp_path / "out", items)["rate"] is None
    assert Manifest(tmp_path / "out" / "train.tsv").column("rate") == ["100", "257"]


def test_a_patient_in_two_splits_stops_it(archive, tmp_path):
    items = _items()
    items[3] = replace(items[3], patient=items[0].patient)
    with pytest.raises(ValueError, match=r"patient must be in one split only, got 'p0' in train and in valid"):
        _prepare(archive, tmp_path, items)
    assert not (tmp_path / "dataset.yaml").exists()


def test_pretraining_is_without_the_patients_of_the_pairs(archive, tmp_path):
    pairs = {"gallery": ["r00"], "probe": ["r05"], "valid_gallery": ["r01"], "valid_probe": ["r06"]}
    card = _prepare(archive, tmp_path, arrange=lambda packed: _arrange(packed, pairs))
    kept = [row.id for row in Manifest(tmp_path / "pretrain.tsv")]
    assert kept == [row.id for row in Manifest(tmp_path / "train.tsv") if row.id not in ("r00", "r05", "r01", "r06")]
    rows = {"train": 12, "valid": 4, "test": 4, "pretrain": 8}
    assert card["counts"]["rows"] == rows | dict.fromkeys(pairs, 1)


def test_somebody_in_test_and_validation_pairs_stops_it(archive, tmp_path):
    pairs = {"gallery": ["r00"], "probe": ["r05"], "valid_gallery": ["r00"], "valid_probe": ["r05"]}
    with pytest.raises(ValueError, match="must be in one split only, got 'r00' in test pairs and in validation pairs"):
        _prepare(archive, tmp_path, arrange=lambda packed: _arrange(packed, pairs))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"rate": 0.0}, "rate must be positive"),
        ({"rate": float("nan")}, "rate must be positive"),
        ({"bound_mv": float("nan")}, "bound must be positive"),
        ({"bound_mv": 0.0}, "bound must be positive"),
        ({"shortest_s": -1.0}, "shortest duration must be at least 0 s"),
        ({"per_shard": 0}, "recordings per shard must be at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(setting, message):
    with pytest.raises(ValueError, match=message):
        Packing(**setting)
