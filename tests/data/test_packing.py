import numpy as np
import pytest

from fairseq_signals.data import packing
from fairseq_signals.data.item import Item, Packing
from fairseq_signals.data.packing import pack
from fairseq_signals.data.record import Record
from fairseq_signals.data.store import Store

LEADS = ("I", "II", "V1")


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Root, store and reports; recordings are made up by name: `7` has 100 samples of 7 µV, and one of 0."""

    def read(path, *stated):
        signal = np.full((3, 100), int(path.name) / 1000, np.float32)
        signal[1, 50] = 0
        return Record(signal, 100.0, LEADS, path.name, patient="p", labels=("AF",), meta={"age": 0.0, "gain": (1,)})

    monkeypatch.setattr(packing, "read_record", read)
    monkeypatch.setattr(packing, "_reader_and_files", lambda path: (None, [path]))
    for name in ("store", "reports"):
        (tmp_path / name).mkdir()
    return tmp_path, tmp_path / "store", tmp_path / "reports"


def _packing(**changes):
    return Packing(**({"leads": ("I", "II"), "shortest_s": 0.5, "per_shard": 4} | changes))


def test_items_are_cut_into_shards_of_a_fixed_size_rejected_ones_included(folders):
    items = [Item(str(n), f"id{n}") for n in (5, 0, 7, 8, 9, 1)]  # 0 is flat
    packed, rejects = pack(items, *folders, _packing())
    assert [(one.item.id, one.ecg) for one in packed] == [
        ("id5", "shard-00000:0"), ("id7", "shard-00000:1"), ("id8", "shard-00000:2"),
        ("id9", "shard-00001:0"), ("id1", "shard-00001:1"),
    ]  # fmt: skip
    assert [(reject.item, reject.fault) for reject in rejects] == [(items[1], "flat")]
    for one in packed:
        samples = Store(folders[1]).read(*one.ecg.split(":")[:1], int(one.ecg.split(":")[1]))
        assert samples.shape == (2, 100) and samples[0, 0] == int(one.item.file) and samples[1, 50] == 0


def test_what_the_file_tells_comes_along(folders):
    (one, same, other), _ = pack([Item("3", "a"), Item("3", "b"), Item("4", "c")], *folders, _packing(per_shard=2))
    assert (one.length, one.rate, one.leads, one.patient, one.labels) == (100, 100.0, ("I", "II"), "p", ("AF",))
    assert one.meta == {"age": 0.0}, "a newborn's age is an age"
    assert one.digest == same.digest != other.digest


def test_progress_counts_recordings_and_starts_where_it_was(folders, capsys):
    items = [Item(str(n), str(n)) for n in range(1, 11)]
    pack(items, *folders, _packing())
    assert "10/10" in capsys.readouterr().err
    (folders[2] / "shard-00001.json").unlink()
    pack(items, *folders, _packing())
    assert "6/10" in capsys.readouterr().err.split("\r")[1]


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


def test_a_worker_that_does_not_see_the_source_does_not_call_it_missing(folders):
    root, store, reports = folders
    with pytest.raises(FileNotFoundError, match=r"source must be a folder that every worker sees, got .*nowhere on "):
        pack([Item("7", "a")], root / "nowhere", store, reports, _packing())
