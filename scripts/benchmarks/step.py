"""The pre-training step, on the processor and on a GPU."""

import math
import time
from collections.abc import Mapping
from itertools import product

import fairseq  # noqa: F401  (before the plug-in, as under fairseq's commands)
import torch
from omegaconf import OmegaConf
from torch.utils.flop_counter import FlopCounterMode
from tqdm import tqdm

from benchmarks.loader import RECORDING_SECONDS
from benchmarks.table import Scale, Table, fastest
from fairseq_signals.criterions.w2v_cmsc import W2VCMSCConfig, W2VCMSCCriterion
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.models.ecg_wav2vec2 import ECGWav2Vec2, ECGWav2Vec2Config
from fairseq_signals.tasks.ecg_pretraining import ECGPretraining, ECGPretrainingConfig

PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
PEAKS = {"A100": 312, "H100 PCIe": 756, "H100 NVL": 835, "H100": 989, "H200": 989, "A6000": 155}
"""Dense bf16 TFLOP/s that the maker names, by a part of the device's name; the first that fits holds."""


class Step:
    """One update of W2V + CMSC + RLM, in its parts: `prepare`, `forward`, `backward`, `optimise`.

    fairseq's own loop is left out. As in its fp16 and bf16 training the model is cast, and Adam moves float32 copies
    of its parameters.
    """

    def __init__(
        self,
        size: str,
        rate: float,
        windows: int,
        device: torch.device,
        precision: str = "fp32",
        views: str = "adjacent",
        transforms: str = "random_lead_masking",
    ):
        """Builds model, criterion and a batch of ten-second windows; see the recipes of examples/oh2022."""
        torch.manual_seed(1)
        self.device = device
        # The data folder only has to exist; no manifest is opened.
        settings = {
            "data": ".",
            "save_dir": ".",
            "seed": 1,
            "rate": float(rate),
            "views": views,
            "transforms": transforms,
        }
        self.task = ECGPretraining(OmegaConf.structured(ECGPretrainingConfig(**settings)))
        config = OmegaConf.structured(ECGWav2Vec2Config(encoder=f"wav2vec2_{size}"))
        ECGWav2Vec2.resolve(config, self.task)
        self.model = ECGWav2Vec2.build_model(config, self.task).to(device, PRECISIONS[precision]).train()
        self.criterion = W2VCMSCCriterion(OmegaConf.structured(W2VCMSCConfig()), self.task)
        self.batch = _integer_batch(windows, round(RECORDING_SECONDS * rate))
        self.parameters = list(self.model.parameters())
        self.copies = [parameter.detach().float().clone() for parameter in self.parameters]
        self.adam = torch.optim.Adam(self.copies, lr=1e-4, fused=device.type == "cuda")

    def prepare(self) -> dict:
        """Millivolts, views and transforms."""
        return self.task.prepare(self.batch, self.model, self.task.training_pipeline, "train", 0, 0, 0)

    def forward(self, sample: dict) -> torch.Tensor:
        """The loss per window."""
        loss, windows, _ = self.criterion(self.model, sample)
        return loss / windows

    def backward(self, loss: torch.Tensor):
        """Gradients of the model."""
        self.model.zero_grad(set_to_none=True)
        loss.backward()

    def optimise(self, _: object = None):
        """One step of Adam on the copies, which are then written back."""
        for copy, parameter in zip(self.copies, self.parameters, strict=True):
            copy.grad = parameter.grad.float()
        self.adam.step()
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.copies)

    def run(self) -> dict[str, float]:
        """A whole step; seconds of each part."""
        given, seconds = (), {}
        for part in (self.prepare, self.forward, self.backward, self.optimise):
            begin = time.perf_counter()
            given = (part(*given),)
            seconds[part.__name__] = time.perf_counter() - begin
        return seconds

    def encode(self, sample: dict):
        """Forward and backward pass of the encoder alone over the same windows."""
        signal = self.model.prepared(sample["net_input"]["signal"], None, None)
        self.backward(self.model.encoder(signal).square().mean())


def _integer_batch(windows: int, samples: int) -> dict:
    """A batch as the loader gives it."""
    generator = torch.Generator().manual_seed(1)
    shape = (windows, len(STANDARD_LEADS), samples)
    numbers = torch.arange(windows)
    return {
        "source": torch.randint(-1000, 1000, shape, generator=generator, dtype=torch.int16),
        "nanovolts": torch.full((windows,), 1000, dtype=torch.int32),
        "lengths": torch.full((windows,), samples),
        "padded": False,
        "present": torch.ones(shape[:2], dtype=torch.bool),
        "recording": numbers,
        "patient": numbers,
        "window": torch.zeros_like(numbers),
        "empty": False,
    }


