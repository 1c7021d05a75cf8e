"""What several tests of the data share."""

import pytest


@pytest.fixture(scope="session")
def dask_cluster():
    """The address of a Dask scheduler with two worker processes of one thread each."""
    distributed = pytest.importorskip("distributed", reason='Dask is missing: pip install "fairseq-signals[dask]"')
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    ) as cluster:
        yield cluster.scheduler_address
