#!/usr/bin/env python
"""Prepares a source: from its original files to a packed store and manifests that every training reads."""

import ast
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # manifests/ is beside this folder, and is not installed


def sources() -> dict[str, str]:
    """First line of each source's description by name: the modules of `manifests/` that have a `main`."""
    found = {}
    for path in sorted((ROOT / "manifests").glob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        if any(isinstance(part, ast.FunctionDef) and part.name == "main" for part in module.body):
            found[path.stem] = (ast.get_docstring(module) or "").partition("\n")[0]
    return found


def main(arguments: list[str]) -> None:
    """Runs the source that the first argument names with the others."""
    known = sources()
    if not arguments or arguments[0] in ("-h", "--help"):
        width = max(map(len, known))
        print(f"usage: prepare.py SOURCE --source DIR --dest DIR [--workers N] [...]\n\n{__doc__}\n\nsources:")
        print("\n".join(f"  {name:{width}}  {line}" for name, line in known.items()))
        print("\nprepare.py SOURCE --help shows the options of one; manifests/README.md says where each comes from.")
        return
    name, *rest = arguments
    if name not in known:
        sys.exit(f"error: source must be one of {', '.join(known)}, got {name!r} (prepare.py --help lists them)")
    sys.argv = [f"prepare.py {name}", *rest]  # for the usage that the source's own options show
    importlib.import_module("manifests.parts.options").run(importlib.import_module(f"manifests.{name}").main)


if __name__ == "__main__":
    main(sys.argv[1:])
