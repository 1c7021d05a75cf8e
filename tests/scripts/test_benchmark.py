"""The benchmark's table: its rows, ratios that follow from the values beside them, nothing left behind."""

import csv
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
PARTS = ["prepare", "forward", "backward", "optimise"]
ROWS = [
    "load: scipy.io.loadmat of segments",
    "load: bare copy of int16",
    "load: bare copy + conversion to mV",
    "load: loader, int16 batch",
    "load: loader + conversion to mV",
    "load: DataLoader, 1 worker, int16 batch",
    "prepare: wfdb.rdrecord",
    "prepare: read_record",
    "prepare: read_record + quantise + ShardWriter",
    "prepare: pack (the same with checks, digests, reports)",
    "CPU step: whole",
    *(f"CPU step: {part}" for part in PARTS),
    "CPU step: without lead masking",
    "CPU step: without lead masking and views",
    "CPU step: encoder alone, forward + backward",
    "CPC loss: plain loop over frames and steps",
    "CPC loss: all predictions at once",
    "MAE step: none hidden",
    "MAE step: 75 % hidden",
    "MAE step: encoder alone, none hidden",
    "MAE step: encoder alone, 75 % hidden",
    "CPU step: quantizer, negatives and losses, the difference",
]


@pytest.fixture(scope="module")
def benchmarks():
    """The scripts' folder on the path, as when a script of it is run."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import benchmarks.step
    import benchmarks.table

    yield benchmarks
    sys.path.remove(str(ROOT / "scripts"))


def run(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "scripts" / "benchmark.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def check_ratios(lines):
    """Every ratio is its row's value divided by that of the row it names."""
    values = {line["what"]: float(line["value"]) for line in lines}
    compared = [line for line in lines if line["to"]]
    for line in compared:
        expected = float(line["value"]) / values[line["to"]]
        assert float(line["ratio"]) == pytest.approx(expected, rel=0.006), line  # ratios have three digits
    assert all(not line["ratio"] for line in lines if not line["to"])
    return values, compared


@pytest.mark.slow
def test_the_table_has_its_rows_and_leaves_nothing_behind(tmp_path):
    output, folder = tmp_path / "table.tsv", tmp_path / "temporary"
    folder.mkdir()
    done = run("--quick", "--output", output, "--folder", folder, "--threads", "1")
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
    with open(output, newline="") as file:
        lines = list(csv.DictReader(file, delimiter="\t"))
    values, compared = check_ratios(lines)
    assert set(ROWS) <= set(values)
    assert all(values[name] > 0 for name in ROWS[:-1])  # the last is a difference of two measurements
    ratios = {(line["what"], line["to"]) for line in compared}
    assert ("load: loader, int16 batch", "load: scipy.io.loadmat of segments") in ratios
    assert ("load: loader + conversion to mV", "load: bare copy + conversion to mV") in ratios
    parts = sum(values[f"CPU step: {part}"] for part in PARTS)
    assert parts == pytest.approx(values["CPU step: whole"], rel=1e-3)
    printed = [line.split("  ")[0].strip() for line in done.stdout.splitlines()]
    assert printed == ["what", *(line["what"] for line in lines)]  # one table and nothing else


def test_the_loss_is_compared_with_a_loop_that_gives_the_same(benchmarks):
    from benchmarks.prediction import _inputs, loop, measure_prediction

    from fairseq_signals.criterions.cpc import future_contrast_in_parts

    given = _inputs(benchmarks.table.QUICK)
    total = future_contrast_in_parts(*given, torch.tensor([100, 100]), 1)[0]
    torch.testing.assert_close(loop(given, range(100)), total, rtol=1e-5, atol=0)
    table = benchmarks.table.Table()
    measure_prediction(table, benchmarks.table.QUICK)
    one, other = table.lines[1:]
    assert other.to == one.what and other.ratio == pytest.approx(other.value / one.value)


def test_the_encoder_of_a_masked_autoencoder_computes_a_quarter(benchmarks, monkeypatch):
    """Operations counted, not timed: all patches are projected, what is hidden costs the layers nothing."""
    from benchmarks import masking
    from torch.utils.flop_counter import FlopCounterMode

    def operations(share):
        step = masking.MaskedStep("vit_tiny", masking.CPU_DECODER, 100.0, 1, share, torch.device("cpu"))
        with FlopCounterMode(display=False) as counter:
            step.encode()
        return counter.get_total_flops()

    for share, tokens in ((0.0, 240), (0.75, 60)):
        layers, project = 12 * 2 * tokens * 12 * 192**2, 2 * 240 * 50 * 192
        # Fused attention on a processor is not counted; the signal needs no gradient.
        assert operations(share) == 3 * layers + 2 * project
    monkeypatch.setattr(masking, "CPU_SIZE", {"layers": 1, "dim": 16, "heads": 2, "hidden": 32})
    table = benchmarks.table.Table()
    masking.measure_masking(table, benchmarks.table.QUICK)
    whole, hidden = (line for line in table.lines if line.what.startswith("MAE step: encoder alone"))
    assert hidden.to == whole.what and hidden.ratio == pytest.approx(hidden.value / whole.value)


