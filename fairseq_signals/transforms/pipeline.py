"""Views and transforms of a recipe, put together once and applied to every batch."""

from collections.abc import Mapping
from typing import Any

import torch

from fairseq_signals.data.keys import keyed_seed
from fairseq_signals.transforms import TRANSFORMS
from fairseq_signals.transforms.random_crops import RandomCrops
from fairseq_signals.transforms.views import VIEWS
from fairseq_signals.transforms.windows import Windows


def keyed_generator(device: torch.device, *key: "int | str") -> torch.Generator:
    """A generator on `device` whose draws depend on the key alone, such as (seed, update, micro-batch, rank).

    PyTorch's generator on the processor takes 32 bits of the seed, so that two of 100,000 keys may share their draws.
    """
    return torch.Generator(device=device).manual_seed(keyed_seed(*key))


def resolve_transforms(specs: "str | list | None") -> list[dict[str, Any]]:
    """Full settings of each transform, from "name,name" or a list of names and mappings.

    Raises:
        ValueError: unknown transform or setting, with the known ones.
    """
    if isinstance(specs, str):
        specs = [name.strip() for name in specs.split(",") if name.strip()]
    return [TRANSFORMS.resolve(spec) for spec in specs or []]


class Pipeline:
    """Cuts views from windows, then applies each transform to every view."""

    def __init__(self, views: "str | Mapping", transforms: "str | list | None", rate: float):
        """Builds the parts.

        Args:
            views: `single`, `adjacent`, `augment`, or a mapping `{"_name": "crops", "seconds": [...]}`.
            transforms: see `resolve_transforms`.
            rate: Hz.
        """
        self.rate = rate
        self.cut = _views(views, rate)
        self.transforms = [TRANSFORMS.build(spec) for spec in resolve_transforms(transforms)]

    def __call__(self, windows: Windows, generator: torch.Generator) -> Windows:
        """Views of the windows, transformed; every draw comes from `generator`."""
        views = self.cut(windows, generator)
        for transform in self.transforms:
            views = transform(views, self.rate, generator)
        return views


def _views(spec: "str | Mapping", rate: float):
    name, settings = (None, dict(spec)) if isinstance(spec, Mapping) else (spec, {})
    name = settings.pop("_name", name)
    if name == "crops" and set(settings) == {"seconds"}:
        return RandomCrops(settings["seconds"], rate)
    if name not in VIEWS or settings:
        known = ", ".join([*VIEWS, "crops (with seconds)"])
        raise ValueError(f"views must be one of {known}, got {spec!r}")
    return lambda windows, generator: VIEWS[name](windows)
