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
                                     # a second score of the same trainings: {label: F1, shares: diagnosis, metric: f1}
                                     # or on other recordings: {shares: diagnosis, metric: f1, subset: institution2}
                                     # one of several by validation: sweep: {optimization.lr: ["[1e-4]", "[3e-5]"]}
    columns: {P-6: {label: P-6-lead, pretrained_on: "12", finetuning: [task.leads=6]}}
    tables: {table1: {title: ..., rows: [w2v], columns: ["12", P-6], tasks: [diagnosis]}}

A fine-tuning in two steps is two tasks, of which the second `follows` the first, and a method that takes it for another
task says so: `instead: {finetuned: finetuned_in_two_steps}`. With `pretraining_seed: 1` all seeds of a fine-tuning
start from one pre-training.
"""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fairseq_signals.evaluation.study_layout import SPREADS
from fairseq_signals.experiments.job import FINETUNING, PRETRAINING, SWEEP
from fairseq_signals.experiments.study import NAME, Column, Layout, Method, Study, Task
from fairseq_signals.experiments.study_types import check_types, duration, mapping, texts, whole_numbers

_KEYS = {item.name for item in fields(Study)} - {"path"} | {"extends"}
_STAGES = (PRETRAINING, FINETUNING)


def read_study(path: Path) -> Study:
    """The study of a yaml.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds what no study has, or names what it does not define.
    """
    path = Path(path)
    raw = _merged(path)
    unknown = sorted(map(str, set(raw) - _KEYS))
    if unknown:
        raise ValueError(f"a study must consist of {', '.join(sorted(_KEYS))}, got {', '.join(unknown)} ({path})")
    settings = {stage: texts(path, f"settings of {stage}", given) for stage, given in _entries(path, raw, "settings")}
    if not set(settings) <= set(_STAGES):
        raise ValueError(f"settings must be those of {' and '.join(_STAGES)}, got {', '.join(settings)} ({path})")
    study = Study(
        path=path,
        recipes=Path(raw.get("recipes", path.parent)).resolve(),
        seeds=whole_numbers(path, "seeds", raw.get("seeds", [1])),
        data={stage: texts(path, f"data of {stage}", [folder])[0] for stage, folder in _entries(path, raw, "data")},
        settings=settings,
        methods={name: _method(path, name, entry) for name, entry in _entries(path, raw, "methods")},
        tasks={name: _task(path, name, entry, raw["tasks"]) for name, entry in _entries(path, raw, "tasks")},
        columns={name: _part(Column, path, name, entry) for name, entry in _entries(path, raw, "columns")},
        tables={name: _part(Layout, path, name, entry) for name, entry in _entries(path, raw, "tables")},
        pretraining_seed=_seed(path, raw.get("pretraining_seed")),
        seconds={stage: duration(path, f"seconds of {stage}", n) for stage, n in _entries(path, raw, "seconds")},
        published=Path(raw["published"]) if raw.get("published") else None,
    )
    _check(study)
    return study


def _seed(path: Path, value: Any) -> "int | None":
    return None if value is None else whole_numbers(path, "pretraining_seed", [value])[0]


def _merged(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path.resolve() in above:
        raise ValueError(f"a study must not extend itself, got {path} again")
    if not path.is_file():
        raise FileNotFoundError(f"study must be a yaml file, got {path}")
    try:
        own = OmegaConf.load(path)
        raw = OmegaConf.to_container(own) if OmegaConf.is_dict(own) else None
    except (OmegaConfBaseException, yaml.YAMLError, OSError, ValueError) as error:
        raise ValueError(f"study must be a readable yaml file, got {path} ({error})") from error
    if not isinstance(raw, dict):
        raise ValueError(f"study must be a yaml mapping, got {type(raw).__name__} ({path})")
    for key in ("recipes", "published"):  # from the file that says so, not from one that extends it
        if raw.get(key):
            raw[key] = str((path.parent / str(raw[key])).resolve())
    if "extends" not in raw:
        return raw
    below = _merged(path.parent / str(raw.pop("extends")), (*above, path.resolve()))
    return OmegaConf.to_container(OmegaConf.merge(below, raw))


def _entries(path: Path, raw: dict[str, Any], key: str):
    """Names and what they stand for; a name is a folder, a file and a column of a table, so it must be able to."""
    entries = mapping(path, key, raw.get(key))
    for name in entries:
        if not isinstance(name, str) or not re.fullmatch(NAME, name):
            hint = "; a number needs quotes" if not isinstance(name, str) else ""
            raise ValueError(
                f"names of {key} must be texts of letters, digits, _, -, + and . that begin with no dot, got {name!r}"
                f"{hint} ({path})"
            )
    return entries.items()


def _method(path: Path, name: str, entry: Any) -> Method:
    entry = dict(mapping(path, f"method {name}", entry))
    if entry.get("descriptor") and entry.get("recipe"):
        raise ValueError(f"method {name} must have a recipe or a descriptor, got both ({path})")
    if entry.get("whiten") and not entry.get("descriptor"):
        raise ValueError(f"method {name} must have a descriptor to whiten, got none ({path})")
    if not entry.get("descriptor"):
        entry.setdefault("recipe", name)
    return _part(Method, path, name, entry)


def _task(path: Path, name: str, entry: Any, tasks: dict[str, Any]) -> Task:
    """A task; one that shares another's trainings has everything but its label, metric and subset from it."""
    entry = mapping(path, f"task {name}", entry)
    shared = entry.get("shares")
    if shared is None:
        sharing = [other for other in tasks.values() if isinstance(other, dict) and other.get("shares") == name]
        also = [other["subset"] for other in sharing if "subset" in other]
        return _part(Task, path, name, {**entry, **({"also": also} if also else {})})
    first = tasks.get(shared)
    if not isinstance(first, dict) or first.get("shares"):
        raise ValueError(f"task {name} must share the trainings of a task that has its own, got {shared!r} ({path})")
    own = sorted(set(entry) - {"shares", "label", "metric", "subset"})
    if own:
        raise ValueError(
            f"task {name} must have only label, metric and subset of its own, got {', '.join(own)} ({path})"
        )
    return _part(Task, path, name, {**first, **entry})


