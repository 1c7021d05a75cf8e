"""Examples of transforms on one lead of a recording."""

import argparse
from pathlib import Path

from plots.files import add_recording, recording


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds `transforms`."""
    command = commands.add_parser("transforms", help="one lead of a recording before and after each transform")
    add_recording(command)
    command.add_argument("--transforms", metavar="NAMES", help="names such as resize,gaussian_blur, or a recipe (.yaml) whose transforms are shown with its settings; all there are without it")  # fmt: skip  # noqa: E501
    command.add_argument("--lead", default="II", help="lead to show (II)")
    command.add_argument("--seed", type=int, default=1, metavar="N", help="another seed draws others (1)")
    command.set_defaults(draw=_draw)


def _draw(options: argparse.Namespace) -> None:
    # PyTorch takes seconds to load, which pictures of recordings alone need not wait for.
    from fairseq_signals.evaluation.transform_picture import draw_transforms

    specs = options.transforms
    if specs is not None and Path(specs).suffix in (".yaml", ".yml"):
        specs = transforms_of_recipe(Path(specs))
    draw_transforms(recording(options), specs, options.output, options.lead, options.seed)


def transforms_of_recipe(path: Path) -> list:
    """The transforms that a recipe's own file names, as names or mappings.

    Raises:
        ValueError: the file names none (a recipe may take them from another file of its defaults list).
    """
    from omegaconf import DictConfig, ListConfig, OmegaConf

    recipe = OmegaConf.load(path)
    task = recipe.get("task") if isinstance(recipe, DictConfig) else None
    found = task.get("transforms") if isinstance(task, DictConfig) else None
    found = OmegaConf.to_container(found, resolve=True) if isinstance(found, (DictConfig, ListConfig)) else found
    if not found:
        raise ValueError(f"recipe must have transforms under task in this file, got none ({path})")
    return found
