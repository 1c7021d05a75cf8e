#!/usr/bin/env python
"""From recordings to a table: pre-training, then diagnosis and identification on five lead sets, with random twins.

Every step is one of the commands that the README names; what is done is not done again, so the same call goes on where
it was stopped. Each training has a folder of its own, with its output in train.log.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.evaluation.charts import draw_loss_curves, draw_results_chart
from fairseq_signals.evaluation.ecg_paper import draw
from fairseq_signals.evaluation.results import results_table, write_results
from fairseq_signals.experiments.job import PRETRAINING, Job
from fairseq_signals.experiments.plan import Cell, Selection, jobs_of, select_cells
from fairseq_signals.experiments.processes import ends_by_exception
from fairseq_signals.experiments.run import Place, run_job
from fairseq_signals.experiments.schedule import run_all
from fairseq_signals.experiments.state import State
from fairseq_signals.experiments.study_file import read_study

ROOT = Path(__file__).resolve().parent.parent
STUDY = ROOT / "examples" / "oh2022" / "tables_quickstart.yaml"
COLUMNS = {"12": "12", "6": "P-6", "3": "P-3", "2": "P-2", "1": "P-1"}  # lead sets by the study's names of them
INITS = {"w2v_cmsc_rlm": "pretrained", "random_init": "random"}  # the study's rows by what the table calls them
METRICS = {"diagnosis": ("cinc_score", "macro_auc"), "identification": ("rank1",)}
NEEDS = {"diagnosis": ("test",), "identification": ("gallery", "probe", "valid_gallery", "valid_probe")}
MASKED_LEADS = ("III", "aVL", "V1", "V4", "V5")  # for the picture of what random lead masking leaves


class Quickstart:
    """The steps, each skipped where its result stands already."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.dest = options.dest.resolve()
        self.cores = len(os.sched_getaffinity(0))
        self.dest.mkdir(parents=True, exist_ok=True)

    def run(self):
        """All steps in order."""
        source = self.options.data.resolve() if self.options.data else self.make_example()
        self.prepare(source)
        cells = self.cells()
        self.train(cells)
        self.report(source, cells)

    def cells(self) -> list[Cell]:
        """The numbers of the table, of the tasks that the data has manifests for."""
        study = read_study(STUDY)
        updates = {"pretraining": self.options.pretrain_updates, "finetuning": self.options.updates}
        settings = {
            stage: (*study.settings[stage], f"optimization.max_update={number}") for stage, number in updates.items()
        }
        data = dict.fromkeys(study.data, str(self.dest / "data"))
        tasks = tuple(name for name in METRICS if self.has_data_for(name))
        if not tasks:
            sys.exit("error: data must have manifests for diagnosis or identification, got neither")
        columns = tuple(COLUMNS[leads] for leads in self.options.leads)
        chosen = Selection(("quickstart",), tasks=tasks, columns=columns)
        return select_cells(replace(study, data=data, settings=settings), chosen)

    def has_data_for(self, task: str) -> bool:
        """Whether the manifests that a task needs are there; says which are not."""
        missing = [f"{name}.tsv" for name in NEEDS[task] if not (self.dest / "data" / f"{name}.tsv").is_file()]
        if missing:
            print(f"   {task} is left out: the data has no {', '.join(missing)} (see data/dataset.yaml)")
        return not missing

    def make_example(self) -> Path:
        """A folder of synthetic recordings in WFDB files."""
        print("1. Example data: synthetic patients, written as WFDB files", flush=True)
        folder = self.dest / "example"
        command = [sys.executable, str(ROOT / "scripts" / "make_example_data.py"), "--dest", str(folder)]
        self.command(*command, "--patients", self.options.patients, "--rate", 100, "--workers", self.cores)
        return folder

    def prepare(self, source: Path):
        """Store and manifests at 100 Hz."""
        print("2. Preparation: store and manifests at 100 Hz", flush=True)
        command = [sys.executable, "-m", "manifests.wfdb_folder", "--source", source, "--dest", self.dest / "data"]
        for option in ("classes", "labels", "patient_from"):
            if getattr(self.options, option):
                command += [f"--{option.replace('_', '-')}", getattr(self.options, option)]
        self.command(*command, "--rate", 100, "--workers", self.cores)

    def train(self, cells: list[Cell]):
        """One encoder on all 12 leads, then every task, lead set and start; as many at once as there are cores."""
        jobs = jobs_of(cells)
        first = [job for job in jobs if job.name.startswith(PRETRAINING)]
        rest = [job for job in jobs if job not in first]
        print(f"3. Pre-training W2V + CMSC + RLM, tiny size, {self.options.pretrain_updates} updates", flush=True)
        self.run_jobs(first, at_once=1)
        print(f"4. Fine-tuning and validation: {len(rest)} models, {self.cores} at a time", flush=True)
        self.run_jobs([*first, *rest], at_once=self.cores)

    def run_jobs(self, jobs: list[Job], at_once: int):
        """Trains and scores what is not yet; a training that was begun with other settings is begun anew.

        Raises:
            SystemExit: a training failed; its last lines and its log's place are shown.
        """
        place = Place(self.dest, overwrite=True, threads=max(1, self.cores // at_once))
        with ends_by_exception():
            outcomes = run_all(jobs, lambda job, gpus: run_job(job, place, gpus), at_once, stop=place.processes.stop)
        if outcomes.failed:
            sys.exit("error: " + "\n".join(f"{name}: {error}" for name, error in outcomes.failed.items()))

    def rows(self, cells: list[Cell]) -> list[dict]:
        """The rows of the table."""
        leads = {column: name for name, column in COLUMNS.items()}
        rows = []
        for cell in cells:
            scores = json.loads(State(cell.job, self.dest).metrics(cell.job.task.subset).read_text(encoding="utf-8"))
            place = {"task": cell.task, "leads": leads[cell.column], "init": INITS[cell.row]}
            rows += [{**place, "metric": name, "value": _number(scores.get(name))} for name in METRICS[cell.task]]
        return sorted(rows, key=lambda row: (list(METRICS).index(row["task"]), -int(row["leads"]), row["init"]))

    def report(self, source: Path, cells: list[Cell]):
        """Table and pictures."""
        print("5. Table and pictures", flush=True)
        rows = self.rows(cells)
        write_results(self.dest / "results.tsv", rows)
        draw_results_chart(rows, self.dest / "results.png")
        logs = {INITS[cell.row]: State(cell.job, self.dest).folder / "train.log" for cell in _first_pair(cells)}
        draw_loss_curves(logs, self.dest / "diagnosis.png", ("loss",))
        parent = next(cell.job.parent for cell in cells if cell.job.parent)
        pretraining = {"W2V+CMSC+RLM": State(parent, self.dest).folder / "train.log"}
        draw_loss_curves(pretraining, self.dest / "pretraining.png", ("local", "global", "loss"))
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

    def command(self, *words):
        """Runs a command.

        Raises:
            SystemExit: it failed.
        """
        words = [str(word) for word in words]
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        code = subprocess.run(words, cwd=ROOT, env=environment).returncode
        if code:
            sys.exit(f"error: {' '.join(words)} ended with {code}")


def _first_pair(cells: list[Cell]) -> list[Cell]:
    """The cells of the first task and lead set."""
    return [cell for cell in cells if (cell.task, cell.column) == (cells[0].task, cells[0].column)]


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
    parser.add_argument("--leads", default=",".join(COLUMNS), help="lead sets to fine-tune on")
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
    unknown = [leads for leads in options.leads if leads not in COLUMNS]
    if unknown:
        parser.error(f"--leads must be among {', '.join(COLUMNS)}, got {', '.join(unknown)}")
    began = time.monotonic()
    Quickstart(options).run()
    print(f"Done in {(time.monotonic() - began) / 60:.1f} minutes.")


if __name__ == "__main__":
    main()
