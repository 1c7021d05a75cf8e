import itertools

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from scipy.stats import kstest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.transforms.pipeline import Pipeline
from fairseq_signals.transforms.vcg import Vcg, VcgSettings, lead_matrices, rotations
from fairseq_signals.transforms.windows import Windows

N = 20_000
CPU = torch.device("cpu")
INDEPENDENT = [0, 1, 6, 7, 8, 9, 10, 11]
# Typed from the published tables, twelve leads in standard order; the derived rows are sums of the first two.
ONE, TWO = np.array([0.632, -0.235, 0.059]), np.array([0.235, 1.066, -0.132])
LIMB = [ONE, TWO, TWO - ONE, -(ONE + TWO) / 2, ONE - TWO / 2, TWO - ONE / 2]
CHEST = [[-0.515, 0.157, -0.917], [0.044, 0.164, -1.387], [0.882, 0.098, -1.277]]
CHEST += [[1.213, 0.127, -0.601], [1.125, 0.127, -0.086], [0.831, 0.076, 0.230]]
TWELVE = np.array([*LIMB, *CHEST])
INVERSE = np.zeros((3, 12))
INVERSE[:, INDEPENDENT] = [
    [0.156, -0.010, -0.172, -0.074, 0.122, 0.231, 0.239, 0.194],
    [-0.227, 0.887, 0.057, -0.019, -0.106, -0.022, 0.041, 0.048],
    [0.022, 0.102, -0.229, -0.310, -0.246, -0.063, 0.055, 0.108],
]


def _generator(seed=0):
    return torch.Generator().manual_seed(seed)


def _limb_from_one_and_two(signal):
    one, two = signal[:, 0], signal[:, 1]
    return torch.stack([two - one, -(one + two) / 2, one - two / 2, two - one / 2], dim=1)


def _signal(windows=4, samples=60, seed=0):
    """Eight independent leads of noise in millivolts, the derived ones from I and II."""
    signal = torch.randn(windows, 12, samples, generator=_generator(seed))
    signal[:, 2:6] = _limb_from_one_and_two(signal)
    return signal


def _windows(signal, present=None, lengths=None, leads=STANDARD_LEADS):
    present = torch.ones(signal.shape[:2], dtype=torch.bool) if present is None else present
    return Windows(signal, present, lengths, leads=leads).with_signal(signal)


def _changed(windows, seed=0, **settings):
    return Vcg(VcgSettings(**settings))(windows, 500.0, _generator(seed))


def _draws(**settings):
    return Vcg(VcgSettings(**settings)).draw(N, CPU, _generator()).double().numpy()


def _parts(matrices):
    """Scales `[N, 3]` and rotations `[N, 3, 3]` whose product, scales last, the matrices are."""
    scales = np.linalg.norm(matrices, axis=2)
    return scales, matrices / scales[:, :, None]


def test_nothing_turned_and_nothing_stretched_is_the_projection_on_a_dipole():
    signal = _signal()
    out = _changed(_windows(signal), rotation_degrees=0, scale=1).signal.numpy()
    for before, after in zip(signal.double().numpy(), out, strict=True):
        assert abs(after - TWELVE @ (INVERSE @ before)).max() < 1e-5
        values = np.linalg.svd(after, compute_uv=False)
        assert values[2] > 0.1 and values[3] < 1e-5 * values[0], "three dimensions, no more"
    assert np.abs(out - signal.numpy()).max() > 0.1, "noise in eight leads is no dipole"


@pytest.mark.parametrize("inverse", ["dower", "pseudo"])
def test_nothing_turned_and_nothing_stretched_is_the_identity_in_residual_mode(inverse):
    signal = _signal()
    out = _changed(_windows(signal), rotation_degrees=0, scale=1, mode="residual", inverse=inverse)
    assert torch.allclose(out.signal, signal, atol=1e-5, rtol=0)


