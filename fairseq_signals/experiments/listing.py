"""The dry run: every training behind the selected cells, its state, and what it is estimated to cost."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fairseq_signals.evaluation.aligned_text import aligned
from fairseq_signals.experiments.arithmetic import starts_elsewhere
from fairseq_signals.experiments.composition import compose_recipe
from fairseq_signals.experiments.cost import Cost, estimated_hours, training_cost
from fairseq_signals.experiments.defaults import window_seconds
from fairseq_signals.experiments.epochs import windows_per_epoch
from fairseq_signals.experiments.job import PRETRAINING, Job
from fairseq_signals.experiments.machines import machine_of
from fairseq_signals.experiments.state import State

HEAD = ("training", "state", "updates", "windows", "GFLOP/window", "device hours", "took")


def listing(jobs: Sequence[Job], dest: Path, machine: str, expected: Mapping[str, float]) -> str:
    """A line per training and their sum, for a terminal.

    Args:
        jobs: each behind what must be done before it.
        dest: folder of the study's trainings.
        machine: whose sustained rate the hours are made of; see `experiments.machines`.
        expected: seconds of ECG in an epoch by stage, taken where the data is not prepared yet.

    Raises:
        ValueError: unknown machine, or a setting that no training can have.
    """
    rate = machine_of(machine)
    lines, hours, left = [HEAD], 0.0, 0.0
    known: dict[Any, Cost | None] = {}  # trainings that differ in their seed alone cost the same
    for job in tqdm(jobs, unit="training", leave=False, disable=None):
        state, key = State(job, dest), _costs_the_same(job)
        if key not in known:
            known[key] = cost_of(job, expected)
        cost = known[key]
        estimate = estimated_hours(cost, machine) if cost else 0.0
        hours += estimate
        left += 0.0 if state.trained else estimate
        lines.append((job.name, state.word(), *_numbers(cost, estimate), _took(state)))
    table = aligned(lines, "<<>>>>>")
    total = f"{len(jobs)} trainings and baselines, {hours:.1f} device hours in all, {left:.1f} of them still to do"
    basis = f"Estimated for {machine} at {rate.tflops:g} TFLOP/s ({rate.precision}, {rate.basis}: {rate.source})."
    return "\n".join([*table, "", total, basis, "Validation, loading and start are not in it."])


def cost_of(job: Job, expected: Mapping[str, float]) -> "Cost | None":
    """What a training comes to; None where nothing is trained, or its data or its encoder are not known."""
    if job.descriptor or job.choices:
        return None
    config = compose_recipe(job.recipe, [*job.settings, f"task.data={job.data}"])
    if job.parent is None and starts_elsewhere(config):
        return None
    windows = windows_per_epoch(job.data, config)
    if windows is None:
        seconds = expected.get((job.task.data or job.task.name) if job.task else PRETRAINING)
        if seconds is None:
            return None
        windows = round(seconds / window_seconds(config))
    first = compose_recipe(job.line[0].recipe, job.line[0].settings) if job.parent else None
    return training_cost(config, windows, first)


def _costs_the_same(job: Job) -> tuple:
    return job.recipe, job.unseeded, job.data, len(job.choices), job.parent and _costs_the_same(job.parent)


def _numbers(cost: "Cost | None", hours: float) -> tuple[str, ...]:
    if cost is None:
        return "-", "-", "-", "-"
    return f"{cost.updates:,}", f"{cost.windows:,}", f"{cost.flops / cost.windows / 1e9:.3g}", f"{hours:.2f}"


def _took(state: State) -> str:
    seconds = state.facts().get("seconds")
    return f"{seconds / 3600:.2f} h" if seconds else ""
