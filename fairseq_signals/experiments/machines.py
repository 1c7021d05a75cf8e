"""How fast machines train the encoders of this project: sustained rates, every one with where it comes from.

Conventions: a rate is the arithmetic of the encoder alone (`cost.training_cost`), in TFLOP/s of one device, over the
whole time of a training: loading, heads, losses and optimiser take time and count no operations. So the rates are
below what a benchmark of matrix products reaches, and hold for transformers with frames of 32 ms at a full batch.
A convolutional encoder reaches other rates: in the same public measurement on an A100 (`a100` below) residual
networks trained at 4 and at 20 TFLOP/s where transformers of 90 million parameters trained at 9 to 16.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """One device.

    Attributes:
        tflops: sustained TFLOP/s, see the module.
        precision: of the training that the rate was taken from.
        basis: "measured" by others or here, "from the paper" (its hours, its epochs, our count of operations), or
            "arithmetic" (no training stands behind it).
        source: the calculation.
    """

    tflops: float
    precision: str
    basis: str
    source: str


MACHINES = {
    "rtx_a6000": Machine(
        9.6,
        "fp32",
        "from the paper",
        "pre-training of Oh et al. 2022, section 5.2: 24 hours on four of them, 200 epochs (public code) of 189,051 "
        "five-second segments, 87.7 GFLOP each; quantizer, exchange of gradients and loading included",
    ),
    "rtx_3090": Machine(
        19.9,
        "fp32",
        "from the paper",
        "fine-tuning of Oh et al. 2022, section 5.2, 100 epochs (public code) on one of them: diagnosis, 32,640 "
        "segments in 4 hours, gives 19.9 TFLOP/s, identification, 147,444 segments in 18 hours, 20.0",
    ),
    "a100": Machine(
        15.0,
        "fp32",
        "measured",
        "by others: 16.3 TFLOP/s for a wav2vec 2.0 of base size with 312 frames, 14.5 for a HuBERT with 93, batch 32, "
        "no mixed precision (aramis00/ECGPPG_FM_dataset, FM_computation.md); bf16 is several times as fast",
    ),
    "h100": Machine(
        346.0,
        "bf16",
        "arithmetic",
        "35 % of 989 TFLOP/s, the maker's dense bf16; what compiled transformers reach with 16,000 frames in a batch",
    ),
    "h200": Machine(
        346.0,
        "bf16",
        "arithmetic",
        "as for an H100, whose peak it shares; its larger memory holds larger batches",
    ),
    "cpu_core": Machine(
        0.026,
        "fp32",
        "measured",
        "here, one core of an x86-64 machine of two (AMD EPYC, AVX-512), one thread: an update of W2V + CMSC + RLM "
        "with the tiny size, 64 segments of five seconds at 100 Hz, took 1.16 s; its encoder alone ran at 0.041",
    ),
}
"""Machines by the name that a study or a command gives."""


def machine_of(name: str) -> Machine:
    """The machine of this name.

    Raises:
        ValueError: nobody has measured or reckoned it; names those that there are.
    """
    if name not in MACHINES:
        raise ValueError(f"machine must be one of {', '.join(MACHINES)}, got {name!r}")
    return MACHINES[name]
