"""Levels of noise against the table they come from, and their noise against a plain imitation of the public code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record
from fairseq_signals.evaluation.noise_levels import (
    LEVELS,
    NoiseLevel,
    decibels,
    noise_of,
    noisy,
    physiological_noise,
    power,
)
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.transforms.pipeline import Pipeline, resolve_transforms
from fairseq_signals.transforms.windows import Windows

GROUP = Path(__file__).resolve().parents[2] / "examples" / "mehari2022" / "transforms"
SAMPLES = 1000


def _record(name="a", leads=STANDARD_LEADS, samples=SAMPLES, rate=100.0):
    signal = np.random.default_rng(1).normal(size=(12, samples)).astype(np.float32)
    return Record(signal[[STANDARD_LEADS.index(lead) for lead in leads]], rate, leads, name)


def test_the_amplitudes_are_the_published_table_s():
    table = """
    0.05 0.25 0.1 0.5
    0.1  0.5  0.2 1
    0.1  1    0.2 2
    0.2  1    0.4 2
    0.2  1.5  0.4 2.5
    0.3  2    0.5 3
    """
    rows = [tuple(map(float, line.split())) for line in table.strip().splitlines()]
    found = [(level.wander, level.emg, level.powerline, level.shift) for level in LEVELS.values()]
    assert found == rows and list(LEVELS) == [1, 2, 3, 4, 5, 6]


def test_the_recipe_of_physiological_noise_is_level_2():
    found = compose_recipe(GROUP / "physiological.yaml")["task"]["transforms"]
    for ours, level in zip(found, physiological_noise(LEVELS[2]), strict=True):
        assert ours.pop("amplitude") == pytest.approx(level.pop("amplitude"))
        assert resolve_transforms([ours]) == resolve_transforms([level])


def test_the_recipe_of_crop_and_time_out_is_the_pair_of_the_paper():
    found = compose_recipe(GROUP / "rrc_to.yaml")["task"]["transforms"]
    assert resolve_transforms(found) == resolve_transforms("random_resized_crop, time_out")


def _wander(rng, most):
    time, noise = np.arange(SAMPLES) / 100, np.zeros(SAMPLES)
    for k in range(1, 51):
        noise += rng.uniform() * np.cos(2 * np.pi * k * 0.01 * time + rng.uniform(0, 2 * np.pi))
    return np.tile(rng.uniform(0, most) * noise, (3, 1))


def _powerline(rng, most):
    strength, phase = rng.uniform(0, most), rng.uniform(0, 2 * np.pi)
    waves = (rng.uniform() * np.cos(2 * np.pi * k * 50 * np.arange(SAMPLES) / 100 + phase) for k in (1, 2, 3))
    return strength**2 * sum(waves) * rng.uniform(-1, 1, (3, 1))


def _emg(rng, most):
    return rng.normal(0, rng.uniform(0, most), (3, SAMPLES))


def _shift(rng, most):
    noise = np.zeros(SAMPLES)
    for _ in range(rng.integers(0, 4)):
        middle, seconds = rng.integers(SAMPLES), rng.normal(3, 0.6)
        noise[max(0, int(middle - 50 * seconds)) : int(middle + 50 * seconds) + 1] = rng.uniform(-1, 1)
    return rng.uniform(0, most) * noise * rng.choice([-1, 1], (3, 1)) * rng.normal(1, 1, (3, 1))


@pytest.mark.parametrize("imitate, only", [(_wander, 0), (_emg, 1), (_powerline, 2), (_shift, 3)])
def test_each_noise_is_as_loud_as_in_the_public_form(imitate, only):
    # The law of the strengths over many recordings, and their mean.
    amplitudes = [0.0] * 4
    amplitudes[only] = 0.7
    number, rng, leads = 800, np.random.default_rng(2), ("II", "III", "V1")
    silence = Windows(torch.zeros(number, 3, SAMPLES), torch.ones(number, 3, dtype=torch.bool), leads=leads)
    specs = physiological_noise(NoiseLevel(*amplitudes))
    found = Pipeline("single", specs, 100.0)(silence, torch.Generator().manual_seed(0)).signal.double().numpy()
    expected = np.stack([imitate(rng, 0.7) for _ in range(number)])
    ours, theirs = ((noise**2).mean((1, 2)) ** 0.5 for noise in (found, expected))
    assert ks_2samp(ours, theirs).pvalue > 1e-3 and ours.mean() == pytest.approx(theirs.mean(), rel=0.12)
    alike = [(np.abs(noise[:, 1] - noise[:, 0]).max(1) < 1e-9).mean() for noise in (found, expected)]
    assert alike[0] == pytest.approx(alike[1], abs=0.08), "wander, and windows without a shift, are equal in all leads"


def test_noise_depends_on_seed_level_and_id_alone():
    torch.manual_seed(0)
    first = noise_of(_record("a"), 3)
    torch.manual_seed(1)  # the global state must not matter
    noise_of(_record("b"), 5)
    assert np.array_equal(first, noise_of(_record("a"), 3)) and first.dtype == np.float32
    others = [noise_of(_record("a"), 3, seed=2), noise_of(_record("a"), 4), noise_of(_record("b"), 3)]
    for other in others:  # from sample to sample most of the difference is the muscles'
        assert abs(np.corrcoef(np.diff(first).ravel(), np.diff(other).ravel())[0, 1]) < 0.1


def test_a_lead_s_noise_does_not_depend_on_the_other_leads():
    few = ("II", "V2")
    whole, part = noise_of(_record(), 4), noise_of(_record(leads=few), 4)
    assert np.array_equal(part, whole[[STANDARD_LEADS.index(lead) for lead in few]])


def test_noise_is_added_and_level_0_adds_none():
    record = _record()
    noise = noise_of(record, 2)
    changed = noisy(record, noise)
    np.testing.assert_array_equal(changed.signal, record.signal + noise)
    assert (changed.id, changed.leads, changed.rate) == (record.id, record.leads, record.rate)
    assert not noise_of(record, 0).any() and np.array_equal(noisy(record, noise_of(record, 0)).signal, record.signal)


def test_recordings_of_any_length_and_rate_have_noise():
    for samples, rate in ((7, 100.0), (0, 100.0), (2500, 500.0), (999, 250.0)):
        noise = noise_of(_record(samples=samples, rate=rate), 6)
        assert noise.shape == (12, samples) and np.isfinite(noise).all()


def test_louder_levels_are_louder():
    powers = [np.mean([power(noise_of(_record(str(name)), level)) for name in range(30)]) for level in (1, 3, 6)]
    assert powers == sorted(powers)


def test_decibels_against_a_tone_on_a_tone():
    time = np.arange(1000) / 100
    tone, hum = np.cos(2 * np.pi * 5 * time), 0.1 * np.cos(2 * np.pi * 20 * time)
    assert power(tone) == pytest.approx(0.5) and decibels(power(tone), power(hum)) == pytest.approx(20)
    assert decibels(1.0, 0.0) == np.inf and np.isnan(decibels(0.0, 1.0)) and np.isnan(decibels(0.0, 0.0))
    assert power(np.zeros((12, 0))) == 0.0


@pytest.mark.parametrize("level", [7, -1, "3"])
def test_unknown_levels_are_answered_with_the_known_ones(level):
    with pytest.raises(ValueError, match="level of noise must be one of 0, 1, 2, 3, 4, 5, 6, got"):
        noise_of(_record(), level)
