from dataclasses import replace

import numpy as np
import pytest

from fairseq_signals.data.checks.chest_order import FACT, chest_facts, judge_chest_order
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.self_test import judge

CHEST = STANDARD_LEADS[6:]


def _around_the_chest(seed):
    """A dipole in the horizontal plane, seen from six places around it: neighbours see nearly the same."""
    generator = np.random.default_rng(seed)
    x, y = generator.normal(0, 1, (2, 500))
    angles = np.radians([115, 95, 75, 55, 30, 5])  # of V1 to V6, from the left side
    chest = np.cos(angles)[:, None] * x + np.sin(angles)[:, None] * y
    limb = np.stack([x, *generator.normal(0, 1, (5, 500))])
    return np.concatenate([limb, chest + generator.normal(0, 0.3, chest.shape)]).astype(np.float32)


def _packed(heart, packed_of, order=range(6), count=100):
    rows = [*range(6), *(6 + place for place in order)]
    record = heart(seconds=5.0)
    return [packed_of(replace(record, signal=_around_the_chest(n)[rows]), f"r{n}") for n in range(count)]


def test_the_facts_are_correlations(heart):
    record = replace(heart(seconds=5.0), signal=_around_the_chest(0))
    letters = chest_facts(record)[FACT]
    rows = record.signal[[0, *range(6, 12)]].astype(np.float64)
    expected = np.corrcoef(rows)[np.triu_indices(7, 1)]
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
    told = [alphabet.index(letter) / 32 - 1 for letter in letters]
    np.testing.assert_allclose(told, expected, atol=1 / 64 + 1e-6)


def test_the_right_order_passes(heart, packed_of):
    verdict = judge_chest_order(_packed(heart, packed_of))
    assert verdict.card == {"chest leads": "in order"} and not verdict.lines


def test_leads_that_are_not_alike_have_no_order(heart, packed_of):
    record = heart(seconds=5.0)
    noise = np.random.default_rng(0).normal(0, 1, (12, 500)).astype(np.float32)  # the same for all: far from order
    verdict = judge_chest_order([packed_of(replace(record, signal=noise), f"r{n}") for n in range(100)])
    assert verdict.card == {} and not verdict.lines and verdict.refusal is None


@pytest.mark.parametrize(
    ("order", "relabel"),
    [
        ((5, 4, 3, 2, 1, 0), "V6=V1,V5=V2,V4=V3,V3=V4,V2=V5,V1=V6"),
        ((1, 0, 2, 3, 4, 5), "V2=V1,V1=V2"),
        ((0, 1, 2, 4, 3, 5), "V5=V4,V4=V5"),
        ((3, 4, 5, 0, 1, 2), "V4=V1,V5=V2,V6=V3,V1=V4,V2=V5,V3=V6"),
    ],
)
def test_another_order_is_refused_with_the_way_out(heart, packed_of, order, relabel):
    packed = _packed(heart, packed_of, order)
    refusal = judge_chest_order(packed).refusal
    assert f"--relabel {relabel} puts them right" in refusal and "over 100 recordings" in refusal
    found = ", ".join(CHEST[order.index(k)] for k in range(6))
    assert f"those named {found} were V1 to V6" in refusal
    assert judge(packed).refusal.endswith("; --keep-suspect keeps it")
    kept = judge(packed, keep_suspect=True)
    assert kept.refusal is None and any(f"--relabel {relabel}" in line for line in kept.lines)
    names = dict(pair.split("=") for pair in relabel.split(","))
    shown = dict(zip(CHEST, order, strict=True))  # what the channel named so really shows
    assert all(CHEST[shown[name]] == lead for name, lead in names.items())


def test_leads_that_are_nearly_copies_of_one_another_have_no_order_and_are_only_told(heart, packed_of):
    """One beat in all of them, V4 smaller than V5 and V6 and so noisier: V6 is the more like it by chance alone."""

    def record(n):
        generator = np.random.default_rng(n)
        beat = np.exp(-(((np.arange(500) / 100) % 0.8 - 0.4) ** 2) / 2 / 0.03**2)
        chest = np.array([-1, -0.5, 0, 0.5, 1, 1.5])[:, None] * beat + generator.normal(0, 0.02, (6, 500))
        limb = beat + generator.normal(0, 0.02, (6, 500))
        return replace(heart(seconds=5.0), signal=np.concatenate([limb, chest]).astype(np.float32))

    verdict = judge_chest_order([packed_of(record(n), f"r{n}") for n in range(100)])
    (line,) = verdict.lines
    assert verdict.refusal is None and line.startswith("CHEST LEADS: ") and "--relabel V6=V5,V5=V6" in line


def test_a_third_that_is_exchanged_does_not_refuse_the_source(heart, packed_of):
    right = _packed(heart, packed_of, count=70)
    verdict = judge_chest_order([*right, *_packed(heart, packed_of, (1, 0, 2, 3, 4, 5), 30)])
    assert verdict.refusal is None and verdict.card == {"chest leads": "in order"}


def test_few_recordings_and_missing_or_flat_leads_tell_nothing(heart, packed_of):
    assert judge_chest_order(_packed(heart, packed_of, (1, 0, 2, 3, 4, 5), 99)).card == {}
    assert chest_facts(heart().select(("I", "V1", "V2"))) == {}
    for value in (0.0, np.nan):
        signal = heart().signal.copy()
        signal[9] = value
        with np.errstate(invalid="ignore"):
            assert chest_facts(replace(heart(), signal=signal)) == {}


@pytest.mark.real
def test_real_chest_leads_are_in_order_and_any_exchange_of_neighbours_is_seen(real_ecgs, packed_of):
    from fairseq_signals.data.readers import read_record

    paths = sorted((real_ecgs("ptbxl500") / "ptbxl-500hz-first500").rglob("*.hea"))[:200]
    records = [read_record(path) for path in paths]
    assert judge_chest_order([packed_of(record) for record in records]).card == {"chest leads": "in order"}
    for k in range(5):
        names = {CHEST[k]: CHEST[k + 1], CHEST[k + 1]: CHEST[k]}
        refusal = judge_chest_order([packed_of(record.renamed(names)) for record in records]).refusal
        assert f"--relabel {CHEST[k + 1]}={CHEST[k]},{CHEST[k]}={CHEST[k + 1]} puts" in refusal
