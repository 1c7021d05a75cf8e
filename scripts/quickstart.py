#!/usr/bin/env python
"""From recordings to a table: pre-training, then diagnosis and identification on five lead sets, with random twins.

Every step is one of the commands that the README names; what is done is not done again, so the same call goes on where
it was stopped. The outputs of each command stand in DEST/logs.
"""

import argparse
import json
import os
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
    """A task of the quickstart: its recipe and what is reported of it."""

    name: str
    subset: str
    metrics: tuple[str, ...]
    settings: tuple[str, ...]


TASKS = (
    Task("diagnosis", "test", ("cinc_score", "macro_auc"), ("optimization.lr=[0.002]",)),
    Task(
        "identification",
        "probe",
        ("rank1",),
        ("optimization.lr=[0.002]", "dataset.train_subset=train", "task.identity=patient"),
    ),
)


class Quickstart:
    """The steps, each skipped where its result stands already."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.dest = options.dest.resolve()
        self.cores = os.cpu_count() or 1
        (self.dest / "logs").mkdir(parents=True, exist_ok=True)

    def run(self):
        """All steps in order."""
        source = self.options.data.resolve() if self.options.data else self.make_example()
        self.prepare(source)
        self.pretrain()
        tasks = [task for task in TASKS if (self.dest / "data" / f"{task.subset}.tsv").is_file()]
        for task in sorted(set(TASKS) - set(tasks), key=TASKS.index):
            print(f"   {task.name} is left out: the data has no {task.subset}.tsv (see data/dataset.yaml)")
        rows = self.finetune(tasks)
        self.report(source, rows)

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
        self.command(None, *command, "--rate", 100, "--workers", self.cores)

    def pretrain(self):
        """One encoder on all 12 leads."""
        print(f"3. Pre-training W2V + CMSC + RLM, tiny size, {self.options.pretrain_updates} updates", flush=True)
        if not self.done("pretrained"):
            updates = f"optimization.max_update={self.options.pretrain_updates}"
            self.train("w2v_cmsc_rlm", "pretrained", self.cores, "size=tiny", updates, "common.log_interval=5")
            self.mark("pretrained")

    def finetune(self, tasks) -> list[dict]:
        """Every task, lead set and start; as many at once as there are cores."""
        cells = [(task, leads, init) for task in tasks for leads in LEAD_SETS for init in INITS]
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
        if not self.done(name):
            start = self.dest / "pretrained" / "checkpoint_best.pt" if init == "pretrained" else "random"
            settings = [f"model.pretrained={start}", f"task.leads='{leads}'", "task.rate=100", "common.fp16=false"]
            settings += ["common.cpu=true", "common.log_interval=5", "dataset.batch_size=32", "dataset.num_workers=0"]
            settings += [f"optimization.max_update={self.options.updates}", *task.settings]
            settings += ["dataset.validate_interval_updates=40"]
            settings += ["+model.encoder._name=wav2vec2_tiny"] if init == "random" else []
            self.train(task.name, name, 1, *settings)
            self.validate(task, name)
            self.mark(name)
        scores = json.loads(metrics.read_text())
        return [
            {"task": task.name, "leads": leads, "init": init, "metric": metric, "value": _number(scores.get(metric))}
            for metric in task.metrics
        ]

    def train(self, recipe: str, name: str, threads: int, *settings):
        """`fairseq-hydra-train` with a recipe of examples/oh2022 into DEST/name."""
        command = ["fairseq-hydra-train", "--config-dir", RECIPES, "--config-name", recipe]
        command += [f"common.user_dir={ROOT / 'fairseq_signals'}", f"task.data={self.dest / 'data'}"]
        command += [f"checkpoint.save_dir={self.dest / name}", f"hydra.run.dir={self.dest / name / 'hydra'}"]
        self.command(name, *command, *settings, threads=threads)

    def validate(self, task: Task, name: str):
        """`fairseq-validate` on the test subset; scores and predictions into DEST/name."""
        command = ["fairseq-validate", self.dest / "data", "--user-dir", ROOT / "fairseq_signals", "--cpu"]
        command += ["--task", f"ecg_{'classification' if task.name == 'diagnosis' else task.name}"]
        command += ["--path", self.dest / name / "checkpoint_best.pt", "--valid-subset", task.subset]
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
            {init: logs / f"diagnosis_12_{init}.log" for init in INITS}, self.dest / "diagnosis.png", ("loss",)
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
        with open(path, "w", encoding="utf-8") as file:
            code = subprocess.run(words, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT).returncode
        if code:
            tail = "".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[-15:])
            sys.exit(f"{tail}\nerror: {' '.join(words)}\nended with {code}; its whole output is in {path}")

    def done(self, name: str) -> bool:
        """Whether a step was finished by an earlier call with the same settings."""
        path = self.dest / name / "done"
        return path.is_file() and path.read_text() == self.settings()

    def mark(self, name: str):
        """Remembers that a step is finished."""
        (self.dest / name / "done").write_text(self.settings())

    def settings(self) -> str:
        """What the results depend on."""
        options = self.options
        return f"{options.data} {options.patients} {options.pretrain_updates} {options.updates}\n"


def _number(value) -> float:
    return float("nan") if value is None else float(value)


def main(arguments: "list[str] | None" = None):
    """Parses the arguments and runs the steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of real WFDB records, instead of synthetic ones")
    parser.add_argument("--dest", type=Path, default=Path("runs/quickstart"), help="folder for everything made")
    parser.add_argument("--patients", type=int, default=300, help="synthetic patients, two or three recordings each")
    parser.add_argument("--pretrain-updates", type=int, default=150, help="updates of pre-training")
    parser.add_argument("--updates", type=int, default=80, help="updates of each fine-tuning")
    options = parser.parse_args(arguments)
    if options.data and not options.data.is_dir():
        parser.error(f"--data must be a folder of WFDB records, got {options.data}")
    began = time.monotonic()
    Quickstart(options).run()
    print(f"Done in {(time.monotonic() - began) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
