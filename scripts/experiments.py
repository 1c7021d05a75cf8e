#!/usr/bin/env python
"""The trainings behind a paper's tables: list them with their cost, run them, collect the tables."""

import sys

from fairseq_signals.experiments.command_line import main

if __name__ == "__main__":
    sys.exit(main())
