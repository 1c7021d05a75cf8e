"""A vision transformer that was trained on images, as a `vit` for ECGs: a baseline of Sawano et al. 2022.

Reads the format of the public code of He et al. 2022 (https://arxiv.org/abs/2111.06377): tensors by name under `model`,
with `cls_token`, `pos_embed`, `patch_embed.proj`, `blocks.N.{norm1, attn.qkv, attn.proj, norm2, mlp.fc1, mlp.fc2}` and
`norm`. What depends on images is made new: the projection of patches, 3 x 16 x 16 pixels there, and the positions, a
grid of rows and columns there. Everything else is taken over, the class token as `auxiliary_token`, with the position
that belongs to it; layer norms have an epsilon of 1e-6 there and here.

Differs: Sawano et al. do not say how they fitted the images' patches to ECGs. The public fine-tuning replaces the norm
behind the last layer by a new one behind the mean; here it is taken over as well.
"""

import pickle
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fairseq_signals.encoders import build_encoder, resolve_encoder
from fairseq_signals.encoders.vit import ViTEncoder
from fairseq_signals.modules.checkpoint import is_whole

HEADS = {192: 3, 384: 6, 768: 12, 1024: 16, 1280: 16}  # a file does not tell; by the width of the published sizes
NAMES = {
    "norm1": "attention_norm",
    "attn.qkv": "attention.qkv",
    "attn.proj": "attention.out",
    "norm2": "feed_norm",
    "mlp.fc1": "widen",
    "mlp.fc2": "narrow",
}
LEFT = re.compile(r"(decoder_.*|mask_token|head\..*)")  # of a decoder or a task, not of the encoder
REMADE = ("patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed")


@dataclass(frozen=True)
class FromImages:
    """An encoder out of a file of images, and what became of the file's tensors, by their names there.

    Attributes:
        encoder: with the weights.
        mapped: tensors that were taken over.
        remade: tensors that depend on images and were made new.
        left: tensors of other parts of the file's model.
    """

    encoder: ViTEncoder
    mapped: list[str]
    remade: list[str]
    left: list[str]


def read_imagenet(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint in the format of the public code, by their names there.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds more than tensors and plain containers, or is in another format.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"ImageNet checkpoint must be a file, got none at {path}")
    try:
        # PyTorch does not compare checksums; files from before its archives have none.
        if zipfile.is_zipfile(path) and not is_whole(path):
            raise OSError("damaged")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, KeyError) as error:
        raise ValueError(
            f"ImageNet checkpoint must be a whole file of PyTorch with tensors and plain containers only, got another "
            f"at {path}; it was not opened further"
        ) from error
    weights = state.get("model") if isinstance(state, dict) else None
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"ImageNet checkpoint must hold tensors by name under 'model', got another format at {path}")
    return weights


def our_name(name: str) -> str | None:
    """What one of their tensors is called in a `vit`; None where there is none like it."""
    if block := re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias)", name):
        number, part, kind = block.groups()
        return f"layers.{number}.{NAMES[part]}.{kind}" if part in NAMES else None
    if name == "cls_token":
        return "auxiliary.token"
    return name if name in ("norm.weight", "norm.bias") else None


def _settings(weights: dict[str, Tensor], heads: int | None, where: str | Path) -> dict[str, int]:
    needed = ("cls_token", "pos_embed", "blocks.0.mlp.fc1.weight")
    if missing := [name for name in needed if name not in weights]:
        raise ValueError(f"ImageNet checkpoint must hold {', '.join(needed)}, got none of {missing[0]} ({where})")
    dim = weights["cls_token"].shape[-1]
    if heads is not None and heads < 1:
        raise ValueError(f"heads must be a positive number, got {heads} ({where})")
    if heads is None and dim not in HEADS:
        known = ", ".join(map(str, HEADS))
        raise ValueError(f"heads must be given for a width other than {known}, got none for width {dim} ({where})")
    layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("blocks."))
    hidden = len(weights["blocks.0.mlp.fc1.weight"])
    return {"layers": layers, "dim": dim, "heads": heads or HEADS[dim], "hidden": hidden}


def vit_from_imagenet(
    path: str | Path, rate: float, leads: int = 12, heads: int | None = None, seed: int = 1
) -> FromImages:
    """A `vit` of the file's size with its weights.

    Args:
        path: the file.
        rate: Hz of the ECGs.
        leads: number of their leads.
        heads: of each layer; None takes those of the published size of this width.
        seed: of the projection that is made new.

    Raises:
        FileNotFoundError, ValueError: see `read_imagenet`; or tensors are missing, unknown, of other shapes or hold
            what is no weight.
    """
    weights = read_imagenet(path)
    size = _settings(weights, heads, path)
    spec = resolve_encoder({"_name": "vit", "auxiliary_token": True, **size}, input_rate=rate, input_leads=leads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = build_encoder(spec)
    left = [name for name in weights if LEFT.fullmatch(name)]
    mapped = [name for name in weights if our_name(name)]
    ours = {our_name(name): weights[name].float() for name in mapped}
    # Their positions are added to the class token too; its own is zero unless they were learned.
    ours["auxiliary.token"] = (weights["cls_token"] + weights["pos_embed"][:, :1]).flatten().float()
    taken = {name: weights[name] for name in (*mapped, "pos_embed")}
    _refuse_unfit(encoder, ours, taken, set(weights) - {*left, *mapped, *REMADE}, path)
    encoder.load_state_dict(ours, strict=False)
    return FromImages(encoder, mapped, [name for name in REMADE if name in weights], left)


def _no_weights(value: Tensor) -> str | None:
    """Why a tensor cannot be learned weights, or None where it can."""
    if not value.is_floating_point():
        return f"must hold floating-point numbers, got {str(value.dtype).removeprefix('torch.')}"
    return None if value.isfinite().all() else "must hold finite numbers, got NaN or infinite ones"


def _refuse_unfit(
    encoder: ViTEncoder, ours: dict[str, Tensor], taken: dict[str, Tensor], unknown: set[str], where: str | Path
):
    wanted = {name: value for name, value in encoder.state_dict().items() if not name.startswith("project.")}
    wrong = [f"{name} is unknown" for name in sorted(unknown)]
    wrong += [f"{name} {what}" for name, value in taken.items() if (what := _no_weights(value))]
    wrong += [f"{name} (our name) is missing" for name in wanted if name not in ours]
    wrong += [
        f"{name} (our name) must have shape {list(wanted[name].shape)}, got {list(value.shape)}"
        for name, value in ours.items()
        if name in wanted and value.shape != wanted[name].shape
    ]
    if wrong:
        raise ValueError(
            f"ImageNet checkpoint must be of a vision transformer of He et al. 2022, but {len(wrong)} tensors do not "
            f"fit: {'; '.join(wrong[:5])}{'; …' if len(wrong) > 5 else ''} ({where})"
        )
