"""One process of a distributed run: losses and gradients of a share of one batch, summed as fairseq's trainer does.

    python tests/criterions/ranks.py DATA OUT PORT WORLD RANK

Saves, on rank 0, `{case: (loss, {parameter: gradient})}` for every case and every way to share the batch.
"""

import sys
import warnings
from datetime import timedelta

import fairseq  # noqa: F401  (before the plug-in, as under fairseq's commands)
import torch
import torch.distributed as dist
from fairseq import options, tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from omegaconf import open_dict

import fairseq_signals
from fairseq_signals.modules import masked_autoencoder
from fairseq_signals.modules.patch_masking import hide_patches

fairseq_signals.register()
BATCH = 8
ENCODER = {"_name": "wav2vec2_tiny", "layers": 1, "dropout": 0.0, "attention_dropout": 0.0, "input_dropout": 0.0}
PATCHES = {"_name": "vit_tiny", "layers": 1, "dim": 16, "heads": 2, "hidden": 32}
CAUSAL = {"_name": "cpc", "width": 12, "lstm_width": 10, "lstm_layers": 1}
PLACE = ["--rate", "100", "--batch-size", "8", "--cpu", "--optimizer", "adam", "--train-subset", "train"]
PRETRAINING = ["--task", "ecg_pretraining", "--views", "adjacent"]
W2V = [*PRETRAINING, "--arch", "ecg_wav2vec2", "--codes-per-group", "16", "--target-dim", "16", "--negatives", "0"]
W2V += ["--span-probability", "0", "--target-dropout", "0"]
CMSC = [*PRETRAINING, "--arch", "ecg_contrastive", "--criterion", "cmsc", "--projection-hidden", "16"]
# Narrower heads leave more of rounding where a gradient is zero, as that of the last feed_norm before batch norm.
AUGMENT = ["--task", "ecg_pretraining", "--views", "augment", "--projection-hidden", "64", "--projection-dim", "32"]
BYOL = [*AUGMENT, "--arch", "ecg_byol", "--criterion", "byol", "--momentum-updates", "5"]
SWAV = [*AUGMENT, "--arch", "ecg_swav", "--criterion", "swav", "--prototypes", "7", "--queue-size", "9"]
MOCO = [*AUGMENT, "--arch", "ecg_moco", "--criterion", "moco", "--contrast-head", "mlp", "--queued-keys", "9"]
MOCO += ["--moco-temperature", "1"]  # rows of the queue are no unit vectors here
MAE = ["--task", "ecg_pretraining", "--arch", "ecg_mae", "--criterion", "mae", "--reconstruction-dim", "16"]
MAE += ["--reconstruction-layers", "1", "--reconstruction-heads", "2"]
CPC = ["--task", "ecg_pretraining", "--arch", "ecg_cpc", "--criterion", "cpc", "--predictor-hidden", "8"]
CPC += ["--steps", "3", "--cpc-negatives", "1200", "--draw-frames", "400"]  # all other frames of a window
RANDOM = ["--pretrained", "random"]
ARCFACE = ["--task", "ecg_identification", "--arch", "ecg_identifier", "--criterion", "arcface"]
ARCFACE += ["--arcface-scale", "16"]  # at 192 the rounding of cosines alone is larger than what is tested
CASES = {
    "w2v": [*W2V, "--criterion", "w2v"],
    "cmsc all": [*CMSC, "--blocks", "all"],
    "cmsc two": [*CMSC, "--blocks", "two"],
    "cmsc all, patients": [*CMSC, "--positives", "patient", "--blocks", "all"],
    "cmsc two, patients": [*CMSC, "--positives", "patient", "--blocks", "two"],
    "nt_xent": [*CMSC, "--criterion", "nt_xent"],
    "nt_xent, patients": [*CMSC, "--criterion", "nt_xent", "--positives", "patient", "--nt-xent-negatives", "all"],
    "byol": [*BYOL, "--window-seconds", "4"],
    "byol, padded": [*BYOL, "--window-seconds", "12"],
    "swav": [*SWAV, "--window-seconds", "4"],
    "moco": [*MOCO, "--window-seconds", "4"],
    "moco, padded": [*MOCO, "--window-seconds", "12"],
    "mae": [*MAE, "--window-seconds", "4"],
    "mae, padded": [*MAE, "--window-seconds", "12"],
    "cpc": [*CPC, "--window-seconds", "2"],
    "cpc, padded": [*CPC, "--window-seconds", "12"],
    "w2v_cmsc": [*W2V, "--criterion", "w2v_cmsc", "--window-seconds", "12"],  # longer than the recordings: padded
    "arcface": [*ARCFACE, *RANDOM],
    "multilabel": ["--task", "ecg_classification", "--arch", "ecg_classifier", "--criterion", "multilabel", *RANDOM],
}
ENCODERS = {"ecg_cpc": CAUSAL, "ecg_mae": PATCHES}
SHARES = {"halves": (4, 4), "uneven": (5, 3), "one rank without a batch": (8, 0)}


