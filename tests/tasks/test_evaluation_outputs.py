"""Outputs collected window by window: what came before is not new."""

import pytest
import torch

from fairseq_signals.tasks.evaluation_outputs import EvaluationOutputs


def test_windows_that_come_again_are_neither_counted_nor_kept():
    outputs = EvaluationOutputs()
    values = torch.arange(8.0).view(4, 2)
    assert outputs.add(torch.tensor([0, 0, 2]), torch.tensor([0, 1, 0]), values[:3]) == 3
    assert outputs.add(torch.tensor([2, 1]), torch.tensor([0, 0]), values[2:] + 10) == 1
    rows, windows, kept = outputs.gathered()
    assert (rows.tolist(), windows.tolist()) == ([0, 0, 2, 1], [0, 1, 0, 0])
    assert kept.tolist() == [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [16.0, 17.0]]


def test_nothing_added_keeps_the_width_and_whole_numbers():
    outputs = EvaluationOutputs()
    assert outputs.add(torch.tensor([3])[:0], torch.tensor([1])[:0], torch.ones(0, 5)) == 0
    rows, windows, values = outputs.gathered()
    assert values.shape == (0, 5) and rows.dtype == windows.dtype == "int64"


def test_outputs_are_kept_in_full_precision_and_apart_from_the_model():
    outputs = EvaluationOutputs()
    values = torch.full((1, 1), 0.3, dtype=torch.bfloat16, requires_grad=True)
    outputs.add(torch.tensor([0]), torch.tensor([0]), values)
    assert outputs.gathered()[2] == pytest.approx(0.3, abs=2e-3) and outputs.gathered()[2].dtype == "float32"
