import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fairseq_signals.experiments.lock import JobFailed
from fairseq_signals.experiments.processes import Processes


def test_what_a_command_prints_is_kept_and_its_failure_told(tmp_path):
    log, code = tmp_path / "log", "print('last line'); raise SystemExit(4)"
    with open(tmp_path / "lock", "w") as lock:
        Processes().run(["echo", "first"], log, os.environ, lock)
        with pytest.raises(JobFailed, match=r"(?s)last line.*ended with 4; its whole output is in .*log"):
            Processes().run([sys.executable, "-c", code], log, os.environ, lock)
    assert log.read_text().count("$ ") == 2 and "first" in log.read_text()


def test_stopping_ends_the_commands_and_lets_no_other_start(tmp_path):
    processes, errors = Processes(), []

    def work():
        with open(tmp_path / "lock", "w") as lock:
            try:
                processes.run(["sleep", "60"], tmp_path / "log", os.environ, lock)
            except JobFailed as error:
                errors.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    while not (tmp_path / "log").is_file() or not processes._running:
        time.sleep(0.01)
    processes.stop()
    thread.join(30)
    assert not thread.is_alive() and "ended with -15" in errors[0]
    work()
    assert "everything was stopped" in errors[1]


RUNS = """
import os, sys
from pathlib import Path
from fairseq_signals.experiments.job import Job
from fairseq_signals.experiments.processes import Processes, ends_by_exception
from fairseq_signals.experiments.schedule import run_all

processes, folder = Processes(), Path(sys.argv[1])

def run(job, gpus):
    with open(folder / "lock", "w") as lock:
        processes.run(["sh", "-c", "echo $$ > pid; exec sleep 300"], folder / "log", os.environ, lock)

with ends_by_exception():
    run_all([Job("a", "data"), Job("b", "data")], run, 1, stop=processes.stop)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_schedule_and_its_trainings(tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, "-c", RUNS, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # a background job ignores one, under nohup another
    )
    while not ((tmp_path / "pid").is_file() and (tmp_path / "pid").read_text()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)  # to it alone, as `kill` does
    assert process.wait(60) != 0
    training = int((tmp_path / "pid").read_text())
    assert not Path(f"/proc/{training}").exists()
