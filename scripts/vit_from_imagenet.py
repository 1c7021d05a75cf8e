#!/usr/bin/env python
"""Makes a checkpoint to fine-tune from, out of a vision transformer that was trained on images (ImageNet MAE)."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # manifests/ is beside this folder, and not installed

from fairseq_signals.data.atomic import written_whole
from fairseq_signals.data.leads import STANDARD_LEADS, parse_leads
from fairseq_signals.encoders import resolve_encoder
from fairseq_signals.encoders.imagenet import FromImages, vit_from_imagenet
from fairseq_signals.modules.preprocess import PreprocessSettings
from manifests.parts.options import run

_EPILOG = """\
The file is one of the public checkpoints of He et al. 2022 (facebookresearch/mae), such as
mae_pretrain_vit_large.pth, or another in their format. Start from what is written with

  fairseq-hydra-train … model._name=ecg_classifier model.pretrained=OUT.pt

The projection of patches is new, so that freezing the encoder would freeze random numbers with it."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("images", type=Path, help="the ImageNet checkpoint")
    add("out", type=Path, help="where to write ours; must not exist")
    add("--rate", type=float, default=500.0, help="Hz of the ECGs (default: 500)")
    add("--leads", default="12", help="the task's leads; fewer than twelve are for a task with drop_leads (default: 12)")  # fmt: skip  # noqa: E501
    add("--window-seconds", type=float, default=10.0, help="of the task, noted in the checkpoint (default: 10)")
    add("--heads", type=int, default=None, help="attention heads, where the size is not a published one")
    add("--seed", type=int, default=1, help="of the projection that is made new (default: 1)")
    return parser


def _checkpoint(made: FromImages, args: argparse.Namespace) -> dict:
    """The made encoder as our models save theirs."""
    known = {"input_rate": args.rate, "input_leads": made.encoder.leads}
    encoder = resolve_encoder({"_name": "vit", **asdict(made.encoder.settings)}, **known)
    leads = parse_leads(args.leads)
    task = {
        "leads": ",".join(leads),
        "drop_leads": len(leads) < len(STANDARD_LEADS),
        "rate": args.rate,
        "window_seconds": args.window_seconds,
    }
    model = {"_name": "vit_from_imagenet", "encoder": encoder, "preprocess": asdict(PreprocessSettings())}
    origin = {"file": args.images.name, "seed": args.seed}
    tensors = {f"encoder.{name}": value for name, value in made.encoder.state_dict().items()}
    return {"model": tensors, "cfg": {"model": model, "task": task, "origin": origin}}


def _report(made: FromImages) -> str:
    settings, tensors = made.encoder.settings, made.encoder.state_dict()
    new = sum(value.numel() for name, value in tensors.items() if name.startswith("project."))
    whole = sum(value.numel() for value in tensors.values())
    return "\n".join(
        [
            f"{settings.layers} layers, {settings.dim} wide, {settings.heads} heads: {whole:,} numbers",
            f"taken over: {len(made.mapped)} tensors ({whole - new:,} numbers)",
            f"made new:   {', '.join(made.remade)} (a projection of {new:,} numbers, and fixed positions)",
            f"left out:   {', '.join(made.left) or 'nothing'}",
        ]
    )


def main(arguments: list[str] | None = None):
    """Reads the arguments, makes the checkpoint and prints what became of each tensor."""
    args = _parser().parse_args(arguments)
    if args.out.exists():
        raise ValueError(f"OUT must be a new file, got one that exists ({args.out})")
    made = vit_from_imagenet(args.images, args.rate, len(parse_leads(args.leads)), args.heads, args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(args.out) as file:
        torch.save(_checkpoint(made, args), file)
    print(_report(made))
    print(f"wrote {args.out}")


if __name__ == "__main__":
    run(main)
