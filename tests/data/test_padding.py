import numpy as np

from fairseq_signals.data.padding import without_padding
from fairseq_signals.data.record import Record


def _record(signal):
    return Record(np.array(signal, np.float32), 400.0, ("I", "II"), "r")


def test_zeros_at_the_ends_of_all_leads_go_and_those_within_stay():
    kept = without_padding(_record([[0, 0, 0, 1, 0, 0, 2, 0], [0, 0, 3, 0, 0, 0, 0, 0]]))
    np.testing.assert_array_equal(kept.signal, [[0, 1, 0, 0, 2], [3, 0, 0, 0, 0]])


def test_without_padding_nothing_changes_and_zeros_alone_are_nothing():
    np.testing.assert_array_equal(without_padding(_record([[1, 0, 2], [0, 0, 0]])).signal, [[1, 0, 2], [0, 0, 0]])
    assert without_padding(_record(np.zeros((2, 9)))).signal.shape == (2, 0)


def test_a_lost_sample_is_no_padding():
    assert without_padding(_record([[0, np.nan, 0], [0, 0, 0]])).signal.shape == (2, 1)