def test_absurd_arguments_end_in_one_clear_sentence(benchmarks, tmp_path, capsys):
    from benchmark import main

    for arguments, message in (
        (["--output", str(tmp_path / "none" / "table.tsv")], "folder of --output must be a folder that exists"),
        (["--folder", str(tmp_path / "none")], "--folder must be a folder that exists"),
        (["--threads", "0"], "--threads must be at least 1, got 0"),
    ):
        with pytest.raises(SystemExit, match="2"):
            main(arguments)
        assert message in capsys.readouterr().err


def test_variants_are_called_in_turns_and_the_first_turn_does_not_count(benchmarks, monkeypatch):
    clock, calls = [0.0], []
    monkeypatch.setattr(benchmarks.table.time, "perf_counter", lambda: clock[0])

    def variant(name, durations):
        def call():
            calls.append(name)
            clock[0] += durations[calls.count(name) - 1]

        return call

    spent = benchmarks.table.fastest({"a": variant("a", [1, 5, 3]), "b": variant("b", [9, 2, 4])}, 2, "")
    assert calls == ["a", "b"] * 3 and spent == {"a": 3, "b": 2}


def test_a_measurement_may_be_compared_with_several_others(benchmarks):
    table = benchmarks.table.Table()
    table.add("one", 2.0, "s")
    table.add("two", 8.0, "s", "one")
    table.add("three", 4.0, "s", "one", "two")
    assert [line.ratio for line in table.lines] == [None, 4.0, 2.0, 0.5]
    with pytest.raises(KeyError, match="nothing"):
        table.add("four", 1.0, "s", "nothing")


def test_arithmetic_of_a_device_is_a_share_of_its_peak(benchmarks):
    scale = benchmarks.table.Scale(steps=1, sizes=("tiny",), gpu_batches=(2,))
    cpu, table = torch.device("cpu"), benchmarks.table.Table()
    benchmarks.step.measure_gpu(table, scale, cpu, "Maker Fast 7", {"Fast": 0.5})
    lines = [dict(zip(table.cells()[0], cells, strict=True)) for cells in table.cells()[1:]]
    values, compared = check_ratios(lines)
    assert values["GPU: peak of Maker Fast 7, dense bf16"] == 0.5
    assert {line["what"] for line in compared} == {
        f"GPU step, tiny, {precision}, 2 windows: arithmetic" for precision in ("bf16", "fp16", "fp32")
    }
    name = "GPU step, tiny, fp32, 2 windows"
    assert values[f"{name}: throughput"] == pytest.approx(2e3 / values[f"{name}: whole"], rel=1e-3)
    assert math.isnan(values[f"{name}: memory"])


def test_a_device_without_a_known_peak_gets_no_share(benchmarks):
    scale = benchmarks.table.Scale(steps=1, sizes=("tiny",), gpu_batches=(1,))
    table = benchmarks.table.Table()
    benchmarks.step.measure_gpu(table, scale, torch.device("cpu"), "unheard of", {"Fast": 0.5})
    assert all(line.ratio is None for line in table.lines) and len(table.lines) == 12


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H100 80GB HBM3", 989), ("NVIDIA H100 PCIe", 756), ("NVIDIA H200", 989), ("RTX 4090", None)],
)
def test_peaks_are_found_by_the_device_name(benchmarks, name, peak):
    assert benchmarks.step.peak_of(name) == peak


def test_operations_of_a_step_are_those_of_its_matrix_products(benchmarks):
    """Counted by hand: a product [a, b] @ [b, c] is 2abc operations, and twice that again on the way back."""
    windows, frames, dim, layers = 2, 166, 96, 3  # five seconds at 100 Hz in frames of three samples
    segments = 2 * windows
    rows = segments * frames
    linear = 64 * dim + layers * dim * (3 * dim + dim + 4 * dim + 4 * dim)  # projection, layers
    linear += 64 * 2 * 320 + 256 * 256 + dim * 256  # codes, targets, context
    forward = 2 * rows * linear
    forward += 2 * segments * (frames + 1) * dim * (dim // 8) * 32  # positions: eight groups, one frame to trim
    forward += layers * 2 * 2 * rows * frames * dim + 2 * rows * frames * 256  # attention, frames against targets
    forward += 2 * segments * segments * dim  # segments against segments
    stem = 2 * 2 * rows * (3 * 12 * 64)  # the signal needs no gradient
    codes = 2 * rows * 2 * 320 * 128  # the choice of codes is a product on the way back only
    step = benchmarks.step.Step("tiny", 100.0, windows, torch.device("cpu"))
    assert benchmarks.step.operations(step) == 3 * forward + stem + codes
