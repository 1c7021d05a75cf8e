"""The command that makes a checkpoint out of an ImageNet one, and a fine-tuning that starts from it."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fairseq_signals.inference import TrainedModel
from fairseq_signals.modules.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
SCRIPT = str(ROOT / "scripts" / "vit_from_imagenet.py")


@pytest.fixture
def main(monkeypatch):
    """The script's `main`, in this process."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # which the script adds to
    run = runpy.run_path(SCRIPT)["main"]
    return lambda *arguments: run([*map(str, arguments)])


@pytest.fixture
def images(tmp_path):
    """A file in the public format: one layer, 24 wide, for images of 2 x 2 patches."""
    torch.manual_seed(3)
    shapes = {"cls_token": (1, 1, 24), "pos_embed": (1, 5, 24), "norm.weight": (24,), "norm.bias": (24,)}
    shapes |= {"patch_embed.proj.weight": (24, 3, 16, 16), "patch_embed.proj.bias": (24,), "mask_token": (1, 1, 8)}
    for part, rows, columns in (("attn.qkv", 72, 24), ("attn.proj", 24, 24), ("mlp.fc1", 48, 24), ("mlp.fc2", 24, 48)):
        shapes |= {f"blocks.0.{part}.weight": (rows, columns), f"blocks.0.{part}.bias": (rows,)}
    for norm in ("norm1", "norm2"):
        shapes |= {f"blocks.0.{norm}.weight": (24,), f"blocks.0.{norm}.bias": (24,)}
    weights = {name: torch.randn(shape) for name, shape in shapes.items()}
    torch.save({"model": weights}, tmp_path / "images.pth")
    return tmp_path / "images.pth", weights


def test_a_diagnosis_starts_from_the_written_checkpoint(
    main, images, tmp_path, ecg_data, fairseq_parts, arguments, capsys
):
    path, weights = images
    main(path, tmp_path / "out" / "vit.pt", "--rate", 100, "--heads", 2)
    told = capsys.readouterr().out
    assert "taken over: 15 tensors" in told and "left out:   mask_token" in told
    assert "made new:   patch_embed.proj.weight, patch_embed.proj.bias, pos_embed" in told
    start = ["--pretrained", tmp_path / "out" / "vit.pt"]
    model = fairseq_parts(ecg_data, *arguments["diagnosis"], *start)[2]
    model.load_pretrained()
    encoder = model.encoder
    assert (encoder.rate, encoder.leads, encoder.settings.heads, encoder.settings.layers) == (100, 12, 2, 1)
    assert torch.equal(encoder.layers[0].widen.weight, weights["blocks.0.mlp.fc1.weight"])
    assert torch.equal(encoder.layers[0].attention.qkv.bias, weights["blocks.0.attn.qkv.bias"])
    outputs = model(torch.randn(3, 12, 1000), torch.tensor([1000, 700, 1000]), torch.rand(3, 12) < 0.5)
    assert outputs["embedding"].shape == (3, 24) and outputs["logits"].isfinite().all()


def test_fewer_leads_are_for_a_task_that_drops_the_others(main, images, tmp_path, ecg_data):
    main(images[0], tmp_path / "vit.pt", "--rate", 100, "--heads", 2, "--leads", "I,V2")
    task = read_checkpoint(tmp_path / "vit.pt")["cfg"]["task"]
    assert (task["leads"], task["drop_leads"], task["rate"], task["window_seconds"]) == ("I,V2", True, 100.0, 10.0)
    model = TrainedModel(tmp_path / "vit.pt")
    assert model.encoder.leads == 2
    assert model.embed(ecg_data / "test.tsv", progress=False).shape == (22, 24)


def test_the_command_says_what_is_wrong_in_one_line(images, tmp_path):
    (tmp_path / "there.pt").write_text("dear")
    command = [sys.executable, SCRIPT, images[0], tmp_path / "there.pt", "--heads", "2"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and done.stderr.startswith("error: OUT must be a new file, got one that exists")
    assert done.stderr.count("\n") == 1 and (tmp_path / "there.pt").read_text() == "dear"
