import subprocess
import sys

import pytest

from fairseq_signals.experiments.lock import JobFailed, held


def test_one_process_at_a_time_or_several_that_only_read(tmp_path):
    with held(tmp_path, "a"):
        for shared in (False, True):
            with pytest.raises(JobFailed, match=r"a is being run.* by another process"), held(tmp_path, "a", shared):
                pass
    with held(tmp_path, "a", shared=True), held(tmp_path, "a", shared=True):
        with pytest.raises(JobFailed, match="or started from"), held(tmp_path, "a"):
            pass
    with held(tmp_path, "a"):
        pass


def test_a_command_that_outlives_its_process_keeps_the_folder(tmp_path):
    program = (
        "import os, subprocess, sys; from pathlib import Path; from fairseq_signals.experiments.lock import held\n"
        "with held(Path(sys.argv[1]), 'a') as lock:\n"
        "    child = subprocess.Popen(['sleep', '60'], pass_fds=(lock.fileno(),), stdout=subprocess.DEVNULL)\n"
        "    print(child.pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    child = int(killed.stdout)
    try:
        with pytest.raises(JobFailed, match="another process"), held(tmp_path, "a"):
            pass
    finally:
        subprocess.run(["kill", "-9", str(child)], check=True)
    for _ in range(100):
        try:
            with held(tmp_path, "a"):
                return
        except JobFailed:
            subprocess.run(["sleep", "0.05"])
    raise AssertionError("the lock did not go with the command")


def test_what_a_command_leaves_behind_keeps_nobody_out(tmp_path):
    with held(tmp_path, "a") as lock:
        left = subprocess.Popen(["sleep", "60"], pass_fds=(lock.fileno(),))
    try:
        with held(tmp_path, "a"):
            pass
    finally:
        left.kill()
        left.wait()
