"""What a design's table is warned of."""

import numpy as np

from fairseq_signals.data.designs.cohort import CASE, CONTROL, UNKNOWN, Cohort, Dealt
from fairseq_signals.data.designs.report import one_sided, table_of


def test_manifests_with_labels_of_one_class_are_told_and_those_without_need_none():
    cohort = Cohort(list("abcdef"), np.array([CASE, CONTROL, CONTROL, UNKNOWN, CASE, CONTROL]), [""] * 6)
    places = {"pretrain1": [1, 3], "train": [0, 1, 3], "valid": [2, 5], "test": [4], "train_full": [0, 1, 2]}
    dealt = Dealt({name: np.array(some) for name, some in places.items()}, {}, ())
    lines = one_sided(table_of(cohort, dealt))
    assert [line.split(" positive")[0] for line in lines] == ["valid: 2 negative, 0", "test: 0 negative, 1"]
    assert all("one class only" in line for line in lines)
