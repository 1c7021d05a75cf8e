"""Moved chest electrodes against linear interpolation along the row, and the laws of transforms."""

import numpy as np
import pytest
import torch

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.limb_leads import LIMB_LEADS
from fairseq_signals.transforms.electrode_shift import ElectrodeShift, ElectrodeShiftSettings, moved_leads
from fairseq_signals.transforms.windows import Windows


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def windows(number=5, leads=STANDARD_LEADS):
    signal = torch.randn(number, len(leads), 40, generator=generator(7))
    return Windows(signal, torch.ones(number, len(leads), dtype=torch.bool), leads=leads)


def test_a_moved_lead_is_what_lies_between_the_electrodes():
    batch = windows(50)
    moves = 2 * torch.rand(50, 6, generator=generator(1)) - 1
    found = moved_leads(moves, STANDARD_LEADS, batch.present) @ batch.signal
    places = np.clip(np.arange(6) + moves.numpy(), 0, 5)  # of the electrodes on a row; its ends stay
    chest = batch.signal[:, 6:].numpy()
    for window in range(50):
        for sample in range(40):
            expected = np.interp(places[window], range(6), chest[window, :, sample])
            assert found[window, 6:, sample].numpy() == pytest.approx(expected, abs=1e-5)


def test_limb_leads_stay_bit_for_bit_and_the_input_is_not_written_to():
    batch = windows()
    before = batch.signal.clone()
    out = ElectrodeShift(ElectrodeShiftSettings())(batch, 500.0, generator())
    assert torch.equal(batch.signal, before)
    assert torch.equal(out.signal[:, : len(LIMB_LEADS)], before[:, : len(LIMB_LEADS)])
    assert (out.signal[:, 6:] != before[:, 6:]).any(dim=2).sum() > 20


def test_moves_are_uniform_within_their_bounds_and_have_a_part_in_common():
    # A signal that rises by one from lead to lead shows an electrode's place.
    number = 4000
    rising = torch.arange(12.0)[None, :, None].repeat(number, 1, 1)
    batch = Windows(rising, torch.ones(number, 12, dtype=torch.bool))
    out = ElectrodeShift(ElectrodeShiftSettings(each=0.2, together=0.3))(batch, 500.0, generator())
    moves = (out.signal - rising)[:, 7:11, 0]  # those with neighbours on both sides
    assert moves.abs().max() <= 0.5 and moves.abs().max() > 0.45
    # The variance of U(-a, a) is a² / 3; what is common to two leads is the variance of `together`.
    covariance = np.cov(moves.T.numpy())
    assert np.diag(covariance) == pytest.approx((0.2**2 + 0.3**2) / 3, rel=0.1)
    assert covariance[~np.eye(4, dtype=bool)] == pytest.approx(0.3**2 / 3, rel=0.15)


def test_no_move_is_the_identity():
    batch = windows()
    out = ElectrodeShift(ElectrodeShiftSettings(each=0.0, together=0.0))(batch, 500.0, generator())
    assert torch.equal(out.signal, batch.signal)


def test_absent_leads_and_padding_stay_zero_and_lend_nothing():
    batch = windows()
    present = batch.present.clone()
    present[:, STANDARD_LEADS.index("V3")] = False
    batch = Windows(batch.signal * present.unsqueeze(2), present, torch.full((5,), 30))
    batch = batch.with_signal(batch.signal)
    moves = torch.tensor([0.0, 0.9, 0.9, -0.9, 0.0, 0.0]).expand(5, 6)  # V2 and V4 towards V3, V3 towards V4
    moved = moved_leads(moves, STANDARD_LEADS, present) @ batch.signal
    assert torch.equal(moved, batch.signal)
    out = ElectrodeShift(ElectrodeShiftSettings())(batch, 500.0, generator())
    assert not out.signal[:, 8].any() and not out.signal[:, :, 30:].any()


@pytest.mark.parametrize("leads", [("I", "II"), ("I", "II", "V2"), ("V2", "V3")])
def test_fewer_leads_move_where_neighbours_are_there(leads):
    batch = windows(leads=leads)
    out = ElectrodeShift(ElectrodeShiftSettings())(batch, 500.0, generator())
    assert torch.equal(out.signal, batch.signal) == (leads != ("V2", "V3"))


def test_the_same_generator_gives_the_same_windows():
    one, two = (ElectrodeShift(ElectrodeShiftSettings())(windows(), 500.0, generator(3)).signal for _ in range(2))
    assert torch.equal(one, two)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"each": 1.5}, "each of electrode_shift must lie in 0 to 1, got 1.5"),
        ({"together": -0.1}, "together of electrode_shift must lie in 0 to 1, got -0.1"),
        ({"each": 0.7, "together": 0.7}, "each and together of electrode_shift must add up to 1 at most"),
    ],
)
def test_impossible_settings_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        ElectrodeShiftSettings(**settings)