@pytest.mark.parametrize("mode", ["project", "residual"])
@pytest.mark.parametrize(("inverse", "tolerance"), [("dower", 0.01), ("pseudo", 1e-5)])
def test_both_modes_agree_on_a_true_dipole(mode, inverse, tolerance):
    dipole, turn = np.random.default_rng(0).normal(size=(3, 40)), Rotation.random(rng=1).as_matrix()
    seen = torch.as_tensor(TWELVE @ dipole).float()[None]
    out = (lead_matrices(torch.as_tensor(turn).float()[None], mode=mode, inverse=inverse) @ seen)[0].numpy()
    assert abs(out - TWELVE @ turn @ dipole).max() < tolerance * abs(TWELVE @ turn @ dipole).max()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("mode", ["project", "residual"])
def test_a_right_angle_about_one_axis_against_a_plain_loop(axis, mode):
    signal, degrees = _signal(2, 20), torch.zeros(2, 3)
    degrees[:, axis] = torch.tensor([90.0, -90.0])
    order = torch.tensor([[0, 1, 2], [2, 0, 1]])
    out = lead_matrices(rotations(degrees, order), mode=mode) @ signal
    for window, sign in ((0, 1), (1, -1)):
        turn = Rotation.from_euler("xyz"[axis], 90 * sign, degrees=True)
        for sample in range(20):
            leads = signal[window, :, sample].double().numpy()
            dipole = INVERSE @ leads
            turned = turn.apply(dipole)
            expected = TWELVE @ turned if mode == "project" else leads + TWELVE @ (turned - dipole)
            assert abs(out[window, :, sample].numpy() - expected).max() < 1e-5


def test_three_turns_in_each_order_against_scipy():
    degrees = torch.rand(6, 3, generator=_generator()) * 360 - 180
    orders = list(itertools.permutations(range(3)))
    ours = rotations(degrees, torch.tensor(orders)).numpy()
    for matrix, angles, order in zip(ours, degrees.tolist(), orders, strict=True):
        # SciPy's small letters: turns about axes that stay, the first letter's first.
        names = "".join("xyz"[axis] for axis in order)
        expected = Rotation.from_euler(names, [angles[axis] for axis in order], degrees=True).as_matrix()
        assert abs(matrix - expected).max() < 1e-6


def test_rotations_of_all_six_orders_are_drawn_and_none_beyond_45_degrees():
    _, turns = _parts(_draws())
    found = {}
    for names in map("".join, itertools.permutations("xyz")):
        # Most rotations can be read in several orders with angles within 45 degrees; some only in their own.
        found[names] = np.abs(Rotation.from_matrix(turns).as_euler(names, degrees=True)).max(axis=1) <= 45 + 1e-3
    assert np.logical_or.reduce(list(found.values())).all(), "every rotation is of one of the six orders"
    for names, fits in found.items():
        alone = fits & ~np.logical_or.reduce([other for key, other in found.items() if key != names])
        assert alone.sum() > 50, f"order {names} must occur"


def test_the_order_and_angles_that_are_drawn(monkeypatch):
    seen = {}

    def keep(degrees, order):
        seen.update(degrees=degrees.double().numpy(), order=[tuple(row) for row in order.tolist()])
        return rotations(degrees, order)

    monkeypatch.setattr("fairseq_signals.transforms.vcg.rotations", keep)
    _draws()
    for angles in seen["degrees"].T:
        assert kstest(angles, "uniform", args=(-45, 90)).pvalue > 1e-4
    apart = np.corrcoef(seen["degrees"].T)[~np.eye(3, dtype=bool)]
    assert abs(apart).max() < 4.5 / N**0.5
    shares = {order: seen["order"].count(order) / N for order in itertools.permutations(range(3))}
    assert sum(shares.values()) == pytest.approx(1)
    assert max(abs(share - 1 / 6) for share in shares.values()) < 4.5 * (5 / 36 / N) ** 0.5


