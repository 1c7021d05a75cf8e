#!/usr/bin/env bash
# Installs as quickstart.sh does, then runs the linter and all tests; further arguments go to pytest.
# Real ECGs are found through ECG_TEST_DATA; without it the tests that need them are skipped, and say so.
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$ROOT"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
ruff check .
ruff format --check .
pytest "$@"
echo "All tests passed. Next: bash scripts/quickstart.sh"
