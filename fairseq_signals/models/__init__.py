"""What fairseq registers as models: an encoder, the heads of a method or a task, named outputs."""

import importlib
import pkgutil


def register():
    """Imports every file of the room, so that each enters fairseq's registry."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
