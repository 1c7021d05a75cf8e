"""Who does the work: processes of this machine, or a Dask cluster that is there already."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import Any

from joblib import Parallel, delayed, parallel_config

_PATIENCE_S = 10  # for a scheduler to answer


@contextmanager
def engine(workers: int = 1, dask: str | None = None) -> Iterator[Callable[..., Iterator[Any]]]:
    """A function that calls another with each tuple of arguments and gives the results as they come, in any order.

    Args:
        workers: processes of this machine.
        dask: address of a Dask scheduler (`tcp://host:8786`), whose workers are then used instead. They must see the
            same files under the same paths; they and the scheduler must have this package installed.

    Raises:
        ValueError: Dask is not installed, no scheduler answers at the address, or it lacks this package.
    """
    with _dask_client(dask) if dask else nullcontext(), _backend(dask):
        # One task at a time: a task is a whole shard, and the progress bar lives from their coming one by one.
        parallel = Parallel(n_jobs=-1 if dask else workers, return_as="generator_unordered", batch_size=1)

        def work(function: Callable, arguments: Iterable[tuple]) -> Iterator[Any]:
            return parallel(delayed(function)(*one) for one in arguments)

        yield work


def _backend(dask: str | None):
    return parallel_config(backend="dask") if dask else nullcontext()


def _dask_client(address: str):
    try:
        from distributed import Client
    except ImportError as error:
        raise ValueError('Dask must be installed for --dask, got none; pip install "fairseq-signals[dask]"') from error
    try:
        client = Client(address, timeout=_PATIENCE_S)
    except (OSError, ValueError) as error:
        raise ValueError(f"address must be that of a Dask scheduler, got {address!r}, which does not answer") from error
    try:
        # Tasks that scheduler or workers cannot unpickle are lost, and would be waited for for ever.
        client.run_on_scheduler(import_module, __name__)
        client.run(import_module, __name__)
    except ImportError as error:
        client.close()
        raise ValueError(
            f"scheduler and workers at {address} must have fairseq-signals installed, got {error}"
        ) from error
    return client
