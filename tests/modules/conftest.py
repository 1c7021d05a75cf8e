"""Two gloo processes for parts that work over ranks."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch
import torch.distributed as dist


def _join(rank, folder):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)


@pytest.fixture(scope="session")
def on_two_ranks(tmp_path_factory):
    """Runs `function(rank, *arguments)` on two ranks, which are started once: what each of them returns."""
    folder = str(tmp_path_factory.mktemp("ranks"))
    # One pool for each rank: a pool of two would not say which of them takes a call.
    ranks = [ProcessPoolExecutor(1, get_context("spawn"), _join, (rank, folder)) for rank in range(2)]

    def run(function, *arguments) -> list:
        calls = [pool.submit(function, rank, *arguments) for rank, pool in enumerate(ranks)]
        return [call.result(timeout=300) for call in calls]

    yield run
    for pool in ranks:
        pool.submit(dist.destroy_process_group)
        pool.shutdown()
