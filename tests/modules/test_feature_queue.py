"""A queue holds the last features that whole updates computed, the same on every rank."""

from collections import deque
from copy import deepcopy

import pytest
import torch
from torch import nn

from fairseq_signals.modules.feature_queue import FeatureQueue

SIZE = 7
UPDATES = [[3], [2, 1], [0], [4], [9, 3]]  # rows of each micro-batch of each update, the last more than the queue


def rows(number, seed):
    return torch.randn(number, 2, generator=torch.Generator().manual_seed(seed))


def held(queue):
    """Its features as a set: the order is nobody's business."""
    return {tuple(row) for row in queue.features[queue.valid].tolist()}


def all_counted(features):
    return torch.ones(len(features), dtype=torch.bool)


def test_it_holds_the_newest_features_as_a_bounded_list_does():
    queue, expected = FeatureQueue(SIZE, 2), deque(maxlen=SIZE)
    for number, micro_batches in enumerate(UPDATES):
        for place, count in enumerate(micro_batches):
            features = rows(count, 10 * number + place)
            queue.stage(features, all_counted(features))
            expected.extend(map(tuple, features.tolist()))
        if number != 2:
            assert held(queue) != set(expected), "visible before the update has ended"
        queue.commit()
        assert held(queue) == set(expected) and int(queue.valid.sum()) == len(expected)


def test_an_update_that_was_skipped_leaves_nothing():
    queue = FeatureQueue(SIZE, 2)
    queue.stage(torch.full((3, 2), torch.inf), torch.ones(3, dtype=torch.bool))
    queue.discard()
    good = rows(2, 0)
    queue.stage(good, all_counted(good))
    queue.commit()
    assert held(queue) == set(map(tuple, good.tolist()))


def test_padding_never_enters():
    queue, features = FeatureQueue(SIZE, 2), rows(4, 0)
    queue.stage(features, torch.tensor([True, False, True, False]))
    queue.commit()
    assert held(queue) == set(map(tuple, features[[0, 2]].tolist()))


def test_a_feature_may_have_any_shape_and_keeps_its_precision():
    model = nn.Sequential(FeatureQueue(3, 2, 4)).half()
    features = torch.randn(2, 2, 4, requires_grad=True)
    model[0].stage(features, all_counted(features))
    model[0].commit()
    assert model[0].features.dtype == torch.float32 and not model[0].features.requires_grad
    assert torch.equal(model[0].features[:2], features) and model[0].valid.tolist() == [True, True, False]


def test_a_restored_queue_goes_on_where_it_was():
    queue = FeatureQueue(SIZE, 2)
    queue.stage(rows(10, 0), all_counted(rows(10, 0)))
    queue.commit()
    restored = FeatureQueue(SIZE, 2)
    restored.load_state_dict(deepcopy(queue.state_dict()))
    for one in (queue, restored):
        one.stage(rows(2, 1), all_counted(rows(2, 1)))
        one.commit()
    assert torch.equal(queue.features, restored.features) and int(restored.written) == 12


def test_an_empty_queue_is_refused():
    with pytest.raises(ValueError, match="size of a feature queue must be positive, got 0"):
        FeatureQueue(0, 4)


def _fill(rank):
    queue, found = FeatureQueue(SIZE, 2), []
    for number, counts in enumerate([(2, 3), (0, 1), (4, 0), (0, 0)]):
        whole = rows(sum(counts), number)
        own = whole[: counts[0]] if rank == 0 else whole[counts[0] :]
        if len(own):
            queue.stage(own, all_counted(own))
        queue.commit()
        found.append([part.clone() for part in (queue.features, queue.valid, *queue.share())])
    return found


def test_two_ranks_hold_what_one_process_holds(on_two_ranks):
    queue = FeatureQueue(SIZE, 2)
    first, second = on_two_ranks(_fill)
    for number, count in enumerate([5, 1, 4, 0]):
        whole = rows(count, number)
        queue.stage(whole, all_counted(whole))
        queue.commit()
        for features, valid, *_ in (first[number], second[number]):
            assert torch.equal(features, queue.features) and torch.equal(valid, queue.valid)
        shares = torch.cat([first[number][2], second[number][2]])
        assert {tuple(row) for row in shares.tolist()} == {tuple(row) for row in queue.features.tolist()}
        assert len(shares) == SIZE
        assert int(first[number][3].sum() + second[number][3].sum()) == int(queue.valid.sum())
