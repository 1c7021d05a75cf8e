"""What the plug-in enters into fairseq's registries, from a checkout and from an ordinary install."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import fairseq
import pytest
from fairseq.criterions import CRITERION_DATACLASS_REGISTRY, CRITERION_REGISTRY
from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_DATACLASS_REGISTRY, MODEL_REGISTRY
from fairseq.tasks import TASK_DATACLASS_REGISTRY, TASK_REGISTRY

import fairseq_signals

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fairseq_signals"
REGISTRIES = {
    "model": (MODEL_REGISTRY, MODEL_DATACLASS_REGISTRY),
    "task": (TASK_REGISTRY, TASK_DATACLASS_REGISTRY),
    "criterion": (CRITERION_REGISTRY, CRITERION_DATACLASS_REGISTRY),
}

fairseq_signals.register()


def names(kind: str) -> list[str]:
    """Names under which the sources register parts of a kind."""
    pattern = re.compile(rf'^@register_{kind}\("(\w+)"', re.MULTILINE)
    return sorted(name for path in PACKAGE.rglob("*.py") for name in pattern.findall(path.read_text()))


NAMES = [(kind, name) for kind in REGISTRIES for name in names(kind)]


def test_there_is_something_to_register():
    found = {kind: names(kind) for kind in REGISTRIES}
    assert set(found["criterion"]) >= {"w2v", "cmsc", "w2v_cmsc", "arcface", "multilabel"}
    assert set(found["model"]) >= {"ecg_wav2vec2", "ecg_contrastive", "ecg_classifier", "ecg_identifier"}
    assert set(found["task"]) >= {"ecg_pretraining", "ecg_classification", "ecg_identification"}


@pytest.mark.parametrize(("kind", "name"), NAMES)
def test_every_name_belongs_to_our_class(kind, name):
    # fairseq returns its own class, without a word, for a model or task whose name it has.
    for registry in REGISTRIES[kind]:
        assert registry[name].__module__.startswith("fairseq_signals."), registry[name]


def test_every_class_of_ours_is_registered_by_a_name_of_its_own():
    for kind, (registry, _) in REGISTRIES.items():
        ours = [name for name, part in registry.items() if part.__module__.startswith("fairseq_signals.")]
        assert sorted(ours) == names(kind)


@pytest.mark.parametrize("size", ["tiny", "small", "base"])
def test_sizes_are_architectures(size):
    assert ARCH_MODEL_REGISTRY[f"ecg_wav2vec2_{size}"] is MODEL_REGISTRY["ecg_wav2vec2"]


@pytest.mark.parametrize(("kind", "name"), [pair for pair in NAMES if pair[0] != "task"])
def test_every_criterion_and_model_has_a_test_and_a_recipe(kind, name):
    room = f"{kind}s"
    assert (ROOT / "tests" / room / f"test_{name}.py").is_file()
    recipes = [path.read_text() for path in sorted((ROOT / "examples").rglob("*.yaml"))]
    assert any(re.search(rf"_name: {name}\b", text) for text in recipes), f"no recipe under examples/ names {name}"


@pytest.mark.parametrize("name", names("task"))
def test_every_task_has_a_test(name):
    assert (ROOT / "tests" / "tasks" / f"test_{name}.py").is_file()


def test_importing_the_package_loads_neither_fairseq_nor_torch():
    code = "import sys, fairseq_signals; print(sorted({'fairseq', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_attribute_is_refused():
    with pytest.raises(AttributeError, match="'fairseq_signals' has no attribute 'embedd'"):
        _ = fairseq_signals.embedd


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The package as pip installs it from a copy of the sources, beside fairseq as in any site-packages folder."""
    folder = tmp_path_factory.mktemp("install")
    source = folder / "source"
    shutil.copytree(PACKAGE, source / "fairseq_signals", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    # fairseq looks for a --user-dir in the working folder, then beside itself.
    (folder / "site" / "fairseq").mkdir()
    for part in Path(fairseq.__file__).parent.iterdir():
        (folder / "site" / "fairseq" / part.name).symlink_to(part)
    return folder / "site"


@pytest.mark.slow
def test_an_ordinary_install_trains_from_an_empty_folder(installed, ecg_data, run_command, arguments, tmp_path):
    (tmp_path / "empty").mkdir()
    method = [*arguments["pretraining"], "--criterion", "w2v", "--max-update", 1, "--disable-validation"]
    run = [ecg_data, *method, "--save-dir", tmp_path / "run"]
    done = run_command("fairseq-train", *run, folder=tmp_path / "empty", path=installed)
    assert "num_updates: 1 >= max_update: 1" in done.stdout
    assert (tmp_path / "run" / "checkpoint_last.pt").is_file()


@pytest.mark.slow
def test_an_ordinary_install_holds_every_file_of_the_package(installed):
    wanted = {path.relative_to(ROOT) for path in PACKAGE.rglob("*") if path.suffix in (".py", ".tsv")}
    found = (installed / "fairseq_signals").rglob("*")
    assert {path.relative_to(installed) for path in found if path.suffix in (".py", ".tsv")} == wanted
