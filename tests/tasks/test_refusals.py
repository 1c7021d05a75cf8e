import io
import os
import pickle
import zipfile
from types import SimpleNamespace

import pytest
import torch

from fairseq_signals.tasks.ecg_task import ECGTask
from fairseq_signals.tasks.refusals import refuse_torn_checkpoint


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
