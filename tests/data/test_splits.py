from collections import Counter

import numpy as np
import pytest

from fairseq_signals.data.row import Row
from fairseq_signals.data.splits import SHARES, check_disjoint, joined_by_signal, split_patients

FREQUENCIES = {"SR": 0.6, "AF": 0.15, "LBBB": 0.05, "WPW": 0.01}


def _source(n_patients=2000, seed=0):
    """Patients with 1 to 4 recordings, some much oftener ill than others."""
    generator = np.random.default_rng(seed)
    patients, labels = [], []
    for number in range(n_patients):
        for _ in range(generator.choice([1, 2, 3, 4], p=[0.7, 0.2, 0.07, 0.03])):
            patients.append(f"p{number}")
            labels.append(tuple(code for code, p in FREQUENCIES.items() if generator.random() < p))
    return patients, labels


def _per_split(patients, split, chosen):
    return Counter(split[patient] for patient, wanted in zip(patients, chosen, strict=True) if wanted)


def test_each_label_is_shared_out_as_all_recordings_are():
    patients, labels = _source()
    split = split_patients(patients, labels, seed=3)
    assert set(split) == set(patients)
    everyone = _per_split(patients, split, [True] * len(patients))
    for name, share in SHARES.items():
        assert everyone[name] == pytest.approx(share * len(patients), abs=3)
    for code in FREQUENCIES:
        carries = [code in codes for codes in labels]
        counts = _per_split(patients, split, carries)
        for name, share in SHARES.items():
            assert counts[name] == pytest.approx(share * sum(carries), abs=3), (code, name)
    numbers = Counter(patients)
    repeated = _per_split(patients, split, [numbers[patient] > 1 for patient in patients])
    for name, share in SHARES.items():
        assert repeated[name] == pytest.approx(share * repeated.total(), abs=4), "who can be identified"


def test_the_rarest_label_is_dealt_out_first():
    """Ten carriers of a label can be shared out 8, 1, 1 to the last one; dealt out last they would fall by chance."""
    labels = [("rare", "common") if n % 100 == 0 else ("common",) if n % 2 else () for n in range(1000)]
    patients = [f"p{n}" for n in range(1000)]
    for seed in range(5):
        split = split_patients(patients, labels, seed=seed)
        assert _per_split(patients, split, ["rare" in codes for codes in labels]) == {"train": 8, "valid": 1, "test": 1}
        common = _per_split(patients, split, ["common" in codes for codes in labels])
        assert common == {"train": 408, "valid": 51, "test": 51}


def test_a_random_split_is_not_as_even():
    """What the tolerance above is worth: chance alone spreads a label several times as far."""
    patients, labels = _source()
    names, generator, worst = sorted(set(patients)), np.random.default_rng(0), []
    for _ in range(20):
        split = dict(zip(names, generator.choice(list(SHARES), len(names), p=list(SHARES.values())), strict=True))
        carries = ["SR" in codes for codes in labels]
        counts = _per_split(patients, split, carries)
        worst.append(max(abs(counts[name] - share * sum(carries)) for name, share in SHARES.items()))
    assert np.median(worst) > 3 * 3


def test_order_of_the_recordings_does_not_matter_and_the_seed_does():
    patients, labels = _source(300)
    split = split_patients(patients, labels, seed=1)
    order = np.random.default_rng(1).permutation(len(patients))
    assert split_patients([patients[i] for i in order], [labels[i][::-1] for i in order], seed=1) == split
    other = split_patients(patients, labels, seed=2)
    assert 0.27 < np.mean([split[patient] != other[patient] for patient in split]) < 0.41, "independent: 0.34"


def test_a_split_without_share_gets_nobody():
    patients, labels = _source(200)
    assert set(split_patients(patients, labels, {"train": 0.7, "valid": 0.0, "test": 0.3}).values()) == {
        "train",
        "test",
    }


def test_recordings_without_labels_are_shared_out_as_well():
    split = split_patients([str(number) for number in range(1000)], [()] * 1000)
    assert Counter(split.values()) == {"train": 800, "valid": 100, "test": 100}


@pytest.mark.parametrize("shares", [{"train": 0.8, "test": 0.3}, {"train": 1.5, "test": -0.5}])
def test_shares_must_add_up(shares):
    with pytest.raises(ValueError, match="shares must not be negative and add up to 1"):
        split_patients(["a"], [()], shares)


def test_one_set_of_labels_per_recording():
    with pytest.raises(ValueError, match="labels must be one set for each of 2 patients, got 1"):
        split_patients(["a", "b"], [()])


def _row(name, patient):
    return Row(name, "s:0", 0, 10, 100.0, ("I",), patient)


def test_a_patient_or_recording_in_two_splits_is_an_error():
    rows = [_row("1", "a"), _row("2", "a"), _row("3", "b")]
    check_disjoint({"train": rows[:2], "test": rows[2:]})
    with pytest.raises(ValueError, match=r"patient must be in one split only, got 'a' in train and in test"):
        check_disjoint({"train": rows[:1], "test": rows[1:]})
    with pytest.raises(ValueError, match=r"recording must be in one split only, got '3' in train and in test"):
        check_disjoint({"train": rows, "test": [_row("3", "c")]})


def test_patients_who_share_a_signal_are_one_group():
    patients = ["a", "b", "c", "d", "e", "c"]
    digests = ["1", "1", "2", "3", "4", "4"]  # a and b share 1; c and e share 4
    assert joined_by_signal(patients, digests) == ["a", "a", "c", "d", "c", "c"]
    assert joined_by_signal(["d", "c", "b", "a"], ["1", "1", "2", "2"]) == ["c", "c", "a", "a"]
    assert set(joined_by_signal(["b", "c", "a", "b", "c"], ["1", "1", "2", "2", "3"])) == {"a"}
    chain = joined_by_signal(["a", "b", "b", "c", "c", "d"], ["1", "1", "2", "2", "3", "3"])
    assert set(chain) == {"a"}
