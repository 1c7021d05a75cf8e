import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from fairseq_signals.data.item import Item, Packing, Stated
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.preparation import SPLITS, Arrangement, Source, prepare, row_of
from fairseq_signals.data.record import Record
from fairseq_signals.data.self_test import examine, judge

_WAVE = [0.35, 0.9, -0.5, 1.2, 1.0, 0.4, 0.6, 0.8]  # heights in mV of a beat in I, II, V1 to V6


def _leads(seed: int) -> np.ndarray:
    """Twelve leads of ten beats at 100 Hz in mV: I, II and the chest drawn, the others by their definitions."""
    generator = np.random.default_rng(seed)
    time = np.arange(1000) / 100 + generator.uniform()
    shapes = [np.exp(-((((time - shift) % 1.0 - 0.5) / 0.03) ** 2) / 2) for shift in generator.uniform(0, 0.05, 8)]
    eight = np.array(_WAVE)[:, None] * shapes * generator.uniform(0.9, 1.1) + generator.normal(0, 0.01, (8, 1000))
    one, two = eight[:2]
    return np.stack([one, two, two - one, -(one + two) / 2, one - two / 2, two - one / 2, *eight[2:]])


def _write(folder: Path, name: str, signal: np.ndarray, gain: float = 1000.0) -> Item:
    """A WFDB record by the wfdb package: samples in microvolts, whatever gain its header states."""
    folder.mkdir(exist_ok=True)
    digital = np.rint(signal * 1000).astype(int).T
    named = {"units": ["mV"] * 12, "sig_name": list(STANDARD_LEADS), "fmt": ["16"] * 12, "baseline": [0] * 12}
    wfdb.wrsamp(name, fs=100, d_signal=digital, adc_gain=[gain] * 12, write_dir=str(folder), **named)
    return Item(f"{name}.hea", name, labels=(), split=SPLITS[len(list(folder.glob("*.hea"))) % 3])


def _arrange(packed):
    splits = {name: [row_of(one) for one in packed if one.item.split == name] for name in SPLITS}
    return Arrangement(splits, {}, [], "by hand")


def _prepare(folder, items, dest, stated=None, **packing):
    return prepare(Source("s", "1", folder, items, stated=stated or Stated()), dest, Packing(**packing), _arrange)


@pytest.fixture
def mixed(tmp_path):
    """40 sound recordings, and one of each kind that is not."""
    folder = tmp_path / "in"
    items = [_write(folder, f"r{seed:02d}", _leads(seed)) for seed in range(40)]
    exchanged, damaged, flat = _leads(50)[[0, 1, 2, 3, 5, 4, *range(6, 12)]], _leads(51), _leads(52)
    damaged[2, 400] += 3
    flat[9] = 0
    items += [_write(folder, "exchanged", exchanged), _write(folder, "damaged", damaged), _write(folder, "flat", flat)]
    items += [_write(folder, "legacy", _leads(53), gain=4880.0), _write(folder, "again", _leads(0))]
    items[-1] = replace(items[-1], split=items[0].split)  # a copy in another split is a leak
    return folder, items


def test_a_preparation_tells_all_that_is_wrong_and_odd(mixed, tmp_path, capsys):
    folder, items = mixed
    card = _prepare(folder, items, tmp_path / "out")
    rejected = [line.split("\t") for line in (tmp_path / "out" / "rejected.tsv").read_text().splitlines()[1:]]
    assert [(id, fault) for id, _, fault, _ in rejected] == [("exchanged", "leads exchanged"), ("legacy", "wrong unit")]
    assert rejected[0][3].endswith("aVL and aVF are exchanged")
    assert "got 4880 steps per mV (1000 in 44 of 45 recordings)" in rejected[1][3]
    warned = [line.split("\t") for line in (tmp_path / "out" / "warnings.tsv").read_text().splitlines()[1:]]
    assert {id: text for id, _, text in warned} == {
        "damaged": "limb leads must agree (III = II - I and the like), got errors of up to III 2.997 mV in 0.1% of the samples",  # noqa: E501
        "flat": "constant: V4",
        "again": "holds the same signal as r00",
    }
    counts = card["counts"]
    assert counts["rejected"] == {"leads exchanged": 1, "wrong unit": 1} and counts["recordings"] == 43
    assert (counts["limb leads tested"], counts["limb leads obey their identities"]) == (45, 43)
    assert "check: III = II - I and the other identities of limb leads hold in 43 of 45 recordings" in capsys.readouterr().out  # fmt: skip  # noqa: E501


def test_suspects_are_kept_when_that_is_wanted(mixed, tmp_path):
    folder, items = mixed
    card = _prepare(folder, items, tmp_path / "out", keep_suspect=True)
    assert card["counts"]["recordings"] == len(items) and card["counts"]["rejected"] == {}
    warned = (tmp_path / "out" / "warnings.tsv").read_text()
    assert "aVL and aVF are exchanged" in warned and "gain must fit the amplitude" in warned


@pytest.fixture
def misread(tmp_path):
    """A source whose files name aVL and aVF one another's channel."""
    folder, order = tmp_path / "in", [0, 1, 2, 3, 5, 4, *range(6, 12)]
    return folder, [_write(folder, f"r{seed:02d}", _leads(seed)[order]) for seed in range(12)]


def test_a_source_with_exchanged_leads_is_refused_and_the_way_out_leads_out(misread, tmp_path):
    folder, items = misread
    with pytest.raises(ValueError, match=r"12 of 12 .* --relabel aVL=aVF,aVF=aVL; --keep-suspect keeps it \(see .*out"):
        _prepare(folder, items, tmp_path / "out")
    assert not (tmp_path / "out" / "dataset.yaml").exists()
    card = _prepare(folder, items, tmp_path / "new", relabel=(("aVL", "aVF"), ("aVF", "aVL")))
    assert card["counts"]["recordings"] == 12 and card["counts"]["with warnings"] == 0


def test_a_refusal_can_be_overruled_and_is_then_told(misread, tmp_path, capsys):
    folder, items = misread
    card = _prepare(folder, items, tmp_path / "out", keep_suspect=True)
    assert card["checks"][0].startswith("kept against the rule that leads must be what the files call them")
    assert card["counts"]["recordings"] == 12


def test_nothing_is_concluded_from_numbers_that_are_no_millivolts(misread, tmp_path):
    folder, items = misread
    card = _prepare(folder, items, tmp_path / "out", stated=Stated(calibrated=False))
    assert card["counts"]["recordings"] == 12 and "limb leads tested" not in card["counts"]


def test_the_facts_of_a_million_recordings_are_small_and_plain():
    record = Record(_leads(0).astype(np.float32), 100.0, STANDARD_LEADS, "r")
    facts = examine(replace(record, meta={"gain": (1000.0,) * 12, "unit": ("mV",) * 12}))
    assert json.loads(json.dumps(facts)) == facts and len(json.dumps(facts)) < 120
    assert set(facts) == {"amplitude", "gain", "limb", "chest", "heart rate"}


@pytest.mark.parametrize("samples", [1, 2, 50])
@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("leads", [STANDARD_LEADS, ("I",), ("V1", "V2"), STANDARD_LEADS[:6]])
def test_whatever_a_recording_holds_it_can_be_examined(samples, value, leads):
    signal = np.zeros((len(leads), samples), np.float32)
    signal[::2] = value
    signal[:, 0] += np.float32(0.5)
    assert json.loads(json.dumps(examine(Record(signal, 100.0, leads, "r")), allow_nan=False)) is not None


def test_an_empty_source_has_no_verdict():
    assert judge([]) == judge([], calibrated=False) == judge([], keep_suspect=True)
