import os

import pytest

from fairseq_signals.data import engine as module
from fairseq_signals.data.engine import engine


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once_on_this_machine(workers):
    with engine(workers) as work:
        assert sorted(work(pow, ((number, 2) for number in range(20)))) == [number**2 for number in range(20)]
        assert (set(work(os.getpid, [()] * 20)) == {os.getpid()}) == (workers == 1)


@pytest.mark.slow
def test_a_cluster_does_the_same_in_its_own_processes(dask_cluster):
    from distributed import Client

    with engine(dask=dask_cluster) as work:
        assert sorted(work(pow, ((number, 2) for number in range(20)))) == [number**2 for number in range(20)]
        processes = set(work(os.getpid, [()] * 20))
    with Client(dask_cluster) as client:
        assert processes <= set(client.run(os.getpid).values())


def test_an_address_without_a_scheduler_is_named(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(module, "_PATIENCE_S", 0.5)
    with pytest.raises(ValueError, match="must be that of a Dask scheduler, got 'tcp://localhost:9'"):
        with engine(dask="tcp://localhost:9"):
            pass


@pytest.mark.slow
def test_workers_without_the_package_are_found_before_they_are_waited_for(dask_cluster, monkeypatch):
    monkeypatch.setattr(module, "__name__", "package_that_is_not_there")
    with pytest.raises(ValueError, match="must have fairseq-signals installed, got No module named 'package_that_is"):
        with engine(dask=dask_cluster):
            pass
