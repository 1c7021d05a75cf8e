import argparse

import pytest

from fairseq_signals.data.row import Row
from manifests.parts.arranging import add_shares, by_split, pairs_of_splits, split_by_patient


def _row(number, patient, waveform=None, labels=()):
    extra = {"waveform": waveform or f"w{number}"}
    return Row(f"r{number}", "s:0", 0, 1000, 100.0, ("I",), patient, labels=labels, extra=extra)


def test_patients_and_equal_signals_stay_together_in_splits_of_the_shares_asked_for():
    rows = [_row(n, f"p{n // 2}", labels=("AF",) if n % 4 == 0 else ()) for n in range(200)]
    rows += [_row(200 + n, f"q{n}", waveform=f"w{2 * n}") for n in range(50)]  # the same signals under other names
    splits, how = split_by_patient(rows, {"train": 0.6, "valid": 0.2, "test": 0.2}, seed=3)
    for name, number in (("train", 150), ("valid", 50), ("test", 50)):
        assert abs(len(splits[name]) - number) <= 3, "groups of three cannot always be dealt out exactly"
    assert sum(len(part) for part in splits.values()) == 250
    assert sum(bool(row.labels) for row in splits["test"]) == 10
    for key in (lambda row: row.patient, lambda row: row.extra["waveform"]):
        homes = {}
        for name, part in splits.items():
            assert all(homes.setdefault(key(row), name) == name for row in part)
    assert how == "by patient, stratified by label (train 0.6, valid 0.2, test 0.2), seed 3"
    assert split_by_patient(rows, {"train": 0.6, "valid": 0.2, "test": 0.2}, seed=4)[0] != splits


def test_given_splits_are_kept_and_a_row_without_one_is_nowhere():
    rows = [_row(n, f"p{n}") for n in range(4)]
    splits = by_split(rows, ["test", None, "train", "test"])
    assert {name: [row.id for row in part] for name, part in splits.items()} == {
        "train": ["r2"],
        "valid": [],
        "test": ["r0", "r3"],
    }


def test_pairs_stay_in_their_split_and_their_lack_is_said():
    splits = {"train": [_row(0, "a"), _row(1, "a")], "valid": [_row(2, "b")], "test": [_row(3, "c"), _row(4, "c")]}
    pairs, how, remarks = pairs_of_splits(splits, 5.0, 1)
    assert set(pairs) == {"gallery", "probe"} and "a random crop of 5 s" in how
    assert {pairs["gallery"][0].id, pairs["probe"][0].id} == {"r3", "r4"}
    assert remarks == ["no pairs for identification: no patient of valid has two recordings of 5 s"]
    assert pairs_of_splits({**splits, "test": []}, 5.0, 1) == (
        {},
        "no gallery and probe, as no patient has two recordings",
        ["no pairs for identification: no patient of test or valid has two recordings of 5 s"],
    )


def test_shares_are_three_numbers_that_add_up_to_one(capsys):
    parser = argparse.ArgumentParser()
    add_shares(parser)
    assert parser.parse_args([]).shares == {"train": 0.8, "valid": 0.1, "test": 0.1}
    assert parser.parse_args(["--shares", "1,0,0"]).shares["train"] == 1
    for wrong in ("1,1,1", "0.5,0.5", "1.5,-0.5,0", "nan,0.5,0.5", "a,b,c"):
        with pytest.raises(SystemExit):
            parser.parse_args(["--shares", wrong])
        assert "shares must be three numbers that add up to 1" in capsys.readouterr().err


def test_whose_recording_is_somebody_elses_too_is_in_no_pair():
    test = [_row(0, "a"), _row(1, "a"), _row(2, "b"), _row(3, "b"), _row(4, "c"), _row(5, "c"), _row(6, "d", "w0")]
    train = [_row(7, "e", waveform="w2")]
    pairs, _, remarks = pairs_of_splits({"train": train, "valid": [], "test": test}, 5.0, 1)
    assert [row.patient for row in (*pairs["gallery"], *pairs["probe"])] == ["c", "c"]
    assert remarks[0] == "in no gallery and probe, as the same recording is somebody else's too: 4 patients"
