"""A recipe with its defaults and changes resolved as `fairseq-hydra-train` composes it, and nothing started.

Differs from what the command prints (`--cfg job`): the values that fairseq adds where a recipe is silent are left out.
Which names it knows stands in `fairseq_sections`, so a change that the command would refuse is refused here, too;
settings of tasks, models and criterions are looked at when a run starts.
"""

import difflib
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fairseq_signals.experiments.fairseq_sections import PARTS, SECTIONS

_TURN = threading.Lock()
HYDRA = "1.1"  # whose behaviour fairseq-hydra-train asks for, by not asking


def compose_recipe(recipe: "str | Path", overrides: Sequence[str] = ()) -> dict[str, Any]:
    """The configuration of a training as plain containers, interpolations resolved.

    Args:
        recipe: the yaml; groups (`size=tiny`) are looked for beside it.
        overrides: changes as one types them after the command.

    Returns:
        Settings by section; what must still be given is the text `???`.

    Raises:
        FileNotFoundError: there is no such recipe.
        ValueError: the command would refuse it: an unknown key, an unknown choice of a group, a misspelt change.
    """
    recipe = Path(recipe).resolve()
    if not recipe.is_file() or recipe.suffix != ".yaml":
        raise FileNotFoundError(f"recipe must be a yaml file, got none at {recipe}")
    try:
        changes = [_change(text) for text in overrides]
        with _hydra_of_our_own(), initialize_config_dir(str(recipe.parent), version_base=HYDRA):
            composed = compose(recipe.stem, changes)
        settings = OmegaConf.to_container(composed, resolve=True)
        _check(settings)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError) as error:
        raise ValueError(_refusal(recipe, overrides, error)) from error
    return settings


def quoted(text: "str | Path") -> str:
    """A text as the value of a change, which Hydra reads back letter by letter: spaces, commas, umlauts, brackets."""
    text = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), str(text))
    return "'" + text.replace("${", "\\${") + "'"


@contextmanager
def _hydra_of_our_own() -> Iterator[None]:
    # Hydra keeps one state per process: threads take turns, and an application of Hydra gets its own back, with the
    # version whose behaviour it asked for (another one would run its next job in another folder).
    with _TURN:
        everybody, base = GlobalHydra.instance(), VersionBase.instance()
        before, version = everybody.hydra, base.version_base
        everybody.hydra = None
        try:
            yield
        finally:
            everybody.hydra, base.version_base = before, version


def _change(text: str) -> str:
    """A change of what fairseq knows but the recipe may not state, so that it is made in either case."""
    change = OverridesParser.create().parse_override(text)
    section, _, name = change.key_or_group.partition(".")
    if section not in SECTIONS or not name:
        return text
    if change.is_add():
        raise ValueError(f"a setting that fairseq knows must be changed without +, got {text!r}")
    return text if change.is_delete() or change.is_force_add() else f"++{text}"


def _check(settings: dict[str, Any]):
    _refuse_strangers("section", settings, PARTS | set(SECTIONS))
    for section, known in SECTIONS.items():
        _refuse_strangers(f"setting of {section}", settings.get(section) or {}, known)


def _refuse_strangers(what: str, names: dict[str, Any], known: "frozenset[str] | set[str]"):
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(str(name), sorted(known), n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(sorted(known))}"
            raise ValueError(f"{what} must be one that fairseq knows, got {name!r}; {hint}")


def _refusal(recipe: Path, overrides: Sequence[str], error: Exception) -> str:
    reason = " ".join(str(error).split("Config search path")[0].split())
    return f"recipe must compose, got: {reason} ({recipe}, changes: {' '.join(overrides) or 'none'})"
