"""Self-supervised learning from ECGs: a plug-in for fairseq (`--user-dir fairseq_signals`).

Under fairseq's commands the rooms that it must know (models, criterions, tasks) register themselves here. In plain
Python nothing of fairseq is imported: `embed` and `predict` need only a checkpoint.
"""

import importlib
import pkgutil
import sys


def register():
    """Enters models, criterions and tasks into fairseq's registries; done by itself under fairseq's commands."""
    for room in ("models", "criterions", "tasks"):
        package = importlib.import_module(f"{__name__}.{room}")
        for file in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{file.name}")


def __getattr__(name: str):
    # Loaded on demand, so that reading a manifest does not wait for PyTorch.
    if name in ("embed", "predict"):
        from fairseq_signals import inference

        return getattr(inference, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if "fairseq" in sys.modules:
    register()