def test_order_zyx_is_what_scipy_calls_so():
    _, turns = _parts(_draws(order="zyx", scale=1))
    angles = Rotation.from_matrix(turns).as_euler("zyx", degrees=True)
    for about in angles.T:
        assert kstest(about, "uniform", args=(-45, 90)).pvalue > 1e-4
    assert abs(angles).max() <= 45 + 1e-3


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_axes_are_stretched_or_shrunk_by_one_to_one_and_a_half(probability):
    scales, turns = _parts(_draws(invert_probability=probability))
    assert abs(turns @ turns.transpose(0, 2, 1) - np.eye(3)).max() < 1e-5, "the rest must be rotations"
    assert abs(np.linalg.det(turns) - 1).max() < 1e-5, "and no mirror"
    assert scales.min() >= 1 / 1.5 - 1e-5 and scales.max() <= 1.5 + 1e-5
    inverted = scales < 1
    assert (abs(inverted.mean(0) - probability) <= 4.5 * (probability * (1 - probability) / N) ** 0.5 + 1e-3).all()
    for axis in np.where(inverted, 1 / scales, scales).T:
        assert kstest(axis, "uniform", args=(1, 0.5)).pvalue > 1e-4
    assert abs(np.corrcoef(scales.T)[~np.eye(3, dtype=bool)]).max() < 4.5 / N**0.5, "each axis on its own"


@pytest.mark.parametrize("mode", ["project", "residual"])
@pytest.mark.parametrize("inverse", ["dower", "pseudo"])
def test_the_relations_of_the_limb_leads_hold_afterwards_whatever_they_were(mode, inverse):
    signal = torch.randn(8, 12, 50, generator=_generator())  # broken relations
    out = _changed(_windows(signal), mode=mode, inverse=inverse).signal
    assert torch.allclose(out[:, 2:6], _limb_from_one_and_two(out), atol=1e-5, rtol=0)
    repaired = signal.clone()
    repaired[:, 2:6] = _limb_from_one_and_two(signal)
    assert torch.equal(out, _changed(_windows(repaired), mode=mode, inverse=inverse).signal), (
        "derived leads tell nothing"
    )


def test_a_window_that_lacks_one_of_the_eight_stays_as_it_is_and_other_gaps_stay_silent():
    present = torch.ones(16, 12, dtype=torch.bool)
    for window, lead in enumerate(INDEPENDENT):
        present[window, lead] = False
    present[8, 2] = present[9, 5] = present[9, 3] = False
    windows = _windows(_signal(16), present)
    out = _changed(windows)
    assert torch.equal(out.signal[:8], windows.signal[:8])
    assert not out.signal[~present].any() and torch.equal(out.present, present)
    whole = _changed(_windows(_signal(16)))
    kept = present[8:].unsqueeze(2)
    assert torch.equal(out.signal[8:], whole.signal[8:] * kept), "an absent derived lead changes nothing else"
    assert (out.signal[8:] - windows.signal[8:]).abs().amax((1, 2)).min() > 0.1


def test_padding_stays_zero_and_the_input_as_it_was():
    signal, lengths = _signal(4), torch.tensor([60, 30, 1, 0])
    windows = _windows(signal, lengths=lengths)
    before = windows.signal.clone()
    out = _changed(windows)
    assert torch.equal(windows.signal, before) and torch.equal(out.lengths, lengths)
    for window, length in enumerate(lengths):
        assert not out.signal[window, :, length:].any()
    short = _changed(_windows(signal))  # what is valid does not hang on what is padded
    assert torch.equal(out.signal[1, :, :30], short.signal[1, :, :30])


def test_leads_are_found_by_name():
    order = torch.randperm(12, generator=_generator(3)).tolist()
    leads = tuple(STANDARD_LEADS[place] for place in order)
    signal = _signal()
    out = _changed(_windows(signal[:, order], leads=leads)).signal
    assert torch.allclose(out, _changed(_windows(signal)).signal[:, order], atol=1e-6, rtol=0)
    eight = tuple(STANDARD_LEADS[place] for place in INDEPENDENT)
    out = _changed(_windows(signal[:, INDEPENDENT], leads=eight)).signal
    assert torch.allclose(out, _changed(_windows(signal)).signal[:, INDEPENDENT], atol=1e-6, rtol=0)


