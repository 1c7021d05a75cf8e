"""One flat namespace: on fairseq's command line, a name means one thing in task, model and criterion together."""

import dataclasses
from collections import defaultdict

import pytest
from fairseq import options
from fairseq.criterions import CRITERION_DATACLASS_REGISTRY
from fairseq.dataclass.configs import FairseqConfig
from fairseq.models import MODEL_DATACLASS_REGISTRY
from fairseq.tasks import TASK_DATACLASS_REGISTRY

import fairseq_signals
from fairseq_signals.encoders import ENCODERS
from fairseq_signals.modules.preprocess import PreprocessSettings
from fairseq_signals.transforms import TRANSFORMS

fairseq_signals.register()
REGISTRIES = (TASK_DATACLASS_REGISTRY, MODEL_DATACLASS_REGISTRY, CRITERION_DATACLASS_REGISTRY)

SHARED_WITH_FAIRSEQ = {
    "data": "fairseq's own tasks call their folder so, and its commands take it as the first argument",
    "seed": "is fairseq's, by interpolation",
    "save_dir": "is fairseq's, by interpolation",
    "restore_file": "is fairseq's, by interpolation",
    "train_subset": "is fairseq's, by interpolation",
    "results_path": "is the option of fairseq-validate that reaches the task",
}


def ours() -> dict[str, type]:
    """Our configuration dataclasses by registered name."""
    found = {name: part for registry in REGISTRIES for name, part in registry.items()}
    return {name: part for name, part in found.items() if part.__module__.startswith("fairseq_signals.")}


def field_names(part: type) -> set[str]:
    return {field.name for field in dataclasses.fields(part)} - {"_name"}


def origin(part: type, name: str) -> type:
    """The class that defines a field, seen from the class that has it."""
    return next(base for base in part.__mro__ if name in vars(base).get("__annotations__", {}))


def kinds(name: str) -> set[str]:
    words = ("task", "model", "criterion")
    return {word for word, registry in zip(words, REGISTRIES, strict=True) if name in registry}


def test_no_two_dataclasses_give_one_name_two_meanings():
    meanings = defaultdict(set)
    for part in ours().values():
        for name in field_names(part):
            definition = origin(part, name)
            help_text = definition.__dataclass_fields__[name].metadata.get("help")
            meanings[name].add((str(definition.__annotations__[name]), help_text))
    # The start of downstream models may stay open where pre-training names it; the meaning is the same. A window of
    # pre-training holds views, and lasts longer by default.
    allowed = {"encoder", "preprocess", "window_seconds"}
    assert {name for name, found in meanings.items() if len(found) > 1} == allowed


def test_task_model_and_criterion_share_no_name():
    owners = defaultdict(set)
    for name, part in ours().items():
        for field in field_names(part):
            owners[field] |= kinds(name)
    assert {field for field, found in owners.items() if len(found) > 1} == set()


def fairseq_names() -> set[str]:
    """Names of fairseq's common settings, and of every option its two parsers know without a task of ours."""
    names = set()
    for section in dataclasses.fields(FairseqConfig):
        names |= field_names(section.type) if dataclasses.is_dataclass(section.type) else {section.name}
    for parser in (options.get_training_parser(), options.get_validation_parser()):
        names |= {action.dest for action in parser._actions}
    return names - {"help"}


@pytest.mark.parametrize("name", sorted(ours()))
def test_no_setting_takes_a_name_of_fairseqs(name, monkeypatch):
    monkeypatch.setattr("sys.argv", ["fairseq-train"])
    names = fairseq_names()
    assert {"batch_size", "max_update", "lr_scheduler", "results_path", "seed", "path"} <= names
    assert field_names(ours()[name]) & names <= set(SHARED_WITH_FAIRSEQ)


def nested_settings() -> dict[str, set[str]]:
    """Names of settings that stand deeper in a saved configuration, by part."""
    found = {"preprocess": set(PreprocessSettings.__dataclass_fields__)}
    for registry in (ENCODERS, TRANSFORMS):
        found |= {name: set(part.Settings.__dataclass_fields__) for name, part in registry.parts().items()}
    return found


@pytest.mark.parametrize("part", sorted(nested_settings()))
def test_no_setting_of_a_part_can_be_overwritten_by_name(part, monkeypatch):
    # fairseq-validate overwrites every saved key whose name is given on its command line, however deep it stands.
    monkeypatch.setattr("sys.argv", ["fairseq-validate"])
    of_tasks = {name for task in ours() if kinds(task) == {"task"} for name in field_names(ours()[task])}
    taken = of_tasks | {action.dest for action in options.get_validation_parser()._actions}
    assert nested_settings()[part] & taken == set()


@pytest.mark.parametrize("name", sorted(ours()))
def test_every_setting_says_what_it_is(name):
    for field in dataclasses.fields(ours()[name]):
        interpolated = field.name in SHARED_WITH_FAIRSEQ and str(field.default).startswith("${")
        assert field.name == "_name" or field.metadata.get("help") or interpolated, field.name
