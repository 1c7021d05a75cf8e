"""Parts chosen by name, with settings that are strict, complete and kept with the model.

A part is a class with a nested settings dataclass (`Settings`). It is asked for by a preset's name, by its own
name, or by a mapping `{"_name": name, setting: value}`. `resolve` turns any of these into the full mapping,
every default written out; that mapping is what a checkpoint keeps, so a later change of a default cannot
change an old model.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any


class Registry:
    """The parts of one kind (encoders, transforms) that are found in one package."""

    def __init__(self, kind: str, package: str):
        """Args: `kind` names the parts in messages; `package` is the room whose files register themselves."""
        self.kind = kind
        self.package = package
        self._parts: dict[str, type] = {}
        self._presets: dict[str, dict[str, Any]] = {}
        self._opened = False

    def register(self, name: str, **presets: dict[str, Any]):
        """Class decorator: enters a part under `name`, and each preset (a mapping of settings) under its own."""

        def enter(part: type) -> type:
            for key, settings in {name: {}, **presets}.items():
                if key in self._presets:
                    raise ValueError(f"{self.kind} {key!r} must be registered once, and is registered twice")
                self._presets[key] = {"_name": name, **settings}
            self._parts[name] = part
            return part

        return enter

    def names(self) -> list[str]:
        """All names that `resolve` answers to, presets included."""
        self._open()
        return sorted(self._presets)

    def parts(self) -> dict[str, type]:
        """The registered classes by name."""
        self._open()
        return dict(self._parts)

    def resolve(self, spec: "str | Mapping", **defaults: Any) -> dict[str, Any]:
        """The full settings of a part, `_name` included.

        Args:
            spec: a name, or a mapping with `_name` and the settings that differ.
            defaults: settings that the caller knows (rate, number of leads), used where `spec` is silent.

        Raises:
            ValueError: unknown name or setting, with the known ones.
        """
        self._open()
        if not isinstance(spec, (str, Mapping)):
            raise ValueError(f"{self.kind} must be a name or a mapping with _name, got {spec!r}")
        given = {"_name": spec} if isinstance(spec, str) else dict(spec)
        name = given.pop("_name", None)
        if not isinstance(name, str) or name not in self._presets:
            names = self.names()
            raise ValueError(f"{self.kind} must be one of {', '.join(names)}, got {name!r}{_hint(name, names)}")
        settings = {**defaults, **self._presets[name], **given}
        part = settings.pop("_name")
        known = [field.name for field in fields(self._parts[part].Settings)]
        for key in settings:
            if key not in known and key not in defaults:
                raise ValueError(
                    f"settings of {self.kind} {name} must be among {', '.join(known)}, got {key!r}{_hint(key, known)}"
                )
        settings = {key: value for key, value in settings.items() if key in known}
        return {"_name": part, **asdict(self._parts[part].Settings(**settings))}

    def build(self, spec: "str | Mapping", **defaults: Any):
        """The part itself, built from `resolve(spec, **defaults)`."""
        settings = self.resolve(spec, **defaults)
        part = self._parts[settings.pop("_name")]
        return part(part.Settings(**settings))

    def _open(self):
        # Importing every file of the room lets each register itself; no list is edited when one is added.
        if not self._opened:
            self._opened = True
            room = importlib.import_module(self.package)
            for module in pkgutil.iter_modules(room.__path__):
                importlib.import_module(f"{self.package}.{module.name}")


def _hint(name: Any, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