@pytest.mark.parametrize("leads", [("I", "II"), STANDARD_LEADS[:6], ("I", "II", "III", "V2")])
def test_sets_of_fewer_leads_are_refused(leads):
    with pytest.raises(ValueError, match=r"must include I, II and V1 to V6, .* got I, II"):
        _changed(_windows(torch.zeros(4, len(leads), 10), leads=leads))


def test_a_first_batch_of_windows_that_mostly_lack_leads_is_refused_and_later_ones_are_not():
    present = torch.ones(8, 12, dtype=torch.bool)
    present[:5, 7] = False
    poor, rich = _windows(_signal(8), present), _windows(_signal(8))
    with pytest.raises(ValueError, match=r"at least half of a batch .* got 3 of 8 \(first batch; choose all twelve"):
        _changed(poor)
    transform = Vcg(VcgSettings())
    transform(rich, 500.0, _generator())
    assert torch.equal(transform(poor, 500.0, _generator()).signal[:5], poor.signal[:5])


def test_the_generator_decides_everything_and_windows_differ():
    windows = _windows(_signal(1).expand(6, -1, -1))
    first = _changed(windows).signal
    torch.manual_seed(5)
    assert torch.equal(first, _changed(windows).signal)
    assert not torch.equal(first, _changed(windows, seed=1).signal)
    for a, b in itertools.combinations(first, 2):
        assert (a - b).abs().max() > 0.05


def test_the_two_views_of_3kg_differ_and_lose_half_of_every_lead():
    signal = _signal(5, 500)
    views = Pipeline("augment", ["vcg", "lead_time_mask"], 500.0)(_windows(signal), _generator())
    assert views.signal.shape == (10, 12, 500) and views.view.tolist() == [0] * 5 + [1] * 5
    assert ((views.signal == 0).sum(2) == 250).all()
    both = (views.signal[:5] != 0) & (views.signal[5:] != 0)
    assert ((views.signal[:5] - views.signal[5:])[both].abs() > 1e-3).double().mean() > 0.9
    assert views.present.all(), "a lead that loses half of its samples is still there"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rotation_degrees": -1}, "rotation_degrees of vcg must lie in 0 to 180, got -1"),
        ({"rotation_degrees": float("nan")}, "rotation_degrees of vcg must lie in 0 to 180, got nan"),
        ({"scale": 0.9}, "scale of vcg must be a finite number from 1 on, got 0.9"),
        ({"scale": float("inf")}, "scale of vcg must be a finite number from 1 on, got inf"),
        ({"invert_probability": 1.1}, "invert_probability of vcg must lie in 0 to 1, got 1.1"),
        ({"order": "xyz"}, "order of vcg must be one of random, zyx, got 'xyz'"),
        ({"mode": "projekt"}, "mode of vcg must be one of project, residual, got 'projekt'"),
        ({"inverse": "kors"}, "inverse of vcg must be one of dower, pseudo, got 'kors'"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        VcgSettings(**settings)


def test_the_defaults_are_the_paper_s():
    assert VcgSettings() == VcgSettings(45.0, 1.5, 0.5, "random", "project", "dower")


@pytest.mark.real
def test_the_projection_keeps_most_of_real_ecgs(real_ecgs):
    from fairseq_signals.data.readers import read_record

    paths = sorted((real_ecgs("ptbxl500") / "ptbxl-500hz-first500").rglob("*.hea"))[:100]
    signal = np.stack([read_record(path).signal for path in paths])
    signal = torch.as_tensor(signal - np.median(signal, axis=2, keepdims=True))
    out = lead_matrices(torch.eye(3).expand(len(paths), 3, 3)) @ signal
    likeness = torch.nn.functional.cosine_similarity(signal, out, dim=2).median(dim=0).values
    lead = dict(zip(STANDARD_LEADS, likeness.tolist(), strict=True))
    assert min(lead[name] for name in ("II", "aVF", "V2", "V4", "V5", "V6")) > 0.95, lead
    # Lead I, and aVL with it, fare worst.
    assert 0.7 < lead["aVL"] < lead["I"] < 0.9
    energy = out[:, INDEPENDENT].square().sum((1, 2)) / signal[:, INDEPENDENT].square().sum((1, 2))
    assert 0.85 < energy.median() < 1
