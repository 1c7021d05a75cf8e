"""Libraries that only the vendors' formats need, imported when such a file is read."""

import importlib
from pathlib import Path
from types import ModuleType


def vendor_library(name: str, path: Path) -> ModuleType:
    """A library that only some formats need.

    Raises:
        ImportError: it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ImportError(
            f'{package} must be installed to read this format (pip install "fairseq-signals[vendors]"), '
            f"got {error} ({path})"
        ) from error
