import pytest
import torch
import torch.distributed as dist

from fairseq_signals.modules import gather as ranks

# Rows of rank 0 and of rank 1; rank 1 may hold none.
SIZES = [(3, 1), (2, 0), (2, 2)]


def _rows(sizes):
    return torch.randn(sum(sizes), 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def _loss(own, everybody):
    """Each anchor against everybody's features, not symmetric in the two."""
    return (own @ everybody.T).softmax(1).square().sum()


def _total_loss(sum_of_squares):
    return sum_of_squares.exp().sum() / (1 + sum_of_squares.sum())


def _on_one_rank(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    found = {"world": ranks.world_size(), "rank": ranks.rank()}
    for sizes in SIZES:
        begin = sum(sizes[:rank])
        own = _rows(sizes)[begin : begin + sizes[rank]].requires_grad_()
        everybody, first = ranks.gather(own)
        _loss(own, everybody).backward()
        found[sizes] = {"all": everybody.detach(), "first": first, "loss": own.grad}
        own = own.detach().clone().requires_grad_()
        # Every rank computes the same total, so each gradient is counted once per rank.
        total = ranks.sum_over_ranks_with_gradient(own.square().sum(0))
        (_total_loss(total) / 2).backward()
        found[sizes] |= {"total": total.detach(), "total_gradient": own.grad}
    number = torch.arange(6).view(2, 3).T.add(10 * rank)  # not contiguous
    flags = torch.tensor([True, False, rank == 1][: 2 + rank])
    found["numbers"] = ranks.gather(number)[0]
    found["flags"] = ranks.gather(flags)[0]
    found["count"] = ranks.sum_over_ranks(number)
    found["number"] = number
    weight = torch.ones(2, 3, requires_grad=True)
    ranks.sum_over_ranks_with_gradient(weight.T).sum().backward()
    found["transposed"] = weight.grad
    torch.save(found, f"{folder}/rank{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_ranks(tmp_path_factory):
    """What each of two gloo processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    torch.multiprocessing.spawn(_on_one_rank, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"rank{rank}.pt") for rank in range(2)]


@pytest.mark.parametrize("sizes", SIZES)
def test_two_ranks_gather_what_one_process_has(two_ranks, sizes):
    for rank, found in enumerate(two_ranks):
        assert torch.equal(found[sizes]["all"], _rows(sizes))
        assert found[sizes]["first"] == sum(sizes[:rank])
        assert found["world"] == 2 and found["rank"] == rank


@pytest.mark.parametrize("sizes", SIZES)
def test_gradients_of_two_ranks_are_those_of_the_whole_batch(two_ranks, sizes):
    rows = _rows(sizes).requires_grad_()
    _loss(rows, rows).backward()
    received = torch.cat([found[sizes]["loss"] for found in two_ranks])
    torch.testing.assert_close(received, rows.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sizes", SIZES)
def test_sum_and_its_gradient_are_those_of_the_whole_batch(two_ranks, sizes):
    rows = _rows(sizes).requires_grad_()
    total = rows.square().sum(0)
    _total_loss(total).backward()
    for found in two_ranks:
        torch.testing.assert_close(found[sizes]["total"], total.detach())
    received = torch.cat([found[sizes]["total_gradient"] for found in two_ranks])
    torch.testing.assert_close(received, rows.grad, rtol=1e-10, atol=1e-12)


def test_whole_numbers_flags_and_transposed_tensors_pass_too(two_ranks):
    for rank, found in enumerate(two_ranks):
        numbers = torch.arange(6).view(2, 3).T
        assert torch.equal(found["numbers"], torch.cat([numbers, numbers + 10]))
        assert found["flags"].tolist() == [True, False, True, False, True]
        assert torch.equal(found["count"], 2 * numbers + 10)
        assert torch.equal(found["number"], numbers + 10 * rank), "the rank's own tensor must stay"
        assert torch.equal(found["transposed"], torch.full((2, 3), 2.0))


def test_one_process_is_the_identity():
    tensor = torch.randn(3, 2, requires_grad=True)
    everybody, first = ranks.gather(tensor)
    assert everybody is tensor and first == 0
    assert ranks.sum_over_ranks_with_gradient(tensor) is tensor
    assert torch.equal(ranks.sum_over_ranks(tensor), tensor) and not ranks.sum_over_ranks(tensor).requires_grad
    assert (ranks.world_size(), ranks.rank()) == (1, 0)
