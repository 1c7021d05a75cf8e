"""What several tests share."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def real_ecgs():
    """Finds a part of the real ECGs (`ptbxl`, `ptbxl500`, `cinc2021`, `code15`), or skips and says why."""

    def find(part: str) -> Path:
        root = os.environ.get("ECG_TEST_DATA")
        if not root:
            pytest.skip("ECG_TEST_DATA is unset: it names a folder of real ECGs laid out as downloaded")
        if not (Path(root) / part).is_dir():
            pytest.skip(f"ECG_TEST_DATA has no folder {part}/")
        return Path(root) / part

    return find


@pytest.fixture(scope="session")
def ecg_data(tmp_path_factory):
    """A prepared data set of 40 synthetic patients, 100 Hz, 10 s, with every manifest and a class list; read only."""
    from fairseq_signals.data.synthetic import make_example_data
    from manifests.wfdb_folder import main

    folder = tmp_path_factory.mktemp("ecg")
    make_example_data(folder / "recordings", patients=40, rate=100.0, seconds=10.0)
    source = ["--source", str(folder / "recordings"), "--dest", str(folder / "data")]
    main([*source, "--rate", "100", "--classes", "all", "--shares", "0.5,0.25,0.25", "--workers", "1"])
    return folder / "data"


@pytest.fixture(scope="session")
def start_command():
    """Starts an installed command (`fairseq-train`, …) of this environment, as a user would from the checkout.

    `folder` is where it runs; elsewhere than in the checkout, `path` says where the package is found.
    """

    def start(name: str, *arguments, folder: Path = ROOT, path: Path | None = None) -> subprocess.Popen:
        known = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        environment = {**known, "OMP_NUM_THREADS": "1"} | ({"PYTHONPATH": str(path)} if path else {})
        command = [str(Path(sys.executable).parent / name), *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=folder, env=environment, **pipes)

    return start


@pytest.fixture(scope="session")
def run_command(start_command):
    """The same, waited for: a `CompletedProcess`; a command that fails where it should not shows what it printed."""

    def run(name: str, *arguments, fails: bool = False, **where) -> subprocess.CompletedProcess:
        process = start_command(name, *arguments, **where)
        out, err = process.communicate(timeout=300)
        assert fails == (process.returncode != 0), (
            f"{name} ended with {process.returncode}\n{out[-3000:]}\n{err[-3000:]}"
        )
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    return run


# The smallest useful run: a tiny encoder, a small quantizer, everything on the processor.
PLACE = ["--user-dir", "fairseq_signals", "--cpu", "--no-progress-bar", "--num-workers", "0", "--rate", "100"]
OPTIMISER = ["--optimizer", "adam", "--lr", "1e-3", "--batch-size", "8", "--batch-size-valid", "8"]
W2V = ["--task", "ecg_pretraining", "--arch", "ecg_wav2vec2_tiny", "--codes-per-group", "16", "--target-dim", "16"]
SUBSETS = ["--train-subset", "pretrain", "--valid-subset", "valid"]
PRETRAINING = [*PLACE, *OPTIMISER, *W2V, *SUBSETS]
DIAGNOSIS = [
    *PLACE,
    *OPTIMISER,
    "--task",
    "ecg_classification",
    "--arch",
    "ecg_classifier",
    "--criterion",
    "multilabel",
]
IDENTIFICATION = [*PLACE, *OPTIMISER, "--task", "ecg_identification", "--arch", "ecg_identifier"]
IDENTIFICATION += ["--criterion", "arcface", "--valid-subset", "valid_probe"]
RANDOM = ["--pretrained", "random", "--encoder", "wav2vec2_tiny"]


@pytest.fixture(scope="session")
def arguments():
    """Arguments of the smallest runs by name: `pretraining`, `diagnosis`, `identification`, `random`, `place`."""
    return {
        "pretraining": PRETRAINING,
        "diagnosis": DIAGNOSIS,
        "identification": IDENTIFICATION,
        "random": RANDOM,
        "place": PLACE,
    }


@pytest.fixture(scope="session")
def fairseq_parts():
    """Configuration, task, model and criterion as `fairseq-train` builds them from its arguments, in this process."""
    from fairseq import options, tasks
    from fairseq.dataclass.utils import convert_namespace_to_omegaconf

    import fairseq_signals

    fairseq_signals.register()

    def build(data: Path, *arguments):
        import torch

        parser = options.get_training_parser()
        parsed = options.parse_args_and_arch(parser, input_args=[str(data), *map(str, arguments)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # hydra's about its own versions
            cfg = convert_namespace_to_omegaconf(parsed)
        torch.manual_seed(cfg.common.seed)
        task = tasks.setup_task(cfg.task)
        model = task.build_model(cfg.model)
        return cfg, task, model, task.build_criterion(cfg.criterion)

    return build


@pytest.fixture(scope="session")
def validate():
    """`fairseq-validate` with these arguments, in this process: the scores that it logs, by name."""
    from fairseq import options
    from fairseq.dataclass.utils import convert_namespace_to_omegaconf
    from fairseq.logging import metrics
    from fairseq_cli.validate import main

    import fairseq_signals

    fairseq_signals.register()

    def run(data: Path, checkpoint: Path, *arguments):
        given = [str(data), "--path", str(checkpoint), "--cpu", "--num-workers", "0", *map(str, arguments)]
        with warnings.catch_warnings(), metrics.aggregate() as scores:
            warnings.simplefilter("ignore")  # hydra's about its own versions, PyTorch's about pinned memory
            parsed = options.parse_args_and_arch(options.get_validation_parser(), input_args=given)
            override = options.parse_args_and_arch(
                options.get_validation_parser(), input_args=given, suppress_defaults=True
            )
            main(convert_namespace_to_omegaconf(parsed), override_args=override)
            return dict(scores.get_smoothed_values())

    return run


@pytest.fixture(scope="session")
def pretrained(ecg_data, run_command, tmp_path_factory):
    """A checkpoint of two updates of pre-training by `fairseq-train`."""
    folder = tmp_path_factory.mktemp("pretrained")
    method = ["--criterion", "w2v_cmsc", "--views", "adjacent", "--transforms", "random_lead_masking"]
    run_command("fairseq-train", ecg_data, *PRETRAINING, *method, "--max-update", 2, "--save-dir", folder)
    return folder / "checkpoint_last.pt"


_LONGEST = (
    "test_quickstart.py",
    "test_run.py",
    "test_ptbxl.py",
    "test_commands.py",
    "test_resume_beside_parameters.py",
)


def pytest_collection_modifyitems(items):
    """The files that take minutes come first: one that begins last would keep a single worker busy alone.

    It takes effect with `--no-loadscope-reorder`; pytest-xdist would begin with the files of most tests.
    """
    items.sort(key=lambda item: item.path.name not in _LONGEST)
