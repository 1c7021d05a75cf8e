"""What fairseq keeps of an earlier training in the same process, as Hydra's multirun runs them one after another."""

import sys

from fairseq import checkpoint_utils

_BEST, _RUNS = "best", "num_runs"


def forget_earlier_scores():
    """Lets the next training find its own best checkpoint, and its own patience.

    fairseq keeps the best score so far, and for how many validations it has stood, as attributes of its functions. In a
    sweep every job after the first would then write `checkpoint_best.pt` only where it beats the jobs before it, and
    keep their score as its own. A training that is resumed takes its score from its checkpoint, later.
    """
    command = sys.modules.get("fairseq_cli.train")  # importing it would set up logging
    for function in (checkpoint_utils.save_checkpoint, getattr(command, "should_stop_early", None)):
        for name in (_BEST, _RUNS):
            if hasattr(function, name):
                delattr(function, name)
