import numpy as np
import pytest
import torch
from scipy.stats import kstest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.transforms.channel_resize import ChannelResize, ChannelResizeSettings, resize_factors
from fairseq_signals.transforms.windows import Windows

N = 2000


def _ecg(batch, samples=20, leads=STANDARD_LEADS):
    """Windows that obey Einthoven's and Goldberger's relations, written out."""
    drawn = torch.randn(12, batch, samples, generator=torch.Generator().manual_seed(3))
    rows = dict(zip(STANDARD_LEADS, drawn, strict=True))
    one, two = rows["I"], rows["II"]
    rows |= {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    signal = torch.stack([rows[lead] for lead in leads], dim=1)
    return Windows(signal, torch.ones(batch, len(leads), dtype=torch.bool), leads=leads)


def _factors(batch=N, seed=0, leads=STANDARD_LEADS, **settings):
    """By what each lead of each window was multiplied, `[B, L]`; fails where it was not one factor."""
    windows = _ecg(batch, leads=leads)
    resize = ChannelResize(ChannelResizeSettings(**settings))
    ratio = resize(windows, 100.0, torch.Generator().manual_seed(seed)).signal.double() / windows.signal.double()
    assert float((ratio / ratio[:, :, :1] - 1).abs().max()) < 1e-5
    return ratio[:, :, 0]


@pytest.mark.parametrize("bounds", [[0.5, 2.0], [0.33, 3.0]])
def test_logarithms_of_the_factors_are_uniform_and_independent(bounds):
    ratios = _factors(factor=bounds).log2().numpy()
    low, high = np.log2(bounds)
    assert kstest(ratios.flatten(), "uniform", args=(low, high - low)).pvalue > 1e-3
    assert np.abs(np.corrcoef(ratios.T)[~np.eye(12, dtype=bool)]).max() < 4.5 / N**0.5
    assert abs(np.corrcoef(ratios[1:, 0], ratios[:-1, 0])[0, 1]) < 4.5 / N**0.5


def test_by_default_the_limb_relations_break():
    windows = _ecg(50)
    out = ChannelResize(ChannelResizeSettings())(windows, 100.0, torch.Generator().manual_seed(0)).signal
    assert float((out[:, 2] - (out[:, 1] - out[:, 0])).abs().amax()) > 0.1


@pytest.mark.parametrize("leads", [STANDARD_LEADS, ("V2", "aVF", "III", "V1"), ("V1", "V6")])
def test_limb_leads_share_one_factor_where_their_relations_are_to_hold(leads):
    ratios = _factors(leads=leads, limb_relations=True)
    limb = [place for place, lead in enumerate(leads) if lead in STANDARD_LEADS[:6]]
    for place in limb:
        torch.testing.assert_close(ratios[:, place], ratios[:, limb[0]])
    own = [place for place in range(len(leads)) if place not in limb[1:]]
    corrcoef = np.corrcoef(ratios[:, own].log().numpy().T)
    assert np.abs(corrcoef[~np.eye(len(own), dtype=bool)]).max() < 4.5 / N**0.5
    if leads == STANDARD_LEADS:
        windows = _ecg(50)
        resize = ChannelResize(ChannelResizeSettings(limb_relations=True))
        out = resize(windows, 100.0, torch.Generator().manual_seed(0)).signal
        assert float((out[:, 2] - (out[:, 1] - out[:, 0])).abs().max()) < 1e-5
        assert float((out[:, 3] + (out[:, 1] + out[:, 0]) / 2).abs().max()) < 1e-5


def test_windows_are_changed_with_the_probability():
    changed = (_factors(probability=0.3) != 1).any(1).double()
    assert abs(float(changed.mean()) - 0.3) < 4.5 * (0.21 / N) ** 0.5
    assert (_factors(20, factor=[1.0, 1.0]) == 1).all() and (_factors(20, probability=0.0) == 1).all()


def test_the_extremes_of_a_draw_are_the_bounds():
    found = resize_factors(torch.tensor([0.0, 0.5, 1.0]), [0.5, 2.0])
    torch.testing.assert_close(found, torch.tensor([0.5, 1.0, 2.0]))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"factor": [0, 2]}, r"factor of channel_resize must be \[smallest, largest\] above 0, got \[0, 2\]"),
        ({"factor": [2, 0.5]}, r"factor of channel_resize must be .*, got \[2, 0.5\]"),
        ({"factor": [1, float("inf")]}, r"factor of channel_resize must be .*, got \[1, inf\]"),
        ({"limb_relations": "yes"}, "limb_relations must be true or false, got 'yes'"),
        ({"probability": None}, "probability of channel_resize must lie in 0 to 1, got None"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ChannelResizeSettings(**settings)
