"""A folder of generated data says with which settings it was made, and takes no others."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairseq_signals.data.atomic import written_whole


def claim(note: Path, settings: Mapping[str, Any]) -> None:
    """Notes the settings in a file of the folder, which is made, or refuses a folder made with others.

    Raises:
        ValueError: the folder's note tells other settings.
    """
    settings = json.loads(json.dumps(settings))  # as they will be read back
    if note.is_file():
        found = json.loads(note.read_text())
        if found != settings:
            raise ValueError(f"settings must be those the folder was made with, {found}, got {settings} ({note})")
        return
    note.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(note, "w") as file:
        file.write(json.dumps(settings) + "\n")