def measure_step(table: Table, scale: Scale):
    """Milliseconds of a step of the tiny size at 100 Hz on the processor: where they go, what transforms add."""
    place = ("tiny", 100.0, scale.windows, torch.device("cpu"))
    step, parts = Step(*place), []
    prepared = step.prepare()
    variants = {
        "step": lambda: parts.append(step.run()),
        "step without lead masking": Step(*place, transforms="").run,
        "step without lead masking and views": Step(*place, views="single", transforms="").run,
        "encoder alone, forward + backward": lambda: step.encode(prepared),
    }
    seconds = fastest(variants, max(2, scale.rounds // 2), "CPU step")
    best = min(parts[1:], key=lambda part: sum(part.values()))
    where = "CPU step"
    table.add(f"{where}: windows of 10 s at 100 Hz, tiny size", scale.windows, "windows")
    table.add(f"{where}: threads", torch.get_num_threads(), "threads")
    table.add(f"{where}: whole", 1e3 * sum(best.values()), "ms")
    for name, spent in best.items():
        table.add(f"{where}: {name}", 1e3 * spent, "ms", f"{where}: whole")
    table.add(f"{where}: without lead masking", 1e3 * seconds["step without lead masking"], "ms", f"{where}: whole")
    bare = seconds["step without lead masking and views"]
    table.add(f"{where}: without lead masking and views", 1e3 * bare, "ms", f"{where}: whole")
    both, encoder = best["forward"] + best["backward"], seconds["encoder alone, forward + backward"]
    table.add(f"{where}: forward + backward", 1e3 * both, "ms")
    table.add(f"{where}: encoder alone, forward + backward", 1e3 * encoder, "ms", f"{where}: forward + backward")
    rest = f"{where}: quantizer, negatives and losses, the difference"
    table.add(rest, 1e3 * (both - encoder), "ms", f"{where}: forward + backward")
    table.add(f"{where}: throughput", scale.windows / sum(best.values()), "windows/s")


def measure_gpu(table: Table, scale: Scale, device: torch.device, name: str, peaks: Mapping[str, float] = PEAKS):
    """Throughput of every size, precision and batch on `device`, beside the peak that `peaks` knows for its `name`."""
    peak = peak_of(name, peaks)
    to = [f"GPU: peak of {name}, dense bf16"] if peak else []
    for line in to:
        table.add(line, peak, "TFLOP/s")
    choices = list(product(scale.sizes, PRECISIONS, scale.gpu_batches))
    for size, precision, windows in tqdm(choices, desc="GPU step", unit="setting"):
        where = f"GPU step, {size}, {precision}, {windows} windows"
        try:
            seconds, flops, gibibytes = _timed(Step(size, 500.0, windows, device, precision), scale.steps)
        except torch.OutOfMemoryError:
            table.add(f"{where}: out of memory", math.nan, "ms")
            continue
        table.add(f"{where}: whole", 1e3 * seconds, "ms")
        table.add(f"{where}: throughput", windows / seconds, "windows/s")
        table.add(f"{where}: arithmetic", flops / seconds / 1e12, "TFLOP/s", *to)
        table.add(f"{where}: memory", gibibytes, "GiB")


def peak_of(name: str, peaks: Mapping[str, float] = PEAKS) -> "float | None":
    """Peak TFLOP/s of the device of this name, None where it is not known."""
    return next((tflops for part, tflops in peaks.items() if part in name), None)


def operations(step: Step) -> int:
    """Floating-point operations of a step: matrix products, convolutions and attention, forward and backward."""
    mapping = {torch.ops.aten.convolution_backward: _convolution_backward}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        step.run()
    return counter.get_total_flops()


def _convolution_backward(
    output, signal, weight, bias, stride, padding, dilation, transposed, more, groups, needed, **_
):
    """Operations from shapes; PyTorch's own count takes the gradient of grouped weights for that of a full matrix."""
    forward = 2 * math.prod(output) * math.prod(weight[1:])
    return forward * sum(needed[:2])


def _timed(step: Step, steps: int) -> tuple[float, int, float]:
    """Seconds and floating-point operations per step, and the memory (GiB) it takes."""
    flops, cuda = operations(step), step.device.type == "cuda"
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    for _ in range(3):
        step.run()
    _synchronise(step.device)
    begin = time.perf_counter()
    for _ in range(steps):
        step.run()
    _synchronise(step.device)
    seconds = (time.perf_counter() - begin) / steps
    return seconds, flops, torch.cuda.max_memory_allocated() / 2**30 if cuda else math.nan


def _synchronise(device: torch.device):
    if device.type == "cuda":
        torch.cuda.synchronize()
