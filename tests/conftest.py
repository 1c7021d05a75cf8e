"""What several tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_ecgs():
    """Finds a part of the real ECGs (`ptbxl`, `ptbxl500`, `cinc2021`, `code15`), or skips and says why."""

    def find(part: str) -> Path:
        root = os.environ.get("ECG_TEST_DATA")
        if not root:
            pytest.skip("ECG_TEST_DATA is unset: it names a folder of real ECGs laid out as downloaded")
        if not (Path(root) / part).is_dir():
            pytest.skip(f"ECG_TEST_DATA has no folder {part}/")
        return Path(root) / part

    return find