def hide_alike(uniform, share, valid=None):
    """The same patches of every window, on whichever rank it is."""
    alike = torch.rand(uniform.shape[1], generator=torch.Generator().manual_seed(1))
    return hide_patches(alike.expand_as(uniform), share, valid)


masked_autoencoder.hide_patches = hide_alike


def parts(data, arguments):
    """Task, model and criterion of a case, dropout off."""
    parser = options.get_training_parser()
    parsed = options.parse_args_and_arch(parser, input_args=[data, *PLACE, *arguments])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cfg = convert_namespace_to_omegaconf(parsed)
    with open_dict(cfg):
        cfg.model.encoder = dict(ENCODERS.get(cfg.model._name, ENCODER))
    torch.manual_seed(1)
    task = tasks.setup_task(cfg.task)
    model = task.build_model(cfg.model)
    if getattr(model, "queue", None) is not None:
        model.queue.features.normal_()
        model.queue.written += 5  # so many of nine rows
    return task, model, task.build_criterion(cfg.criterion)


def step(task, model, criterion, indices):
    """Loss and gradients, divided by the sample size of all ranks."""
    batches = task.datasets["train"]
    batch = batches.collater(batches.__getitems__(indices))
    if "labels" in batch and not batch["empty"]:
        batch["labels"][batch["recording"] % 3 == 0, : 4 + len(batch["labels"][0]) // 2] = 2  # unknown, unevenly
    sample = task.prepare(batch, model, task.training_pipeline, "train", 0, 0)
    sample["net_input"]["generator"] = None  # no Gumbel noise
    model.train()
    model.zero_grad()
    loss, size, _ = criterion(model, sample)
    loss.backward()
    totals = torch.tensor([float(loss.detach()), float(size)], dtype=torch.float64)
    gradients = {
        name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in model.named_parameters()
    }
    if dist.is_initialized():
        for value in (totals, *gradients.values()):
            dist.all_reduce(value)
    return float(totals[0] / totals[1]), {name: value / float(totals[1]) for name, value in gradients.items()}


def main(data, out, port, world, rank):
    """All cases on this rank."""
    world, rank = int(world), int(rank)
    if world > 1:
        address = f"tcp://127.0.0.1:{port}"
        limit = timedelta(seconds=100)
        dist.init_process_group("gloo", init_method=address, world_size=world, rank=rank, timeout=limit)
    found = {}
    for case, arguments in CASES.items():
        task, model, criterion = parts(data, arguments)
        task.load_dataset("train", combine=True)
        for share, numbers in SHARES.items() if world > 1 else [("whole", (BATCH,))]:
            first = sum(numbers[:rank])
            found[case, share] = step(task, model, criterion, list(range(first, first + numbers[rank])))
        if world == 1:
            (one, some), (two, others) = (step(task, model, criterion, list(range(n, n + 4))) for n in (0, 4))
            found[case, "micro-batches"] = (one + two) / 2, {name: (some[name] + others[name]) / 2 for name in some}
    if rank == 0:
        torch.save(found, out)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
