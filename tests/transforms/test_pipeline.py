from pathlib import Path

import pytest
import torch

from fairseq_signals.transforms import TRANSFORMS
from fairseq_signals.transforms.pipeline import Pipeline, keyed_generator, resolve_transforms
from fairseq_signals.transforms.windows import Windows

CPU = torch.device("cpu")


def _windows(padded=True):
    """Twelve-lead windows with absent leads in every second one and, where asked, padding."""
    generator = torch.Generator().manual_seed(0)
    present = torch.rand(6, 12, generator=generator) < 0.8
    present[::2] = True
    lengths = torch.tensor([200, 150, 200, 20, 7, 0]) if padded else None
    blank = Windows(torch.zeros(6, 12, 200), present, lengths, {"window": torch.arange(6)}, torch.zeros(6).long())
    return blank.with_signal(torch.randn(6, 12, 200, generator=generator))


def test_the_key_alone_decides_the_draws():
    pipeline, windows = Pipeline("adjacent", "random_lead_masking", 100.0), _windows()
    keys = [(1, 7, 0, 0), (1, 8, 0, 0), (2, 7, 0, 0), (1, 7, 1, 0), (1, 7, 0, 1), (1, "valid", 0), (17, 0, 0)]
    torch.manual_seed(0)
    first = [pipeline(windows, keyed_generator(CPU, *key)).signal for key in keys]
    torch.manual_seed(1)  # the global state must not matter
    again = [pipeline(windows, keyed_generator(CPU, *key)).signal for key in reversed(keys)]
    for number, (a, b) in enumerate(zip(first, reversed(again), strict=True)):
        assert torch.equal(a, b)
        assert not any(torch.equal(a, other) for other in first[number + 1 :])


def test_views_of_one_window_are_transformed_apart():
    views = Pipeline("augment", "random_lead_masking", 100.0)(_windows(), keyed_generator(CPU, 1))
    assert views.view.tolist() == [0] * 6 + [1] * 6
    assert not torch.equal(views.present[:6], views.present[6:])


def test_without_transforms_the_views_come_out():
    windows = _windows()
    for transforms in (None, "", []):
        assert Pipeline("single", transforms, 100.0)(windows, keyed_generator(CPU, 1)) is windows
    views = Pipeline({"_name": "crops", "seconds": [0.5, 0.2]}, None, 100.0)(windows, keyed_generator(CPU, 1))
    assert views.signal.shape == (12, 12, 50)


def test_transforms_are_named_by_text_list_or_mapping_and_fully_resolved():
    full = {"_name": "random_lead_masking", "probability": 0.5, "keep_one": True}
    assert resolve_transforms("random_lead_masking, random_lead_masking") == [full, full]
    assert resolve_transforms(["random_lead_masking"]) == [full]
    changed = [{"_name": "random_lead_masking", "probability": 0.3}]
    assert resolve_transforms(changed) == [full | {"probability": 0.3}]
    assert resolve_transforms(resolve_transforms(changed)) == resolve_transforms(changed)
    assert resolve_transforms(None) == resolve_transforms("") == []


@pytest.mark.parametrize(
    "views",
    [
        "adjacentt",
        "crops",
        None,
        {},
        {"_name": "crops"},
        {"_name": "crops", "second": [1]},
        {"_name": "single", "x": 1},
    ],
)
def test_unknown_views_are_answered_with_the_known_ones(views):
    with pytest.raises(
        ValueError, match=r"views must be one of single, adjacent, augment, crops \(with seconds\), got"
    ):
        Pipeline(views, None, 100.0)


def test_misspelt_transforms_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"transform must be one of .*\(did you mean 'random_lead_masking'\?\)"):
        Pipeline("single", "random_lead_maskin", 100.0)
    with pytest.raises(ValueError, match=r"among probability, keep_one, got 'probabilty' \(did you mean 'prob"):
        Pipeline("single", [{"_name": "random_lead_masking", "probabilty": 0.3}], 100.0)


@pytest.mark.parametrize("name", TRANSFORMS.names())
@pytest.mark.parametrize("padded", [True, False])
def test_every_transform_is_repeatable_leaves_its_input_and_keeps_silence(name, padded):
    windows = _windows(padded)
    before = windows.signal.clone()
    transform = TRANSFORMS.build(name)
    results = [transform(windows, 100.0, keyed_generator(CPU, seed)) for seed in (1, 1, 2)]
    assert torch.equal(windows.signal, before), "the input must stay"
    assert torch.equal(results[0].signal, results[1].signal), "equal generators, equal results"
    draws = name != "gaussian_blur"  # which by default changes every window, and alike
    assert torch.equal(results[0].signal, results[2].signal) != draws, "other generators, other results"
    for result in results:
        assert result.signal.dtype == torch.float32 and result.signal.isfinite().all()
        assert torch.equal(result.with_signal(result.signal).signal, result.signal)
        assert not (result.present & ~windows.present).any()
        shorter = name in ("resize", "random_subset")  # whose compressed windows are padded
        assert shorter or result.lengths is windows.lengths
        assert (result.valid_lengths <= windows.valid_lengths).all()
        assert result.ids is windows.ids and result.view is windows.view


def test_every_transform_has_a_test_file_of_its_own():
    here = Path(__file__).parent
    missing = [name for name in TRANSFORMS.parts() if not (here / f"test_{name}.py").is_file()]
    assert TRANSFORMS.parts() and not missing
