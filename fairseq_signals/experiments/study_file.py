"""A study read from a yaml that lies beside its recipes.

It says nothing that a recipe says: it names the recipes, together with the settings in which the cells of a table
differ:

    extends: tables.yaml             # optional: what this file says goes over what that one says
    recipes: .                       # folder of the recipes, from this file
    seeds: [1, 2, 3]
    data: {pretraining: data/oh2022, diagnosis: data/oh2022-diagnosis, identification: data/oh2022}
    settings: {pretraining: [size=base], finetuning: []}
    methods: {w2v: {label: W2V}}     # a method that is not named here is the recipe of its name
    tasks: {diagnosis: {label: Dx., recipe: diagnosis, task: ecg_classification, subset: test, metric: cinc_score}}
    columns: {P-6: {label: P-6-lead, pretrained_on: "12", finetuning: [task.leads=6]}}
    tables: {table1: {title: ..., rows: [w2v], columns: ["12", P-6], tasks: [diagnosis]}}
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fairseq_signals.experiments.study import Column, Layout, Method, Study, Task

_KEYS = {"extends", "recipes", "published", "seeds", "data", "seconds", "settings"}
_KEYS |= {"methods", "tasks", "columns", "tables"}


def read_study(path: Path) -> Study:
    """The study of a yaml.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds what no study has, or names what it does not define.
    """
    path = Path(path)
    raw = _merged(path)
    unknown = sorted(set(raw) - _KEYS)
    if unknown:
        raise ValueError(f"a study must consist of {', '.join(sorted(_KEYS))}, got {', '.join(unknown)} ({path})")
    columns = {name: _part(Column, path, name=name, **raw) for name, raw in raw.get("columns", {}).items()}
    study = Study(
        path,
        (path.parent / raw.get("recipes", ".")).resolve(),
        tuple(raw.get("seeds", (1,))),
        dict(raw.get("data", {})),
        {stage: tuple(settings) for stage, settings in raw.get("settings", {}).items()},
        {name: _method(path, name, entry) for name, entry in raw.get("methods", {}).items()},
        {name: _part(Task, path, name=name, **entry) for name, entry in raw.get("tasks", {}).items()},
        columns,
        {name: _part(Layout, path, name=name, **entry) for name, entry in raw.get("tables", {}).items()},
        dict(raw.get("seconds", {})),
        (path.parent / raw["published"]).resolve() if raw.get("published") else None,
    )
    _check(study)
    return study


def _merged(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"study must be a yaml file, got {path}")
    try:
        own = OmegaConf.load(path)
        raw = OmegaConf.to_container(own) if OmegaConf.is_dict(own) else None
    except (OmegaConfBaseException, yaml.YAMLError, OSError, ValueError) as error:
        raise ValueError(f"study must be a readable yaml file, got {path} ({error})") from error
    if not isinstance(raw, dict):
        raise ValueError(f"study must be a yaml mapping, got {type(raw).__name__} ({path})")
    if "extends" not in raw:
        return raw
    below = _merged(path.parent / raw.pop("extends"))
    return OmegaConf.to_container(OmegaConf.merge(below, raw))


def _method(path: Path, name: str, entry: dict) -> Method:
    entry = dict(entry or {})
    if "descriptor" not in entry:
        entry.setdefault("recipe", name)
    return _part(Method, path, name=name, **entry)


def _part(kind: type, path: Path, **entry):
    known = [item.name for item in fields(kind)]
    unknown = sorted(set(entry) - set(known))
    if unknown:
        what = f"{kind.__name__.lower()} {entry['name']}"
        raise ValueError(f"{what} must have only {', '.join(known)}, got {', '.join(unknown)} ({path})")
    try:
        part = kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()})
    except TypeError as error:
        raise ValueError(f"{kind.__name__.lower()} {entry['name']} is incomplete: {error} ({path})") from error
    return part


def _check(study: Study):
    for table in study.tables.values():
        for row in (*table.rows, *table.improvements, *table.improvements.values()):
            study.method(row)
        for kind, names in (("columns", table.columns), ("tasks", table.tasks)):
            _known(study, kind, names, table.name)
    for column in study.columns.values():
        _known(study, "columns", [column.pretrained_on or column.name], column.name)


def _known(study: Study, kind: str, names, where: str):
    known = getattr(study, kind)
    for name in names:
        if name not in known:
            raise ValueError(
                f"{kind} of {where} must be among {', '.join(map(str, known))}, got {name!r} ({study.path})"
            )
