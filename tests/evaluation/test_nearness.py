import numpy as np
import pytest
from scipy.stats import pearsonr

from fairseq_signals.evaluation.nearness import nearness


def test_nearness_is_pearsons_correlation_and_the_root_mean_square():
    rng = np.random.default_rng(0)
    original = rng.normal(size=50).astype(np.float32)
    guess = (0.5 * original + rng.normal(size=50)).astype(np.float32)
    found = nearness(original, guess)
    assert found.samples == 50
    assert found.correlation == pytest.approx(pearsonr(original.astype(float), guess.astype(float))[0])
    assert found.error == pytest.approx(np.linalg.norm(original - guess) / np.sqrt(50), rel=1e-5)
    best = min(np.sqrt(np.mean((original - level) ** 2)) for level in np.linspace(-1, 1, 2001))
    assert found.deviation == pytest.approx(best, rel=1e-4), "the error of the best constant"


def test_a_constant_has_no_correlation():
    assert np.isnan(nearness(np.arange(3.0), np.ones(3)).correlation)
    assert np.isnan(nearness(np.ones(3), np.arange(3.0)).correlation)


@pytest.mark.parametrize("shapes", [((0,), (0,)), ((3,), (2,)), ((2, 2), (2, 2))])
def test_what_cannot_be_compared_is_refused(shapes):
    with pytest.raises(ValueError, match="samples must be two equal rows with one at least, got"):
        nearness(*map(np.zeros, shapes))
