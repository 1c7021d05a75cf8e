"""The step of a masked autoencoder when three quarters of the patches are hidden, and when none is."""

from typing import Any

import fairseq  # noqa: F401  (before the plug-in, as under fairseq's commands)
import torch

from benchmarks.loader import RECORDING_SECONDS
from benchmarks.step import PRECISIONS, _synchronise
from benchmarks.table import Scale, Table, fastest
from fairseq_signals.criterions.mae import masked_error
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.encoders import resolve_encoder_for
from fairseq_signals.models.ecg_mae import ECGMAE, ECGMAEConfig
from fairseq_signals.models.ecg_model import resolve_preprocess

SHARES = {"none": 0.0, "75 %": 0.75}
CPU_SIZE = {"layers": 6, "dim": 128, "heads": 4, "hidden": 512}  # size=cpu of examples/sawano2022
CPU_DECODER = {"reconstruction_dim": 64, "reconstruction_layers": 2, "reconstruction_heads": 4}


class MaskedStep:
    """Forward and backward pass of `ecg_mae`; the optimiser's step, which no masking changes, is left out."""

    def __init__(
        self,
        encoder: "str | dict[str, Any]",
        decoder: dict[str, int],
        rate: float,
        windows: int,
        share: float,
        device: torch.device,
        precision: str = "fp32",
    ):
        """Builds the model and a batch of ten-second windows of noise."""
        torch.manual_seed(1)
        parts = {"encoder": resolve_encoder_for(encoder, rate, len(STANDARD_LEADS)), **decoder}
        cfg = ECGMAEConfig(preprocess=resolve_preprocess("none"), masked_share=share, **parts)
        self.model = ECGMAE(cfg).to(device, PRECISIONS[precision]).train()
        self.signal = torch.randn(windows, len(STANDARD_LEADS), round(RECORDING_SECONDS * rate), device=device)
        self.device = device

    def whole(self):
        """The loss of a batch and its gradients."""
        outputs = self.model(self.signal)
        loss, _ = masked_error(outputs["predicted"], outputs["targets"], outputs["masked"])
        self._backward(loss)

    def encode(self):
        """The same of the encoder alone, over the patches that it sees."""
        model = self.model
        patches = model.encoder.local(model.prepared(self.signal, None, None))
        found = model.autoencoder.encode(patches, None, None, None)
        self._backward(found.context.float().square().mean())

    def _backward(self, loss: torch.Tensor):
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        _synchronise(self.device)


def measure_masking(table: Table, scale: Scale):
    """Milliseconds of both on the processor, at the size for it."""
    encoder = {"_name": "vit_tiny", **CPU_SIZE}
    _measure(table, "MAE step", encoder, CPU_DECODER, 100.0, scale.windows, scale, torch.device("cpu"), "fp32")


def measure_masking_on_gpu(table: Table, scale: Scale, device: torch.device):
    """Milliseconds of both on a GPU, for ViT-Large with He et al.'s decoder at 500 Hz in bf16."""
    where, windows = "MAE step on GPU, vit_large, bf16", max(scale.gpu_batches)
    _measure(table, where, "vit_large", {}, 500.0, windows, scale, device, "bf16")


def _measure(table, where, encoder, decoder, rate, windows, scale, device, precision):
    steps = {
        name: MaskedStep(encoder, decoder, rate, windows, share, device, precision) for name, share in SHARES.items()
    }
    variants = {f"{name} hidden": step.whole for name, step in steps.items()}
    variants |= {f"encoder alone, {name} hidden": step.encode for name, step in steps.items()}
    seconds = fastest(variants, max(2, scale.rounds // 4), where)
    table.add(f"{where}: windows of 10 s at {rate:g} Hz, 240 patches each", windows, "windows")
    for part in ("", "encoder alone, "):
        table.add(f"{where}: {part}none hidden", 1e3 * seconds[f"{part}none hidden"], "ms")
        whole = f"{where}: {part}none hidden"
        table.add(f"{where}: {part}75 % hidden", 1e3 * seconds[f"{part}75 % hidden"], "ms", whole)
