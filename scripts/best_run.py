#!/usr/bin/env python
r"""Says which training of a sweep kept the best checkpoint by its validation, and where that is.

  fairseq-hydra-train --multirun --config-dir examples/… --config-name … common.user_dir=fairseq_signals task.data=… \
      'optimization.lr=[1e-4],[3e-5],[1e-5]' checkpoint.best_checkpoint_metric=loss \
      hydra.sweep.dir=runs/sweep 'checkpoint.save_dir=${hydra:runtime.output_dir}'
  python scripts/best_run.py runs/sweep

The best checkpoint's path is printed last, alone on its line, so that `$(… | tail -1)` hands it on.
"""

import argparse
from pathlib import Path

from fairseq_signals.evaluation.best_run import read_runs, runs_text


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments, reads and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="with the runs, at any depth")
    parser.add_argument("--metric", metavar="NAME", help="by which runs must have kept their best checkpoint, such as loss or macro_auc (the one that they were told)")  # fmt: skip  # noqa: E501
    options = parser.parse_args(arguments)
    try:
        runs = read_runs(options.folder, options.metric)
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{runs_text(runs, options.folder)}\n\n{runs[0].path}")


if __name__ == "__main__":
    main()
