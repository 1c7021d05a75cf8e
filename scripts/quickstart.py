#!/usr/bin/env python
"""From recordings to a table: pre-training, then diagnosis and identification on five lead sets, with random twins.

Every step is one of the commands that the README names; what is done is not done again, so the same call goes on where
it was stopped. The outputs of each command stand in DEST/logs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.evaluation.charts import draw_loss_curves, draw_results_chart
from fairseq_signals.evaluation.ecg_paper import draw
from fairseq_signals.evaluation.results import results_table, write_results

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "examples" / "oh2022"
LEAD_SETS = ("12", "6", "3", "2", "1")
INITS = ("pretrained", "random")
MASKED_LEADS = ("III", "aVL", "V1", "V4", "V5")  # for the picture of what random lead masking leaves


@dataclass(frozen=True)
class Task:
    """A task of the quickstart.

    Attributes:
        name: of its recipe in examples/oh2022.
        registered: its name for fairseq.
        subset: what is validated on.
        needs: the manifests without which it is left out.
        metrics: what is reported.
        settings: what differs from the recipe.
    """

    name: str
    registered: str
    subset: str
    needs: tuple[str, ...]
    metrics: tuple[str, ...]
    settings: tuple[str, ...] = ()


TASKS = (
    Task("diagnosis", "ecg_classification", "test", ("test",), ("cinc_score", "macro_auc")),
    Task(
        "identification",
        "ecg_identification",
        "probe",
        ("gallery", "probe", "valid_gallery", "valid_probe"),
        ("rank1",),
        ("dataset.train_subset=train", "task.identity=patient"),
    ),
)


class Quickstart:
    """The steps, each skipped where its result stands already."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.dest = options.dest.resolve()
        self.cores = len(os.sched_getaffinity(0))
        (self.dest / "logs").mkdir(parents=True, exist_ok=True)

    def run(self):
        """All steps in order."""
        source = self.options.data.resolve() if self.options.data else self.make_example()
        self.prepare(source)
        self.pretrain()
        rows = self.finetune([task for task in TASKS if self.has_data_for(task)])
        self.report(source, rows)

    def has_data_for(self, task: Task) -> bool:
        """Whether the manifests that a task needs are there; says which are not."""
        missing = [f"{name}.tsv" for name in task.needs if not (self.dest / "data" / f"{name}.tsv").is_file()]
        if missing:
            print(f"   {task.name} is left out: the data has no {', '.join(missing)} (see data/dataset.yaml)")
        return not missing

    def make_example(self) -> Path:
        """A folder of synthetic recordings in WFDB files."""
        print("1. Example data: synthetic patients, written as WFDB files", flush=True)
        folder = self.dest / "example"
        command = [sys.executable, str(ROOT / "scripts" / "make_example_data.py"), "--dest", str(folder)]
        self.command(None, *command, "--patients", self.options.patients, "--rate", 100, "--workers", self.cores)
        return folder

    def prepare(self, source: Path):
        """Store and manifests at 100 Hz."""
        print("2. Preparation: store and manifests at 100 Hz", flush=True)
        command = [sys.executable, "-m", "manifests.wfdb_folder", "--source", source, "--dest", self.dest / "data"]
        for option in ("classes", "labels", "patient_from"):
            if getattr(self.options, option):
                command += [f"--{option.replace('_', '-')}", getattr(self.options, option)]
        self.command(None, *command, "--rate", 100, "--workers", self.cores)

    def pretrain(self):
        """One encoder on all 12 leads."""
        print(f"3. Pre-training W2V + CMSC + RLM, tiny size, {self.options.pretrain_updates} updates", flush=True)
        updates = f"optimization.max_update={self.options.pretrain_updates}"
        self.train("w2v_cmsc_rlm", "pretrained", self.cores, "size=tiny", updates, "common.log_interval=5")

    def finetune(self, tasks) -> list[dict]:
        """Every task, lead set and start; as many at once as there are cores."""
        cells = [(task, leads, init) for task in tasks for leads in self.options.leads for init in INITS]
        print(f"4. Fine-tuning and validation: {len(cells)} models, {self.cores} at a time", flush=True)
        with ThreadPoolExecutor(self.cores) as pool, tqdm(total=len(cells), unit="model") as bar:
            futures = [pool.submit(self.cell, *cell) for cell in cells]
            rows = []
            try:
                for future in futures:
                    rows += future.result()
                    bar.update()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return rows

    def cell(self, task: Task, leads: str, init: str) -> list[dict]:
        """Trains and validates one model, and gives its rows of the table."""
        name = f"{task.name}_{leads}_{init}"
        metrics = self.dest / name / f"metrics_{task.subset}.json"
        start = self.dest / "pretrained" / "checkpoint_best.pt" if init == "pretrained" else "random"
        settings = ["machine=cpu", f"model.pretrained={start}", f"task.leads={leads}", *task.settings]
        settings += ["optimization.lr=[0.002]", f"optimization.max_update={self.options.updates}"]
        settings += ["dataset.batch_size=32", "dataset.num_workers=0", "dataset.validate_interval_updates=40"]
        settings += ["common.log_interval=5"]
        settings += ["+model.encoder._name=wav2vec2_tiny"] if init == "random" else []
        if self.train(task.name, name, 1, *settings) or not metrics.is_file():
            self.validate(task, name)
        scores = json.loads(metrics.read_text())
        return [
            {"task": task.name, "leads": leads, "init": init, "metric": metric, "value": _number(scores.get(metric))}
            for metric in task.metrics
        ]

    def train(self, recipe: str, name: str, threads: int, *settings) -> bool:
        """`fairseq-hydra-train` with a recipe of examples/oh2022 into DEST/name; False where that was done before.

        A training that was stopped goes on from its last checkpoint; one that was begun with other settings is
        discarded, as its checkpoints would be taken for the new one's.
        """
        wanted = "\n".join([*settings, self.pretraining_of(settings)])
        begun, done = self.dest / name / "settings", self.dest / name / "done"
        if begun.is_file() and begun.read_text() != wanted:
            shutil.rmtree(self.dest / name)
            (self.dest / "logs" / f"{name}.log").unlink(missing_ok=True)
        if done.is_file():
            return False
        begun.parent.mkdir(exist_ok=True)
        begun.write_text(wanted)
        command = ["fairseq-hydra-train", "--config-dir", RECIPES, "--config-name", recipe]
        command += [f"common.user_dir={ROOT / 'fairseq_signals'}", f"task.data={self.dest / 'data'}"]
        command += [f"checkpoint.save_dir={self.dest / name}", f"hydra.run.dir={self.dest / name / 'hydra'}"]
        self.command(name, *command, *settings, threads=threads)
        done.touch()
        return True

    def pretraining_of(self, settings) -> str:
        """What a training inherits from the pre-training that it starts from."""
        inherits = any(str(self.dest / "pretrained") in setting for setting in settings)
        return (self.dest / "pretrained" / "settings").read_text() if inherits else ""

    def validate(self, task: Task, name: str):
        """`fairseq-validate` on the test subset; scores and predictions into DEST/name."""
        command = ["fairseq-validate", self.dest / "data", "--user-dir", ROOT / "fairseq_signals", "--cpu"]
        command += [
            "--task",
            task.registered,
            "--path",
            self.dest / name / "checkpoint_best.pt",
            "--valid-subset",
            task.subset,
        ]
        command += ["--batch-size", 64, "--results-path", self.dest / name]
        self.command(f"{name}_validate", *command)

    def report(self, source: Path, rows: list[dict]):
        """Table and pictures."""
        print("5. Table and pictures", flush=True)
        write_results(self.dest / "results.tsv", rows)
        draw_results_chart(rows, self.dest / "results.png")
        logs = self.dest / "logs"
        draw_loss_curves(
            {"W2V+CMSC+RLM": logs / "pretrained.log"}, self.dest / "pretraining.png", ("local", "global", "loss")
        )
        draw_loss_curves(
            {init: logs / f"diagnosis_{self.options.leads[0]}_{init}.log" for init in INITS},
            self.dest / "diagnosis.png",
            ("loss",),
        )
        first = Manifest(self.dest / "data" / "train.tsv")[0]
        record = read_record(source / first.id)
        draw(record, self.dest / "ecg.png")
        title = f"{record.id}, as random lead masking may leave it"
        draw(record, self.dest / "ecg_masked.png", title, masked_leads=MASKED_LEADS)
        print(results_table(rows))
        print(
            f"Written to {self.dest}: results.tsv, results.png, pretraining.png, diagnosis.png, ecg.png, ecg_masked.png"
        )
        if not self.options.data:
            print("The recordings are synthetic: the table shows that everything works, and nothing about medicine.")
        print("Next: bash scripts/quickstart.sh --data DIR with your own WFDB records, or examples/oh2022/README.md")

    def command(self, log: "str | None", *words, threads: int = 1):
        """Runs a command, its output into DEST/logs where a log is named.

        Raises:
            SystemExit: the command failed; its last lines and the log's place are shown.
        """
        words = [str(word) for word in words]
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
        if log is None:
            code = subprocess.run(words, cwd=ROOT, env=environment).returncode
            if code:
                sys.exit(f"error: {' '.join(words)} ended with {code}")
            return
        path = self.dest / "logs" / f"{log}.log"
        with open(path, "a", encoding="utf-8") as file:  # a training that goes on adds to its curve
            code = subprocess.run(words, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT).returncode
        if code:
            tail = "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[-15:])
            sys.exit(f"{tail}\nerror: {' '.join(words)}\nended with {code}; its whole output is in {path}")


