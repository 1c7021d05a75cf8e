"""Which patches are hidden: exactly a share, uniformly, and of the valid ones alone."""

import pytest
import torch
from scipy.stats import chisquare

from fairseq_signals.modules.patch_masking import hide_patches


def draws(windows, patches, seed=0):
    return torch.rand(windows, patches, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("patches", "share", "hidden"), [(240, 0.75, 180), (120, 0.9, 108), (10, 0.0, 0), (7, 0.5, 4)])
def test_the_share_is_exact_in_every_window(patches, share, hidden):
    seen, masked = hide_patches(draws(50, patches), share)
    assert set(masked.sum(dim=1).tolist()) == {hidden}
    assert torch.equal(seen, ~masked)


def test_the_share_is_of_the_valid_patches_and_one_is_always_kept():
    valid = torch.zeros(5, 12, dtype=torch.bool)
    for row, number in enumerate((12, 8, 2, 1, 0)):
        valid[row, torch.randperm(12, generator=torch.Generator().manual_seed(row))[:number]] = True
    seen, masked = hide_patches(draws(5, 12), 0.75, valid)
    assert masked.sum(dim=1).tolist() == [9, 6, 1, 0, 0] and seen.sum(dim=1).tolist() == [3, 2, 1, 1, 0]
    assert torch.equal(seen | masked, valid) and not (seen & masked).any()


def test_every_valid_patch_is_hidden_as_often_and_together_with_any_other():
    valid = torch.arange(16) % 4 != 1  # twelve of sixteen
    _, masked = hide_patches(draws(8000, 16), 0.75, valid.expand(8000, -1))
    assert not masked[:, ~valid].any()
    often = masked[:, valid].sum(dim=0).numpy()
    assert often.sum() == 9 * 8000 and chisquare(often).pvalue > 0.01
    # The three that are kept: all 220 triples alike.
    kept = (~masked[:, valid]).long() @ (2 ** torch.arange(12))
    numbers = torch.bincount(kept, minlength=4096)
    triples = [n for n in range(4096) if n.bit_count() == 3]
    assert int(numbers[triples].sum()) == 8000 and chisquare(numbers[triples].numpy()).pvalue > 0.01


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_cannot_be_is_refused(share):
    with pytest.raises(ValueError, match="masked_share must lie in 0 to below 1, got"):
        hide_patches(draws(1, 4), share)
