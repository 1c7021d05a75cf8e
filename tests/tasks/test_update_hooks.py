"""What models keep beside their parameters moves with updates that succeed, and forgets those that were skipped."""

from types import SimpleNamespace

import pytest
import torch
from fairseq.trainer import Trainer

from fairseq_signals.tasks.ecg_task import ECGTask

METHOD = ["--task", "ecg_pretraining", "--views", "augment", "--window-seconds", "2.5", "--encoder", "wav2vec2_tiny"]
METHOD += ["--projection-hidden", 16, "--projection-dim", 8, "--batch-size", 4, "--max-update", 10]
METHOD += ["--optimizer", "adam", "--lr", "0.001", "--train-subset", "pretrain", "--valid-subset", "valid"]
HALF = ["--fp16", "--fp16-no-flatten-grads", "--fp16-init-scale", 4]
SWAV = ["--arch", "ecg_swav", "--criterion", "swav", "--prototypes", 7, "--queue-size", 40]
BYOL = ["--arch", "ecg_byol", "--criterion", "byol"]


class Loop:
    """fairseq's trainer over batches of two micro-batches; an update can be made to overflow."""

    def __init__(self, parts):
        self.cfg, self.task, self.model, criterion = parts
        self.task.load_dataset("pretrain", combine=True)
        self.batches, self.overflow = self.task.datasets["pretrain"], False
        forward = criterion.forward
        criterion.forward = lambda model, sample, reduce=True: self._spoiled(*forward(model, sample, reduce))
        self.trainer = Trainer(self.cfg, self.task, self.model, criterion)

    def _spoiled(self, loss, size, logs):
        return loss * (float("inf") if self.overflow else 1), size, logs

    def update(self, number, overflow=False):
        self.overflow = overflow
        rows = [[8 * number + n for n in range(first, first + 4)] for first in (0, 4)]
        self.trainer.train_step([self.batches.collater(self.batches.__getitems__(indices)) for indices in rows])
        return self.trainer.get_num_updates()


@pytest.fixture
def loop(fairseq_parts, ecg_data, arguments, monkeypatch):
    # After an overflow fairseq's trainer makes a zero on the GPU, whether there is one or not.
    monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor: tensor)
    return lambda *more: Loop(fairseq_parts(ecg_data, *arguments["place"], *METHOD, *more))


def test_the_queue_takes_all_micro_batches_of_an_update_and_nothing_of_a_skipped_one(loop):
    run, clean = loop(*SWAV, *HALF), loop(*SWAV, *HALF)
    queue = run.model.queue
    assert (run.update(0), int(queue.written)) == (1, 8)
    assert next(run.model.encoder.parameters()).dtype == torch.float16 and queue.features.dtype == torch.float32
    before = {name: value.clone() for name, value in queue.state_dict().items()}
    assert (run.update(1, overflow=True), int(queue.written)) == (1, 8)
    assert all(torch.equal(value, before[name]) for name, value in queue.state_dict().items())
    assert (run.update(2), int(queue.written)) == (2, 16)
    clean.update(0)
    assert torch.equal(clean.model.queue.features[:8], queue.features[:8])
    assert queue.features[:16].norm(dim=2).sub(1).abs().max() < 1e-3 and not queue.features[16:].any()


def test_a_copy_stands_still_where_an_update_was_skipped_and_is_never_optimised(loop):
    run = loop(*BYOL, *HALF, "--momentum-start", "0.5")
    copy = run.model.target_project.module

    def state():
        return [p.clone() for p in copy.parameters()]

    start, online = state(), [p.clone().float() for p in run.model.project.parameters()]
    run.update(0)
    moved = state()
    for old, first, now, later in zip(start, online, moved, run.model.project.parameters(), strict=True):
        torch.testing.assert_close(first, old, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(now, (old + later.float()) / 2)
    assert run.update(1, overflow=True) == 1
    assert all(map(torch.equal, moved, state()))
    copies = {id(p) for part in (run.model.target_encoder, run.model.target_project) for p in part.parameters()}
    optimised = {id(p) for group in run.trainer.optimizer.param_groups for p in group["params"]}
    assert copies and not copies & (optimised | {id(p) for p in run.trainer.optimizer.fp16_params})


def test_without_half_precision_the_queue_takes_every_update(loop):
    run = loop(*SWAV)
    assert [(run.update(number), int(run.model.queue.written)) for number in range(3)] == [(1, 8), (2, 16), (3, 24)]


@pytest.mark.parametrize(("scales", "moves"), [((8.0, 8.0), 1), ((8.0, 16.0), 1), ((8.0, 4.0), 0)])
def test_amp_lowers_its_scale_where_it_leaves_out_a_step(scales, moves):
    calls, left = [], iter(scales)
    optimizer = SimpleNamespace(step=lambda: None, scaler=SimpleNamespace(get_scale=lambda: next(left)))
    model = SimpleNamespace(after_update=calls.append)
    object.__new__(ECGTask).optimizer_step(optimizer, model, 3)
    assert calls == [3] * moves
