import numpy as np
import pytest
import torch
from scipy.stats import kstest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.transforms import TRANSFORMS
from fairseq_signals.transforms.noise import (
    WaveSettings,
    cosines,
    draw_between,
    draw_gains,
    drawn_leads,
    draws_from,
    is_range,
    spread,
)
from fairseq_signals.transforms.pipeline import Pipeline, resolve_transforms
from fairseq_signals.transforms.windows import Windows

NAMES = ["powerline", "emg", "baseline_wander", "baseline_shift"]
NOISES = [
    *({"_name": name} for name in NAMES),
    {"_name": "powerline", "frequencies": [50, 60], "gain": "uniform", "scale_power": 2},
    {"_name": "emg", "sigma_per": "window"},
    {"_name": "emg", "sigma_per": "sample"},
    {"_name": "baseline_wander", "terms": 50, "spacing": [0.01, 0.01], "gain": "signed_normal", "scale_power": 1},
    {"_name": "baseline_shift", "seconds": 0.3, "spans_per_second": 4.0, "gain": "signed_normal"},
    {"_name": "baseline_shift", "ratio": 0.2, "spans": 3},
]


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _ecg(batch=6, samples=200, leads=STANDARD_LEADS, seed=0):
    """Windows that obey Einthoven's and Goldberger's relations, written out."""
    rows = dict(zip(STANDARD_LEADS, torch.randn(12, batch, samples, generator=_generator(seed)), strict=True))
    one, two = rows["I"], rows["II"]
    rows |= {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    signal = torch.stack([rows[lead] for lead in leads], dim=1)
    return Windows(signal, torch.ones(batch, len(leads), dtype=torch.bool), leads=leads)


def _blank(batch, samples, leads=STANDARD_LEADS):
    signal = torch.zeros(batch, len(leads), samples)
    return Windows(signal, torch.ones(batch, len(leads), dtype=torch.bool), leads=leads)


def _apply(spec, windows, seed=0, rate=200.0, **settings):
    return TRANSFORMS.build({**spec, **settings})(windows, rate, _generator(seed))


def _relation_errors(signal):
    one, two, three, avr, avl, avf = signal[:, :6].double().unbind(1)
    errors = [three - (two - one), avr + (one + two) / 2, avl - (one - two / 2), avf - (two - one / 2)]
    return [float(error.abs().max()) for error in errors]


@pytest.mark.parametrize("spec", NOISES, ids=str)
def test_limb_relations_hold_after_noise_that_keeps_them_and_after_no_other(spec):
    noisy = _apply(spec, _ecg())
    assert max(_relation_errors(noisy.signal)) < 1e-5
    assert min(_relation_errors(_apply(spec, _ecg(), limb_relations=False).signal)) > 1e-3


@pytest.mark.parametrize("spec", NOISES, ids=str)
def test_every_lead_but_iii_of_every_window_is_changed(spec):
    # III may be clean: equal noise in I and II cancels there. An empty draw of spans leaves a window as it is.
    noise = (_apply(spec, _blank(20, 200)).signal).abs().amax(2)
    changed = noise[:, [0, 1, *range(6, 12)]].bool()
    drawn_number = "spans_per_second" in spec
    assert torch.equal(changed.any(1), changed.all(1)) and (changed.all(1).sum() > 8 if drawn_number else changed.all())


@pytest.mark.parametrize("spec", NOISES, ids=str)
@pytest.mark.parametrize(
    "leads", [("III", "aVR", "aVF"), ("III",), ("I", "II", "V2"), ("V3", "II"), ("aVL", "V1", "I")]
)
def test_any_leads_will_do_and_those_from_i_and_ii_stay_related(spec, leads):
    noisy = _apply(spec, _ecg(leads=leads), seed=1)
    assert noisy.signal.shape == (6, len(leads), 200) and torch.isfinite(noisy.signal).all()
    if leads == ("III", "aVR", "aVF"):
        three, avr, avf = noisy.signal.unbind(1)
        assert float((avf - (0.75 * three - avr / 2)).abs().max()) < 1e-5


def test_noise_is_drawn_for_the_leads_that_the_others_follow_from():
    chest = STANDARD_LEADS[6:]
    assert drawn_leads(STANDARD_LEADS, True) == ("I", "II", *chest)
    assert drawn_leads(STANDARD_LEADS, False) == STANDARD_LEADS
    assert drawn_leads(("III", "V2"), True) == ("I", "II", "V2")
    assert drawn_leads(("V2", "I"), True) == ("V2", "I")


def test_spread_noise_against_the_definitions():
    drawn = torch.randn(5, 3, 7, generator=_generator())
    leads = ("V2", "aVL", "III", "II", "aVF", "aVR", "I")
    one, two, chest = drawn.unbind(1)
    expected = [chest, one - two / 2, two - one, two, two - one / 2, -(one + two) / 2, one]
    torch.testing.assert_close(spread(drawn, ("I", "II", "V2"), leads), torch.stack(expected, dim=1))


@pytest.mark.parametrize("spec", NOISES, ids=str)
def test_absent_leads_and_padding_stay_zero(spec):
    present = torch.rand(8, 12, generator=_generator(1)) < 0.6
    lengths = torch.tensor([200, 150, 1, 0, 20, 199, 77, 200])
    full = _ecg(8)
    windows = Windows(full.signal, present, lengths)
    windows = windows.with_signal(windows.signal)
    before = windows.signal.clone()
    noisy = _apply(spec, windows)
    silent = ~present.unsqueeze(2) | (torch.arange(200) >= lengths[:, None, None])
    assert not noisy.signal[silent].any() and not torch.equal(noisy.signal, before)
    assert torch.equal(windows.signal, before), "the input must stay"
    assert torch.equal(noisy.present, present) and torch.equal(noisy.lengths, lengths)


@pytest.mark.parametrize("spec", NOISES, ids=str)
@pytest.mark.parametrize("probability", [1.0, 0.5])
def test_draws_depend_on_the_generator_alone_and_differ_by_window(spec, probability):
    windows = _blank(12, 200)
    torch.manual_seed(0)
    first = _apply(spec, windows, seed=3, probability=probability).signal
    torch.manual_seed(1)  # the global state must not matter
    again, other = (_apply(spec, windows, seed=seed, probability=probability).signal for seed in (3, 4))
    assert torch.equal(first, again) and not torch.equal(first, other)
    noisy = [row for row in first if row.any()]
    assert all(not torch.equal(a, b) for i, a in enumerate(noisy) for b in noisy[:i])
    assert first.dtype == torch.float32


@pytest.mark.parametrize("spec", NOISES[:4], ids=str)
def test_windows_are_changed_with_the_probability(spec):
    n, windows = 4000, _blank(4000, 20)
    changed = _apply(spec, windows, probability=0.3).signal.flatten(1).any(1)
    assert abs(float(changed.float().mean()) - 0.3) < 4.5 * (0.3 * 0.7 / n) ** 0.5
    neighbours = np.corrcoef(changed[1:].float(), changed[:-1].float())[0, 1]
    assert abs(neighbours) < 4.5 / n**0.5
    ecg = _ecg()
    for settings in ({"probability": 0.0}, {"amplitude": 0.0}):
        assert torch.equal(_apply(spec, ecg, **settings).signal, ecg.signal)


@pytest.mark.parametrize("spec", NOISES[:4], ids=str)
def test_noise_grows_with_the_amplitude_and_is_added(spec):
    ecg = _ecg()
    noise = _apply(spec, _blank(6, 200)).signal
    louder = _apply(spec, _blank(6, 200), amplitude=1.5).signal
    torch.testing.assert_close(louder, 3 * noise)
    torch.testing.assert_close(_apply(spec, ecg).signal, ecg.signal + noise)


def test_all_four_work_in_one_pipeline_at_100_hz():
    pipeline = Pipeline("adjacent", "powerline, emg, baseline_wander, baseline_shift, random_lead_masking", 100.0)
    views = pipeline(_ecg(samples=400), _generator())
    assert views.signal.shape == (12, 12, 200) and torch.isfinite(views.signal).all()
    assert not views.signal[~views.present].any() and views.signal[views.present].abs().sum(1).all()
    clean = Pipeline("adjacent", None, 100.0)(_ecg(samples=400), _generator()).signal
    noise = (views.signal - clean) * views.present.unsqueeze(2)
    assert not torch.equal(noise[:6], noise[6:]), "views of one window must have noise of their own"


def test_a_transform_s_settings_resolve_fully_and_again():
    for spec in resolve_transforms(NOISES):
        assert resolve_transforms([spec]) == [spec] and {"probability", "amplitude", "limb_relations"} <= set(spec)


def _gains(n=20_000, **settings):
    windows = _blank(n, 1)
    return draw_gains(windows, WaveSettings(**settings), draws_from(_generator(), windows)).double()


@pytest.mark.parametrize(
    "gain, law",
    [
        ("normal", ("norm", (1, 0.5))),
        ("uniform", ("uniform", (-1, 2))),
        ("equal", None),
        ("sign", None),
        ("signed_normal", None),
    ],
)
def test_gains_follow_their_law_and_differ_by_lead(gain, law):
    gains = _gains(gain=gain)[:, [0, 1, *range(6, 12)]]
    if law:
        assert kstest(gains.flatten().numpy(), law[0], args=law[1]).pvalue > 1e-3
    if gain == "equal":
        assert (gains == 1).all()
        return
    mean, square = {"normal": (1, 1.25), "uniform": (0, 1 / 3), "sign": (0, 1), "signed_normal": (0, 2)}[gain]
    assert abs(float(gains.mean()) - mean) < 4.5 * (square / gains.numel()) ** 0.5
    assert abs(float(gains.square().mean()) - square) < 0.05 * square
    apart = ~torch.eye(8, dtype=torch.bool)
    assert float(torch.corrcoef(gains.T)[apart].abs().max()) < 4.5 / len(gains) ** 0.5


def test_one_gain_per_window_is_the_same_in_all_drawn_leads():
    gains = _gains(gain="normal", gain_per="window", limb_relations=False)
    assert (gains == gains[:, :1]).all() and gains[:, 0].std() > 0.4
    related = _gains(gain="normal", gain_per="window")
    assert not related[:, 2].any() and torch.equal(related[:, 3], -related[:, 0])


@pytest.mark.parametrize("power", [0, 1, 2])
def test_the_total_amplitude_is_drawn_as_often_as_asked(power):
    gains = _gains(scale_power=power)[:, 0]
    if power == 0:
        assert (gains == 1).all()
    else:
        assert kstest(gains.numpy() ** (1 / power), "uniform").pvalue > 1e-3


def test_cosines_against_a_plain_sum_in_double_precision():
    draw = np.random.default_rng(0)
    hertz, amplitude, phase = draw.uniform(0, 249, (4, 3)), draw.uniform(0, 1, (4, 3)), draw.uniform(0, 6.3, (4, 3))
    wave = cosines(*(torch.tensor(x) for x in (hertz, amplitude, phase)), 5000, 500.0)
    time = np.arange(5000) / 500
    for b in range(4):
        terms = [amplitude[b, k] * np.cos(2 * np.pi * hertz[b, k] * time + phase[b, k]) for k in range(3)]
        np.testing.assert_allclose(wave[b], sum(terms), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "settings, message",
    [
        ({"probability": 1.5}, "probability of a noise must lie in 0 to 1, got 1.5"),
        ({"probability": "often"}, "probability of a noise must lie in 0 to 1, got 'often'"),
        ({"amplitude": -0.1}, "amplitude of a noise must be a number of mV from 0 on, got -0.1"),
        ({"amplitude": float("nan")}, "amplitude of a noise must be a number of mV from 0 on, got nan"),
        ({"amplitude": float("inf")}, "amplitude of a noise must be a number of mV from 0 on, got inf"),
        ({"limb_relations": "yes"}, "limb_relations must be true or false, got 'yes'"),
    ],
)
def test_impossible_settings_are_refused(name, settings, message):
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build({"_name": name, **settings})


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"gain": "loud"}, "gain of a noise must be one of equal, sign, normal, signed_normal, uniform, got 'loud'"),
        ({"gain": ["equal"]}, "gain of a noise must be one of"),
        ({"gain_per": "patient"}, "gain_per of a noise must be lead or window, got 'patient'"),
        ({"scale_power": -1}, "scale_power of a noise must be 0, 1, 2, …, got -1"),
        ({"scale_power": 0.5}, "scale_power of a noise must be 0, 1, 2, …, got 0.5"),
    ],
)
def test_impossible_gains_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        WaveSettings(**settings)


@pytest.mark.parametrize("value", [[0.2, 0.4], (1, 1), [0, 0]])
def test_a_range_is_two_numbers_in_order(value):
    assert is_range(value, 0, 1)


@pytest.mark.parametrize("value", [[0.4, 0.2], [0.1], [0.1, 2], [-1, 0], 0.5, None, [0, None], "ab", [0, float("nan")]])
def test_anything_else_is_no_range(value):
    assert not is_range(value, 0, 1)


def test_numbers_are_drawn_uniformly_between_two_bounds():
    drawn = draw_between([0.2, 0.5], (20_000,), {"generator": _generator()})
    assert kstest(drawn.numpy(), "uniform", args=(0.2, 0.3)).pvalue > 1e-3
