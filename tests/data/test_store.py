import pickle

import numpy as np
import pytest

from fairseq_signals.data.store import ENTRY, ShardWriter, Store, quantise


@pytest.fixture
def microvolts():
    """Every value a 16-bit file can hold, `[12, T]`."""
    values = np.arange(-32768, 32768)
    return np.random.default_rng(0).permutation(np.resize(values, 12 * 6000)).reshape(12, 6000)


def _write(folder, *signals, name="shard-00000"):
    with ShardWriter(folder, name) as writer:
        return [writer.add(signal) for signal in signals]


def test_files_with_a_gain_of_1000_per_millivolt_come_through_to_the_bit(microvolts):
    signal = (microvolts / 1000).astype(np.float32)  # what a reader makes of them
    integers, nanovolts = quantise(signal)
    assert nanovolts == 1000 and integers.dtype == np.int16
    np.testing.assert_array_equal(integers, microvolts)


@pytest.mark.parametrize(
    ("peak", "unit"), [(0.0, 1000), (32.767, 1000), (-32.768, 1000), (32.7676, 1001), (65.0, 1984)]
)
def test_unit_is_the_smallest_that_holds_the_peak(peak, unit):
    signal = np.array([[0.0, peak, 0.001]], np.float32)
    integers, nanovolts = quantise(signal)
    assert nanovolts == unit
    np.testing.assert_allclose(integers * (nanovolts * 1e-6), signal, atol=nanovolts * 0.5e-6 * 1.001)
    smaller = np.rint(np.float64(np.float32(peak)) * 1e6 / (unit - 1))
    assert unit == 1000 or not -32768 <= smaller <= 32767


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(bad):
    with pytest.raises(ValueError, match=r"signal must be finite, got 1 samples"):
        quantise(np.array([[0, bad]], np.float32))


def test_a_peak_beyond_the_largest_unit_and_a_wrong_shape_are_refused():
    with pytest.raises(ValueError, match="must stay within kilovolts"):
        quantise(np.array([[1e9]], np.float32))
    with pytest.raises(ValueError, match=r"signal must be \[L, T\], got shape \(3,\)"):
        quantise(np.zeros(3, np.float32))


def test_layout_on_disk_is_flat_little_endian_lead_after_lead(tmp_path):
    first, second = np.array([[1, 2, 3], [4, 5, 6]]), np.array([[-7, 8]])
    assert _write(tmp_path, *((x / 1000).astype(np.float32) for x in (first, second))) == [0, 1]
    assert (tmp_path / "shard-00000.i16").read_bytes() == np.array([1, 2, 3, 4, 5, 6, -7, 8], "<i2").tobytes()
    index = np.load(tmp_path / "shard-00000.npy")
    assert index.dtype == ENTRY and index.tolist() == [(0, 2, 3, 1000), (6, 1, 2, 1000)]


def test_stretches_are_views_of_what_was_written_also_in_another_process(tmp_path, microvolts):
    _write(tmp_path, (microvolts / 1000).astype(np.float32), (np.full((2, 7), 65.534)).astype(np.float32))
    store = Store(tmp_path)
    store.read("shard-00000", 0)
    sent = pickle.dumps(store)
    assert len(sent) < 500, "memory maps must not travel"
    store = pickle.loads(sent)
    assert store.shards() == ["shard-00000"] and len(store.index("shard-00000")) == 2
    assert store.entry("shard-00000", 1) == (12 * 6000, 2, 7, 2000)
    stretch = store.read("shard-00000", 0, 100, 350)
    np.testing.assert_array_equal(stretch, microvolts[:, 100:350])
    assert not stretch.flags.writeable and not stretch.flags.owndata
    np.testing.assert_array_equal(store.read("shard-00000", 1), np.full((2, 7), 32767))


def test_an_exception_leaves_nothing_behind(tmp_path):
    with pytest.raises(RuntimeError), ShardWriter(tmp_path, "a") as writer:
        writer.add(np.ones((1, 5), np.float32))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_no_index_before_the_data_is_whole(tmp_path):
    with ShardWriter(tmp_path, "a") as writer:
        writer.add(np.ones((1, 5), np.float32))
        assert [path.suffix for path in tmp_path.iterdir()] == [".partial"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.i16", "a.npy"]


def test_an_empty_shard_can_be_read(tmp_path):
    _write(tmp_path)
    assert len(Store(tmp_path).index("shard-00000")) == 0


def test_more_shards_than_may_be_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("fairseq_signals.data.store._OPEN_SHARDS", 2)
    for number in range(5):
        _write(tmp_path, np.full((1, 3), number / 1000, np.float32), name=f"s{number}")
    store = Store(tmp_path)
    views = [store.read(f"s{number}", 0) for number in range(5)]
    assert len(store._maps) == 2
    assert [view[0, 0] for view in views] == [0, 1, 2, 3, 4]


def test_truncated_data_is_refused_with_both_sizes(tmp_path):
    _write(tmp_path, np.ones((2, 50), np.float32))
    data = tmp_path / "shard-00000.i16"
    data.write_bytes(data.read_bytes()[:-6])
    with pytest.raises(ValueError, match=r"must have 200 bytes, as its index tells, got 194 \(.*shard-00000\.i16\)"):
        Store(tmp_path).read("shard-00000", 0)


def test_a_damaged_index_is_refused(tmp_path):
    _write(tmp_path, np.ones((2, 50), np.float32), np.ones((2, 50), np.float32))
    path = tmp_path / "shard-00000.npy"
    index = np.load(path)
    index["offset"][1] -= 1
    np.save(path, index)
    with pytest.raises(ValueError, match=r"one after the other, got gaps \(.*shard-00000\.npy\)"):
        Store(tmp_path).index("shard-00000")
    np.save(path, np.zeros(3))
    with pytest.raises(ValueError, match="shard index must list"):
        Store(tmp_path).index("shard-00000")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match="shard index must be a whole NumPy file"):
        Store(tmp_path).index("shard-00000")
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="shard index must be a whole NumPy file"):
        Store(tmp_path).index("shard-00000")


def test_what_is_not_there_is_refused(tmp_path):
    _write(tmp_path, np.ones((2, 50), np.float32))
    store = Store(tmp_path)
    for row in (-1, 1):
        with pytest.raises(ValueError, match=f"row must be 0 to 0 in shard shard-00000 of 1 recordings, got {row}"):
            store.entry("shard-00000", row)
    for start, stop in ((-1, 5), (5, 4), (0, 51)):
        with pytest.raises(ValueError, match=f"samples must lie in 0 to 50, got {start} to {stop}"):
            store.read("shard-00000", 0, start, stop)
    with pytest.raises(FileNotFoundError, match=r"got no .*other\.npy"):
        store.index("other")
    with pytest.raises(FileNotFoundError, match="store must be a folder of shards"):
        Store(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["../shard", "a/b", "", ".", "a b", "a\n"])
def test_shard_names_stay_inside_the_folder(tmp_path, name):
    with pytest.raises(ValueError, match="shard must be a name"):
        ShardWriter(tmp_path, name)
    with pytest.raises(ValueError, match="shard must be a name"):
        Store(tmp_path).index(name)
