import numpy as np
import pytest
import torch

from fairseq_signals.transforms.windows import Windows, choose_leads, mask_leads, windows_from_batch

CPU = torch.device("cpu")


def _batch(padded=True):
    generator = torch.Generator().manual_seed(0)
    batch = {
        "source": torch.randint(-32768, 32768, (3, 4, 50), generator=generator).to(torch.int16),
        "nanovolts": torch.tensor([1000, 2441, 1_000_003], dtype=torch.int32),
        "lengths": torch.tensor([50, 20, 50]),
        "padded": padded,
        "present": torch.tensor([[True] * 4, [True, False, True, True], [True] * 4]),
        "recording": torch.tensor([5, 6, 7]),
        "patient": torch.tensor([1, 1, 2]),
        "window": torch.tensor([0, 1, 0]),
        "labels": torch.zeros(3, 2, dtype=torch.uint8),
    }
    batch["source"][1, :, 20:] = 0
    batch["source"][1, 1] = 0
    return batch


def test_millivolts_are_the_stored_integers_times_nanovolts():
    batch = _batch()
    windows = windows_from_batch(batch, CPU)
    expected = batch["source"].double() * batch["nanovolts"].double()[:, None, None] * 1e-6
    assert windows.signal.dtype == torch.float32
    # One float32 rounding of the unit and one of the product: at most 2^-23 of the value.
    np.testing.assert_allclose(windows.signal, expected, rtol=2**-23, atol=0)
    physiological = expected.abs() < 0.8
    assert float((windows.signal.double() - expected)[physiological].abs().max()) < 1e-7
    assert torch.equal(windows.present, batch["present"]) and windows.view.tolist() == [0, 0, 0]
    assert {name: ids.tolist() for name, ids in windows.ids.items()} == {
        "recording": [5, 6, 7],
        "patient": [1, 1, 2],
        "window": [0, 1, 0],
    }
    assert windows.lengths.tolist() == windows.valid_lengths.tolist() == [50, 20, 50]


def test_lengths_are_none_where_nothing_is_padded():
    windows = windows_from_batch(_batch(padded=False), CPU)
    assert windows.lengths is None and windows.valid_lengths.tolist() == [50, 50, 50]


@pytest.mark.parametrize("leads", [[0, 1, 2, 3], [0, 2], [3], [1]])
def test_chosen_leads_are_kept_in_place_or_alone(leads):
    windows = windows_from_batch(_batch(), CPU)
    before = windows.signal.clone()
    padded, alone = choose_leads(windows, leads, pad=True), choose_leads(windows, leads, pad=False)
    assert padded.signal.shape == (3, 4, 50) and alone.signal.shape == (3, len(leads), 50)
    for lead in range(4):
        if lead in leads:
            assert torch.equal(padded.signal[:, lead], windows.signal[:, lead])
            assert torch.equal(alone.signal[:, leads.index(lead)], windows.signal[:, lead])
            assert torch.equal(padded.present[:, lead], windows.present[:, lead])
            assert torch.equal(alone.present[:, leads.index(lead)], windows.present[:, lead])
        else:
            assert not padded.signal[:, lead].any() and not padded.present[:, lead].any()
    assert torch.equal(windows.signal, before)
    for chosen in (padded, alone):
        assert torch.equal(chosen.lengths, windows.lengths) and chosen.ids is windows.ids
    first_four = ("I", "II", "III", "aVR")
    assert padded.leads[:4] == first_four and alone.leads == tuple(first_four[lead] for lead in leads)


def test_masked_leads_are_zero_and_absent_and_absent_ones_do_not_come_back():
    windows = windows_from_batch(_batch(), CPU)
    keep = torch.tensor([[True, False, True, True], [True, True, True, False], [False] * 4])
    masked = mask_leads(windows, keep)
    for b in range(3):
        for lead in range(4):
            stays = bool(keep[b, lead]) and (b, lead) != (1, 1)
            assert bool(masked.present[b, lead]) == stays
            expected = windows.signal[b, lead] if stays else torch.zeros(50)
            assert torch.equal(masked.signal[b, lead], expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_another_signal_is_silenced_where_nothing_was_recorded(dtype):
    windows = windows_from_batch(_batch(), CPU)
    changed = windows.with_signal(torch.ones(3, 4, 50, dtype=dtype))
    expected = torch.ones(3, 4, 50, dtype=dtype)
    expected[1, 1] = 0
    expected[1, :, 20:] = 0
    assert torch.equal(changed.signal, expected)


def test_windows_cannot_be_changed_in_place():
    with pytest.raises(AttributeError, match="cannot assign"):
        windows_from_batch(_batch(), CPU).signal = torch.zeros(1)
    assert Windows(torch.zeros(1, 1, 1), torch.ones(1, 1, dtype=torch.bool)).ids == {}
