"""Preparations that are killed, and disks that fill up: the result is that of an undisturbed run, to the byte."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fairseq_signals.data.synthetic import make_example_data

ROOT = Path(__file__).parents[2]
KILLS = 30


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults") / "recordings"
    make_example_data(folder, patients=60, rate=100.0, seconds=5.0)
    return folder


@pytest.fixture(scope="module")
def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _bytes(dest: Path) -> dict[str, bytes]:
    return {path.relative_to(dest).as_posix(): path.read_bytes() for path in dest.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_killed_at_thirty_random_moments_it_makes_the_same_bytes(source, environment, tmp_path):
    command = [sys.executable, str(Path(__file__).parent / "killed_preparations.py"), source, tmp_path, KILLS]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    done, whole = json.loads(run.stdout), _bytes(tmp_path / "whole")
    assert done["killed"] == KILLS and "dataset.yaml" in whole and len(whole) > 10
    for number in range(done["attempts"]):
        assert _bytes(tmp_path / f"attempt{number}") == whole, number


@pytest.mark.slow
def test_a_disk_that_is_full_stops_the_run_saying_so_and_room_lets_it_go_on(source, environment, tmp_path):
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("a small disk of one's own needs user namespaces (unshare -rm), which this system forbids")
    prepare = f"{sys.executable} -m manifests.wfdb_folder --source {source} --per-shard 16 --workers 2 --dest"
    disk, out = tmp_path / "disk", tmp_path / "out"
    script = f"""
        mkdir {disk} {out}
        mount -t tmpfs -o size=1m none {disk}
        {prepare} {disk}/data 2>&1 | tail -n 1; echo "status ${{PIPESTATUS[0]}}"
        ls {disk}/data
        mount -o remount,size=100m {disk}
        {prepare} {disk}/data > {out}/second.txt 2>&1; echo "status $?"
        cp -r {disk}/data {out}/
        {prepare} {out}/undisturbed > /dev/null 2>&1
    """
    run = subprocess.run(
        ["unshare", "-rm", "bash", "-c", script], capture_output=True, text=True, env=environment, cwd=ROOT, check=False
    )
    first, second = [line for line in run.stdout.splitlines() if line.startswith("status")]
    assert "error: [Errno 28] No space left on device" in run.stdout and first == "status 1", run.stdout + run.stderr
    assert "dataset.yaml" not in run.stdout and second == "status 0"
    assert _bytes(out / "data") == _bytes(out / "undisturbed") and (out / "data" / "dataset.yaml").is_file()
