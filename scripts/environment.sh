# Sourced by quickstart.sh and test.sh: makes .venv in the checkout with everything from constraints.txt, once.
# Usage: source scripts/environment.sh; sets PYTHON to the environment's interpreter.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="$ROOT/.venv"
PYTHON="$VENV/bin/python"

find_python() {
  for name in "${PYTHON_FOR_VENV:-}" python3.12 python3.11 python3; do
    if [ -n "$name" ] && command -v "$name" > /dev/null \
      && "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2> /dev/null; then
      echo "$name"
      return
    fi
  done
  echo "error: Python must be 3.11 or 3.12, got $(python3 --version 2>&1 || echo none); set PYTHON_FOR_VENV to one" >&2
  return 1
}

install_once() {
  local wanted
  wanted="$(cat "$ROOT/constraints.txt" "$ROOT/setup.py" | cksum)"
  if [ -x "$PYTHON" ] && [ "$(cat "$VENV/installed" 2> /dev/null)" = "$wanted" ]; then
    return
  fi
  local found
  found="$(find_python)"
  echo "Installing into .venv with $("$found" --version): about five minutes the first time, most of it spent"
  echo "compiling fairseq where there is no ready-made wheel (Python 3.11; needs a C++ compiler)."
  "$found" -m venv "$VENV"
  # The constraint must hold while wheels are built, too: an isolated build would fetch another PyTorch.
  export PIP_CONSTRAINT="$ROOT/constraints.txt" PIP_DISABLE_PIP_VERSION_CHECK=1
  "$PYTHON" -m pip install --quiet torch
  "$PYTHON" -m pip install --quiet --editable "$ROOT[test]"
  unset PIP_CONSTRAINT
  echo "$wanted" > "$VENV/installed"
  echo "Installed."
}

install_once
export PATH="$VENV/bin:$PATH"
