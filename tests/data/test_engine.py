import os

import pytest

from fairseq_signals.data import engine as module
from fairseq_signals.data.engine import engine


def _square(number, _):
    return number * number, os.getpid()


@pytest.mark.parametrize("workers", [1, 2])
def test_every_task_is_done_once_on_this_machine(workers):
    with engine(workers) as work:
        results = list(work(_square, ((number, None) for number in range(20))))
    assert sorted(square for square, _ in results) == [number**2 for number in range(20)]
    assert ({process for _, process in results} == {os.getpid()}) == (workers == 1)


@pytest.mark.slow
def test_a_cluster_does_the_same_in_its_own_processes(dask_cluster):
    with engine(dask=dask_cluster) as work:
        results = list(work(_square, ((number, None) for number in range(20))))
    assert sorted(square for square, _ in results) == [number**2 for number in range(20)]
    processes = {process for _, process in results}
    assert os.getpid() not in processes and len(processes) == 2


def test_an_address_without_a_scheduler_is_named(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(module, "_PATIENCE_S", 0.5)
    with pytest.raises(ValueError, match="must be that of a Dask scheduler, got 'tcp://localhost:9'"):
        with engine(dask="tcp://localhost:9"):
            pass