def _part(kind: type, path: Path, name: str, entry: Any):
    what = f"{kind.__name__.lower()} {name}"
    entry = mapping(path, what, entry)
    known = [item.name for item in fields(kind) if item.name != "name"]
    unknown = sorted(map(str, set(entry) - set(known)))
    if unknown:
        raise ValueError(f"{what} must have only {', '.join(known)}, got {', '.join(unknown)} ({path})")
    entry = check_types(path, what, kind, entry)
    try:
        return kind(name=name, **entry)
    except TypeError as error:
        raise ValueError(f"{what} is incomplete: {error} ({path})") from error


def _check(study: Study):
    for name, whose in ((PRETRAINING, "the pre-trainings'"), (SWEEP, "the trainings' to choose from")):
        if name in study.tasks:
            raise ValueError(f"a task must not be named {name}, whose folder is {whose} ({study.path})")
    for table in study.tables.values():
        for row in (*table.rows, *table.improvements, *table.improvements.values()):
            study.method(row)
        for kind, names in (("columns", table.columns), ("tasks", table.tasks)):
            _known(study, kind, names, table.name)
        for names in (table.rows, table.columns, table.tasks):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"names in {table.name} must differ, got {', '.join(twice)} twice ({study.path})")
        if table.spread not in SPREADS:
            raise ValueError(
                f"spread of {table.name} must be {' or '.join(SPREADS)}, got {table.spread!r} ({study.path})"
            )
    for column in study.columns.values():
        _known(study, "columns", [column.pretrained_on or column.name], column.name)
    for method in study.methods.values():
        _known(study, "tasks", [*method.instead, *method.instead.values()], method.name)
    for task in study.tasks.values():
        _check_steps(study, task)


def _check_steps(study: Study, task: Task):
    seen = [task.name]
    while task.follows:
        _known(study, "tasks", [task.follows], task.name)
        task = study.tasks[task.follows]
        if task.shares or task.name in seen:
            raise ValueError(
                f"task {seen[-1]} must follow a task with trainings of its own that does not follow it in turn, got "
                f"{task.name!r} ({study.path})"
            )
        seen.append(task.name)


def _known(study: Study, kind: str, names, where: str):
    known = getattr(study, kind)
    for name in names:
        if name not in known:
            raise ValueError(
                f"{kind} of {where} must be among {', '.join(map(str, known))}, got {name!r} ({study.path})"
            )
