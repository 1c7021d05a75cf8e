"""Splits of made-up rows with copies in every direction, against plain loops over what must not be shared."""

import random

import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.row import Row
from fairseq_signals.data.splits import SHARES
from manifests.details.cinc2021_splits import split_rows

HELD_OUT = ("cpsc_2018", "georgia")
LABELS = (("AF",), ("SR",), ("RBBB", "SR"), (), ("AF", "LBBB"))


def _row(id, source, patient=None, waveform=None, labels=("SR",)):
    cells = {"source": source, "waveform": waveform or id}
    return Row(id, f"s:{id}", 0, 5000, 500.0, STANDARD_LEADS, patient or id, labels, extra=cells)


def _held_out_parts():
    rows = [_row(f"A{n:04d}", "cpsc_2018", labels=LABELS[n % 5]) for n in range(150)]
    return rows + [_row(f"E{n:05d}", "georgia", labels=LABELS[n % 4]) for n in range(200)]


def _splits(rows, official=None, seed=1, held_out=HELD_OUT):
    drawn = split_rows(rows, official or {}, held_out, SHARES, seed)
    return {row.id: split for row, split in zip(rows, drawn.splits, strict=True)}, drawn


@pytest.mark.parametrize("part", ["cpsc_2018_extra", "chapman_shaoxing", "ningbo", "ptb-xl"])
@pytest.mark.parametrize("seed", [1, 2])
def test_copies_elsewhere_change_no_split_and_are_not_trained_on(part, seed):
    """Names of digits, as PTB-XL's patients have, sort before those of the recordings that they are copies of."""
    ours = _held_out_parts()
    alone, _ = _splits(ours, seed=seed)
    copied = [_row(f"X{n}", part, patient=str(n), waveform=row.id) for n, row in enumerate(ours) if n % 3]
    strangers = [_row(f"Y{n}", part, patient=f"1{n:04d}") for n in range(50)]
    rows = [*copied, *ours, *strangers]
    random.Random(seed).shuffle(rows)
    splits, drawn = _splits(rows, seed=seed)
    assert {row.id: splits[row.id] for row in ours} == alone and drawn.moved == 0
    assert sorted(alone.values()).count("test") == pytest.approx(35, abs=2)
    for row in copied:
        assert splits[row.id] == ("train" if alone[row.extra["waveform"]] == "train" else None)
    assert all(splits[row.id] == "train" for row in strangers)
    assert set(drawn.left_out) == {name for name, split in splits.items() if split is None}
    assert len(drawn.left_out) > 30


def test_a_whole_patient_goes_where_one_recording_is_held_out():
    """Of patient 17, one recording is a copy of Georgia's; of 18, two are, which makes Georgia's two one person."""
    ours = _held_out_parts()
    alone, _ = _splits(ours)
    tested = [name for name, split in alone.items() if split == "test"]
    trained = [name for name, split in alone.items() if split == "train"]
    theirs = [
        _row("HR1", "ptb-xl", "17", waveform=tested[0]),
        _row("HR2", "ptb-xl", "17"),
        _row("HR3", "ptb-xl", "18", waveform=tested[1]),
        _row("HR4", "ptb-xl", "18", waveform=trained[0]),
        _row("HR5", "ptb-xl", "19", waveform=trained[1]),
        _row("HR6", "ptb-xl", "19"),
    ]
    splits, drawn = _splits([*theirs, *ours])
    expected = alone | dict.fromkeys(["HR1", "HR2", "HR3", "HR4", trained[0]]) | {"HR5": "train", "HR6": "train"}
    assert splits == expected and sorted(drawn.left_out) == sorted(["HR1", "HR2", "HR3", "HR4", trained[0]])


def test_copies_among_the_held_out_are_in_one_split_whatever_else_is_taken():
    """Every tenth recording of CPSC again in CPSC, and every fifth again in Georgia."""
    ours = _held_out_parts()
    ours += [_row(f"A9{n:03d}", "cpsc_2018", waveform=f"A{n:04d}") for n in range(0, 150, 10)]
    ours += [_row(f"E9{n:04d}", "georgia", waveform=f"A{n:04d}") for n in range(0, 150, 5)]
    alone, drawn = _splits(ours)
    homes = {}
    for row in ours:
        assert homes.setdefault(row.extra["waveform"], alone[row.id]) == alone[row.id]
    assert drawn.moved > 0 and drawn.left_out == []
    extra = [_row(f"Q{n}", "cpsc_2018_extra", waveform=row.extra["waveform"]) for n, row in enumerate(ours)]
    splits, again = _splits([*extra, *ours])
    assert {name: splits[name] for name in alone} == alone and again.moved == drawn.moved


def test_official_splits_stay_and_their_copies_are_not_trained_on():
    rows = [_row(f"HR{n}", "ptb-xl", patient=str(n // 2)) for n in range(20)]
    official = {row.id: ("train", "valid", "test")[n // 2 % 3] for n, row in enumerate(rows)}
    copies = [_row(f"S{n}", "ptb", waveform=f"HR{n}") for n in range(0, 20, 2)]
    splits, drawn = _splits([*copies, *rows], official, held_out=("ptb-xl",))
    assert {name: splits[name] for name in official} == official and drawn.moved == 0
    assert [splits[row.id] for row in copies] == [
        "train" if official[row.extra["waveform"]] == "train" else None for row in copies
    ]
