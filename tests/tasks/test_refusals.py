import io
import os
import pickle
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from hydra.types import RunMode
from omegaconf import OmegaConf
from torch import nn

from fairseq_signals.tasks import refusals
from fairseq_signals.tasks.ecg_task import ECGTask
from fairseq_signals.tasks.refusals import (
    refuse_decay_of_frozen,
    refuse_torn_checkpoint,
    refuse_useless_groups,
)


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_checkpoint_to_restore_that_would_run_code_is_refused_before_fairseq_opens_it(tmp_path):
    evil = tmp_path / "evil.pt"
    torch.save({"model": Harmful(tmp_path / "ran")}, evil)
    with pytest.raises(ValueError, match=r"tensors and plain containers only.*evil\.pt"):
        refuse_torn_checkpoint(tmp_path / "run", str(evil))
    assert not (tmp_path / "ran").exists()
    torch.load(evil, weights_only=False)  # the file does what it was made for
    assert (tmp_path / "ran").exists()


def test_a_torn_file_names_the_newest_whole_one(tmp_path):
    def whole(name, modified):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("data.pkl", pickle.dumps({}))
        os.utime(tmp_path / name, (modified, modified))

    whole("checkpoint_1_10.pt", 10), whole("checkpoint_1_20.pt", 20), whole("checkpoint_1_5.pt", 30)
    content = (tmp_path / "checkpoint_1_20.pt").read_bytes()
    (tmp_path / "checkpoint_last.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"cut short.*checkpoint_last\.pt\): delete it.*--restore-file .*_1_5\.pt"):
        refuse_torn_checkpoint(tmp_path, "checkpoint_last.pt")


def test_nothing_to_restore_is_no_reason_to_stop(tmp_path):
    refuse_torn_checkpoint(tmp_path, "checkpoint_last.pt")
    refuse_torn_checkpoint(tmp_path, "x.pt")


def test_what_a_model_keeps_beside_its_parameters_moves_once_after_each_step():
    happened = io.StringIO()
    optimizer = SimpleNamespace(step=lambda: happened.write("step "))
    model = SimpleNamespace(after_update=lambda update: happened.write(f"copy {update} "))
    task = object.__new__(ECGTask)
    for update in (0, 1):
        task.optimizer_step(optimizer, model, update)
    assert happened.getvalue() == "step copy 0 step copy 1 "


GROUP = {"lr_float": 1e-3, "optimizer": {"_name": "adam"}, "lr_scheduler": {"_name": "fixed"}}
LAYERED = {"_name": "composite", "groups": {name: GROUP for name in ("stem", "body", "head", "default")}}


def configuration(optimizer=LAYERED, schedule="pass_through", freeze_updates=0, **common):
    sections = {"optimizer": optimizer, "lr_scheduler": {"_name": schedule}, "common": {"fp16": False, **common}}
    return OmegaConf.create({**sections, "model": {"freeze_updates": freeze_updates}})


def without(*names, **changes):
    kept = {name: {**GROUP, **changes} for name in LAYERED["groups"] if name not in names}
    return {"_name": "composite", "groups": kept}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"schedule": "fixed"}, "lr_scheduler must be pass_through .*, got fixed"),
        ({"fp16": True}, "common.fp16_no_flatten_grads must be true for the optimizer composite under fp16, got false"),
        ({"fp16": True, "fp16_no_flatten_grads": True, "memory_efficient_fp16": True}, "precision must be fp32, bf16"),
        ({"bf16": True, "memory_efficient_bf16": True}, "precision must be fp32, bf16, or fp16 with"),
        ({"amp": True}, "precision must be fp32, bf16, or fp16 with"),
        ({"optimizer": without("stem", "default")}, r"must be stem, body, head \(.*got none named stem, default"),
        ({"optimizer": without("default"), "freeze_updates": -1}, "got none named default"),
        ({"optimizer": without(lr_float=None)}, "group stem .* must have lr_float, optimizer and lr_scheduler"),
        ({"optimizer": without(lr_scheduler=None)}, "group stem .* must have lr_float, optimizer and lr_scheduler"),
    ],
)
def test_rates_by_group_that_would_not_hold_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        refuse_useless_groups(configuration(**settings))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"bf16": True},
        {"fp16": True, "fp16_no_flatten_grads": True},
        {"optimizer": without("stem", "body", "head"), "freeze_updates": -1},
        {"optimizer": without(lr_float=None, optimizer={"_name": "adam", "lr": [1e-3]})},
        {"optimizer": {"_name": "adam"}, "schedule": "fixed", "fp16": True},
    ],
)
def test_rates_by_group_that_hold_are_welcome(settings):
    refuse_useless_groups(configuration(**settings))


def test_decay_is_refused_where_a_flat_copy_would_shrink_a_frozen_encoder():
    encoder = nn.Linear(2, 2)
    model = SimpleNamespace(encoder=encoder, encoder_frozen=True)
    flat = SimpleNamespace(fp32_params={}, param_groups=[{"weight_decay": 0.0}, {"weight_decay": 0.1}])
    with pytest.raises(ValueError, match="weight decay must be 0 while the encoder is frozen under fp16 or bf16"):
        refuse_decay_of_frozen(flat, model)
    refuse_decay_of_frozen(SimpleNamespace(param_groups=flat.param_groups), model)  # no flat copy
    refuse_decay_of_frozen(SimpleNamespace(fp32_params={}, param_groups=[{"weight_decay": 0.0}]), model)
    encoder.requires_grad_(False)  # frozen for good: the optimiser has nothing of it
    refuse_decay_of_frozen(flat, model)


@pytest.mark.parametrize("mode", ["RUN", "MULTIRUN"])
def test_jobs_of_a_multirun_keep_their_checkpoints_in_folders_of_their_own(tmp_path, monkeypatch, mode):
    own = tmp_path / "sweep" / "1"
    told = SimpleNamespace(mode=RunMode[mode], runtime=SimpleNamespace(output_dir=str(own)))
    monkeypatch.setattr(refusals.HydraConfig, "initialized", lambda: True)
    monkeypatch.setattr(refusals.HydraConfig, "get", lambda: told)
    for folder in (own, own / "checkpoints"):
        refusals.refuse_shared_folder(folder)
    for folder in (Path("checkpoints"), tmp_path / "sweep" / "10"):
        if mode == "RUN":
            refusals.refuse_shared_folder(folder)
            continue
        with pytest.raises(
            ValueError, match=r"save_dir must lie in a multirun job's own folder .*sweep.1\), else jobs"
        ):
            refusals.refuse_shared_folder(folder)
