"""The commands that this process has under way: started, waited for, and ended when this process is to end."""

import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fairseq_signals.experiments.lock import JobFailed

_PATIENCE = 20.0  # seconds in which a command that was asked to end may still write its checkpoint


class Processes:
    """Commands started from several threads; once stopped, no further one starts."""

    def __init__(self):
        self._running: set[subprocess.Popen] = set()
        self._turn, self._stopped = threading.Lock(), False

    def run(self, words: Sequence[str], log: Path, environment: Mapping[str, str], lock: IO):
        """Runs a command to its end, its output behind the others of the log.

        Args:
            words: of the command.
            log: file that it adds to.
            environment: of the command.
            lock: of its folder, which it holds as long as it lives.

        Raises:
            JobFailed: it ended with an error, or everything was stopped.
        """
        with open(log, "a", encoding="utf-8") as file:  # a training that goes on adds to its log
            file.write(f"$ {' '.join(words)}\n")
            file.flush()
            with self._turn:
                if self._stopped:
                    raise JobFailed("not run, as everything was stopped")
                process = subprocess.Popen(
                    words, env=environment, stdout=file, stderr=subprocess.STDOUT, pass_fds=(lock.fileno(),)
                )
                self._running.add(process)
            code = process.wait()
        with self._turn:
            self._running.discard(process)
        if code:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
            raise JobFailed(f"{tail}\nerror: {' '.join(words)}\nended with {code}; its whole output is in {log}")

    def stop(self):
        """Ends what runs, with force where asking does not help."""
        with self._turn:
            self._stopped, running = True, list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def ends_by_exception() -> Iterator[None]:
    """Within it, a termination and a closed terminal end the run as Ctrl-C does, so that no training is left alone."""

    def end(number: int, frame):
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    before = {number: handler for number, handler in before.items() if handler is signal.SIG_DFL}  # nohup stays nohup
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
