"""The decoder: what it is told of a hidden patch, and that padding and absent leads reach nothing."""

import pytest
import torch

from fairseq_signals.modules.packing import packed
from fairseq_signals.modules.patch_decoder import PatchDecoder, PatchDecoderSettings

LEADS, PATCHES = 3, 12


def decoder(seed=0, layers=2):
    torch.manual_seed(seed)
    return PatchDecoder(PatchDecoderSettings(8, layers, 2), inputs=6, samples=5, leads=LEADS).double()


def context(patches, seed=0):
    return torch.randn(2, patches, 6, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seen_patches():
    """Four patches of the first window, two of the second."""
    seen = torch.zeros(2, PATCHES, dtype=torch.bool)
    seen[0, [1, 4, 5, 10]] = seen[1, [0, 7]] = True
    return seen


def test_tokens_stand_at_their_places_and_hidden_ones_are_the_mask_token():
    part, seen = decoder(layers=1), seen_patches()
    part.layers = torch.nn.ModuleList()  # what remains works token by token
    kept, counts = packed(seen)
    found = part(context(4), kept, counts, seen, None)
    codes = part.position(torch.zeros(1, PATCHES, 8, dtype=torch.float64))
    for window in range(2):
        rank = 0
        for patch in range(PATCHES):
            token = part.mask_token
            if seen[window, patch]:
                token, rank = part.embed(context(4)[window, rank]), rank + 1
            torch.testing.assert_close(found[window, patch], part.predict(part.norm(token + codes[patch])))


def test_all_patches_seen_need_no_places():
    part, seen = decoder(), torch.ones(2, PATCHES, dtype=torch.bool)
    kept = torch.arange(PATCHES).expand(2, -1)
    torch.testing.assert_close(
        part(context(PATCHES), None, None, seen, None), part(context(PATCHES), kept, None, seen, None)
    )


def test_entries_behind_the_counts_reach_nothing():
    part, seen = decoder(), seen_patches()
    kept, counts = packed(seen)
    values = context(4)
    before = part(values, kept, counts, seen, None)
    values[1, 2:] = torch.nan
    torch.testing.assert_close(part(values, kept, counts, seen, None), before)


def test_patches_that_are_not_valid_reach_no_other():
    part, seen = decoder(), seen_patches()
    kept, counts = packed(seen)
    valid = torch.ones(2, PATCHES, dtype=torch.bool)
    valid[:, 9:] = False  # three patches of padding: the last patch in time of three leads
    seen[0, 10] = False
    kept, counts = packed(seen)
    found = part(context(3), kept, counts, seen, valid)
    short = part(context(3), kept, counts, seen[:, :9], None)
    torch.testing.assert_close(found[:, :9], short)


@pytest.mark.parametrize("settings", [{"dim": 0}, {"layers": 0}, {"heads": 2.0}])
def test_a_size_that_cannot_be_is_refused(settings):
    name = next(iter(settings))
    with pytest.raises(ValueError, match=f"reconstruction_{name} must be a whole number from 1 on, got"):
        PatchDecoderSettings(**settings)
