import numpy as np
import torch

from fairseq_signals.evaluation.window_signals import batches, recorded
from fairseq_signals.transforms.windows import Windows


def test_batches_hold_every_place_once():
    for windows, at_once in ((0, 3), (1, 3), (6, 3), (7, 3)):
        parts = list(batches(windows, at_once))
        assert [place for part in parts for place in part] == list(range(windows))
        assert all(len(part) == at_once for part in parts[:-1]) and all(0 < len(part) <= at_once for part in parts)


def test_padding_is_cut_off():
    signal = torch.arange(24.0).view(3, 2, 4)
    present, lengths = torch.ones(3, 2, dtype=torch.bool), torch.tensor([4, 2, 0])
    whole = recorded(Windows(signal, present))
    assert all(np.array_equal(one, signal[row].numpy()) for row, one in enumerate(whole))
    cut = recorded(Windows(signal, present, lengths))
    assert [one.shape for one in cut] == [(2, 4), (2, 2), (2, 1)]
    assert cut[1].tolist() == [[8.0, 9.0], [12.0, 13.0]]
