#!/usr/bin/env bash
# From nothing to a table of results: installs, makes example data (or takes --data DIR, a folder of WFDB records),
# pre-trains W2V+CMSC+RLM, fine-tunes and validates. Run it again to go on where it stopped.
# usage: bash scripts/quickstart.sh [--data DIR] [--dest runs/quickstart] [--help]
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
cd "$ROOT"
exec "$PYTHON" scripts/quickstart.py "$@"
