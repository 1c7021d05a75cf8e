"""What fairseq registers as criterions: one objective per file, a pure function and the class under it."""

import importlib
import pkgutil


def register():
    """Imports every file of the room, so that each enters fairseq's registry."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
