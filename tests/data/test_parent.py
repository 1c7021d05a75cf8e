import os

import pytest

from fairseq_signals.data import parent


def test_a_worker_whose_run_was_killed_stops():
    parent.stop_if_orphaned(os.getpid())
    parent.stop_if_orphaned(os.getppid())
    with pytest.raises(SystemExit):
        parent.stop_if_orphaned(2**22 + 1)


def test_the_main_process_is_not_watched(monkeypatch):
    monkeypatch.setattr(parent.threading, "Thread", None)
    parent.leave_with.cache_clear()
    parent.leave_with(os.getpid())
    parent.leave_with(None)


def test_a_clusters_workers_are_nobodys_orphans():
    parent.stop_if_orphaned(None)
