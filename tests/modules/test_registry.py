import sys
from dataclasses import dataclass, field
from typing import Optional

import pytest

from fairseq_signals.modules.registry import Registry


@dataclass
class Settings:
    width: int = 8
    depth: int = 2
    strides: Optional[list] = None
    names: list = field(default_factory=lambda: ["a"])

    def __post_init__(self):
        self.strides = self.strides or [self.width] * self.depth


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A room on disk without files, and one part with a preset."""
    (tmp_path / "room_of_registry_test").mkdir()
    (tmp_path / "room_of_registry_test" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    registry = Registry("thing", "room_of_registry_test")

    @registry.register("net", net_wide={"width": 64}, net_deep={"depth": 9, "names": ["b"]})
    class Net:
        def __init__(self, settings):
            self.settings = settings

    Net.Settings = Settings
    return registry


def test_settings_come_from_defaults_then_preset_then_caller(registry):
    assert registry.resolve("net") == {"_name": "net", "width": 8, "depth": 2, "strides": [8, 8], "names": ["a"]}
    assert registry.resolve("net_wide")["width"] == 64
    assert registry.resolve("net_wide", width=5, depth=3) | {"strides": 0} == {
        "_name": "net", "width": 64, "depth": 3, "strides": 0, "names": ["a"]
    }  # fmt: skip
    assert registry.resolve({"_name": "net_wide", "width": 7})["width"] == 7
    assert registry.build({"_name": "net_deep", "width": 1}).settings == Settings(1, 9, None, ["b"])


def test_what_is_resolved_is_complete_and_resolves_to_itself(registry):
    for spec in ("net", "net_wide", "net_deep", {"_name": "net_deep", "width": 3}):
        full = registry.resolve(spec, width=4)
        assert set(full) == {"_name", "width", "depth", "strides", "names"}
        assert registry.resolve(full) == full
        assert registry.resolve(full, width=99, depth=99) == full


def test_a_later_default_or_preset_does_not_change_what_was_resolved(registry):
    full = registry.resolve("net_wide")
    registry._presets["net_wide"]["width"] = 1
    registry._presets["net"]["depth"] = 77
    assert registry.build(full).settings == Settings(64, 2)


def test_resolving_does_not_hand_out_or_change_what_is_shared(registry):
    spec = {"_name": "net_deep", "names": ["x"]}
    registry.resolve(spec)["names"].append("y")
    registry.resolve("net_deep")["names"].append("y")
    assert spec == {"_name": "net_deep", "names": ["x"]}
    assert registry.resolve("net_deep")["names"] == ["b"]


def test_defaults_that_a_part_does_not_know_are_left_out(registry):
    assert "rate" not in registry.resolve("net", rate=100)


def test_unknown_names_and_settings_are_answered_with_the_known_ones(registry):
    with pytest.raises(
        ValueError, match=r"thing must be one of net, net_deep, net_wide, got 'net_wild' \(did you mean 'net_wide'\?\)"
    ):
        registry.resolve("net_wild")
    with pytest.raises(
        ValueError,
        match=r"of thing net_deep must be among width, depth, strides, names, got 'widht' \(did you mean 'width'\?\)",
    ):
        registry.resolve({"_name": "net_deep", "widht": 3})
    with pytest.raises(ValueError, match=r"thing must be one of .*, got 'zzzz'$"):
        registry.build("zzzz")
    with pytest.raises(ValueError, match=r"thing must be one of .*, got None"):
        registry.resolve({"width": 3})
    with pytest.raises(ValueError, match=r"thing must be one of .*, got \['net'\]"):
        registry.resolve({"_name": ["net"]})
    with pytest.raises(ValueError, match="thing must be a name or a mapping with _name, got 3"):
        registry.resolve(3)


def test_a_name_can_be_taken_once(registry):
    for name, presets in (("net", {}), ("other", {"net_wide": {}})):
        with pytest.raises(ValueError, match="must be registered once, and is registered twice"):
            registry.register(name, **presets)(type("Other", (), {}))


def test_every_file_of_the_room_registers_itself(tmp_path, monkeypatch):
    room = tmp_path / "second_room_of_registry_test"
    room.mkdir()
    (room / "__init__.py").write_text(
        "from fairseq_signals.modules.registry import Registry\nPARTS = Registry('part', __name__)\n"
    )
    part = "from dataclasses import dataclass\nfrom {room} import PARTS\n@PARTS.register({name!r})\nclass Part:\n    @dataclass\n    class Settings:\n        size: int = 1\n"  # noqa: E501
    for name in ("first", "second"):
        (room / f"{name}.py").write_text(part.format(room=room.name, name=name))
    monkeypatch.syspath_prepend(tmp_path)
    parts = __import__(room.name).PARTS
    assert f"{room.name}.first" not in sys.modules
    assert parts.names() == ["first", "second"] and sorted(parts.parts()) == ["first", "second"]
    assert parts.resolve("second") == {"_name": "second", "size": 1}
