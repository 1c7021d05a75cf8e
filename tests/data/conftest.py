"""What several tests of the data share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def dask_cluster(tmp_path_factory):
    """The address of a Dask scheduler with two worker processes, started by Dask's own commands in another folder."""
    distributed = pytest.importorskip("distributed", reason='Dask is missing: pip install "fairseq-signals[dask]"')
    folder = tmp_path_factory.mktemp("cluster")
    told, command = folder / "scheduler.json", [sys.executable, "-m", "dask"]
    where = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    place = ["--scheduler-file", str(told), "--no-dashboard"]
    # In another folder than the test, with nothing but the package in common.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen([*command, "scheduler", "--port", "0", *place], env=environment, **where),
        subprocess.Popen([*command, "worker", *place, "--nworkers", "2", "--nthreads", "1"], env=environment, **where),
    ]
    try:
        with distributed.Client(scheduler_file=str(told), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
            address = client.scheduler.address
        yield address
    finally:
        for process in processes[::-1]:
            process.terminate()
            process.wait(30)
