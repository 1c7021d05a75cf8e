"""What a masked autoencoder makes of the patches of a recording that it does not see."""

import argparse
import sys
from pathlib import Path

from plots.files import add_recording, recording, recording_units


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds `reconstruction`."""
    command = commands.add_parser(
        "reconstruction", help="a recording, masked, and reconstructed by a masked autoencoder"
    )
    command.add_argument("checkpoint", type=Path, help="of ecg_mae")
    add_recording(command)
    command.add_argument("--start", type=float, default=0.0, help="second at which the window begins (0)")
    command.add_argument("--seed", type=int, default=1, metavar="N", help="another seed hides other patches (1)")
    command.add_argument("--share", type=float, help="share of patches to hide; the training's without it")
    command.set_defaults(draw=_draw)


def _draw(options: argparse.Namespace) -> None:
    # PyTorch takes seconds to load, which pictures without a model need not wait for.
    from fairseq_signals.evaluation.reconstruction import TrainedAutoencoder
    from fairseq_signals.evaluation.reconstruction_picture import draw_reconstruction, said

    record = recording(options)
    model = TrainedAutoencoder(options.checkpoint, options.share)
    if misfit := model.misfit(recording_units(options)):
        print(f"{options.file}: {misfit.text}", file=sys.stderr)
    found = model.reconstruct(record, options.start, options.seed)
    draw_reconstruction(found, options.output)
    print(said(found))
