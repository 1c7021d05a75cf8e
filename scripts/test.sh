#!/usr/bin/env bash
# Installs as quickstart.sh does, then runs the linter and all tests on all cores, up to 8; further arguments go to
# pytest (--numprocesses 0 for one process, in which pdb works).
# Real ECGs are found through ECG_TEST_DATA; without it the tests that need them are skipped, and say so.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$ROOT"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
ruff check .
ruff format --check .
pytest --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder "$@"  # in the order of tests/conftest.py
echo "All tests passed. Next: bash scripts/quickstart.sh"
