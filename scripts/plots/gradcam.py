"""What speaks for a class in a recording, by a trained model."""

import argparse
import sys
from pathlib import Path

from plots.files import add_recording, recording, recording_units


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Adds `gradcam`."""
    command = commands.add_parser("gradcam", help="what speaks for a class in a recording (Grad-CAM)")
    command.add_argument("checkpoint", type=Path, help="of a model for diagnosis")
    add_recording(command)
    command.add_argument("--class", required=True, dest="name", metavar="NAME", help="one of the model's classes")
    command.add_argument("--against", action="store_true", help="what speaks against the class rather than for it")
    command.add_argument("--start", type=float, default=0.0, help="second at which the picture begins (0)")
    command.set_defaults(draw=_draw)


def _draw(options: argparse.Namespace) -> None:
    # PyTorch takes seconds to load, which pictures without a model need not wait for.
    from fairseq_signals.evaluation.gradcam_picture import draw_activation
    from fairseq_signals.evaluation.gradcam_recording import activation_of
    from fairseq_signals.inference import TrainedModel

    record = recording(options)
    model, units = TrainedModel(options.checkpoint), recording_units(options)
    found = activation_of(model, record, options.name, options.against, units)
    if found.remark:
        print(f"{options.file}: {found.remark}", file=sys.stderr)
    draw_activation(found, options.output, options.start)