def _number(value) -> float:
    return float("nan") if value is None else float(value)


def main(arguments: "list[str] | None" = None):
    """Parses the arguments and runs the steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of real WFDB records, instead of synthetic ones")
    parser.add_argument(
        "--dest",
        type=Path,
        help="folder for everything made (default: runs/quickstart, or with --data runs/quickstart_NAME)",
    )
    parser.add_argument("--leads", default=",".join(LEAD_SETS), help="lead sets to fine-tune on")
    parser.add_argument(
        "--classes", help="with --data: cinc2021 (the default), all, or codes; see manifests.wfdb_folder"
    )
    parser.add_argument("--labels", help="with --data: table of labels; see manifests.wfdb_folder")
    parser.add_argument("--patient-from", help="with --data: where the patient stands; see manifests.wfdb_folder")
    parser.add_argument(
        "--patients", type=int, default=300, help="synthetic patients, two or three recordings each (300)"
    )
    parser.add_argument("--pretrain-updates", type=int, default=120, help="updates of pre-training (120)")
    parser.add_argument("--updates", type=int, default=80, help="updates of each fine-tuning (80)")
    options = parser.parse_args(arguments)
    if options.data and not options.data.is_dir():
        parser.error(f"--data must be a folder of WFDB records, got {options.data}")
    if not options.dest:
        name = f"quickstart_{options.data.resolve().name}" if options.data else "quickstart"
        options.dest = Path("runs") / name
    options.leads = [leads.strip() for leads in options.leads.split(",")]
    unknown = [leads for leads in options.leads if leads not in LEAD_SETS]
    if unknown:
        parser.error(f"--leads must be among {', '.join(LEAD_SETS)}, got {', '.join(unknown)}")
    began = time.monotonic()
    Quickstart(options).run()
    print(f"Done in {(time.monotonic() - began) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
