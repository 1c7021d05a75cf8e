import io
import logging
import os
import pickle
import random
import zipfile

import pytest
import torch
from torch import nn

from fairseq_signals.modules.checkpoint import best_score, is_whole, load_part, newest_whole, read_checkpoint

TENSOR = torch.arange(5000.0)


class Hostile:
    """Makes a folder when it is unpickled by a loader that runs what a file says."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


def _state():
    return {"model": {"encoder.weight": TENSOR.clone()}, "cfg": {"model": {"encoder": {"_name": "x"}}}}


def _saved(path, state=None):
    torch.save(state or _state(), path)
    return path


def test_a_whole_checkpoint_is_read_as_it_was_written(tmp_path):
    path = _saved(tmp_path / "a.pt")
    assert is_whole(path)
    state = read_checkpoint(path)
    assert torch.equal(state["model"]["encoder.weight"], TENSOR) and state["cfg"] == _state()["cfg"]


def test_cut_anywhere_it_is_torn(tmp_path):
    whole, path = _saved(tmp_path / "a.pt").read_bytes(), tmp_path / "torn.pt"
    generator = random.Random(0)
    for size in [0, 1, 100, len(whole) - 1, *(generator.randrange(len(whole)) for _ in range(30))]:
        path.write_bytes(whole[:size])
        assert not is_whole(path)
        with pytest.raises(ValueError, match=r"checkpoint must be a whole file, got a torn, damaged .* at .*torn.pt"):
            read_checkpoint(path)


def test_a_flipped_bit_is_noticed_or_harmless_anywhere(tmp_path):
    whole, path = _saved(tmp_path / "a.pt").read_bytes(), tmp_path / "b.pt"
    generator, refused = random.Random(1), 0
    for number in range(300):
        place = (generator.randrange(len(whole)), generator.randrange(1500), -generator.randrange(1, 1500))[number % 3]
        damaged = bytearray(whole)
        damaged[place] ^= 1 << generator.randrange(8)
        path.write_bytes(damaged)
        try:
            assert torch.equal(read_checkpoint(path)["model"]["encoder.weight"], TENSOR)
        except ValueError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 200


def test_pytorch_alone_would_load_a_flipped_bit(tmp_path):
    # The reason for comparing checksums; if this fails, PyTorch has learnt to.
    whole = bytearray(_saved(tmp_path / "a.pt").read_bytes())
    whole[bytes(whole).index(TENSOR.numpy().tobytes()) + 4003] ^= 1
    (tmp_path / "a.pt").write_bytes(whole)
    assert not torch.equal(torch.load(tmp_path / "a.pt")["model"]["encoder.weight"], TENSOR)
    assert not is_whole(tmp_path / "a.pt")


def test_code_in_a_pickle_is_never_run(tmp_path):
    made = tmp_path / "made"
    zipped = _saved(tmp_path / "zipped.pt", {**_state(), "extra": Hostile(made)})
    plain = tmp_path / "plain.pt"
    plain.write_bytes(pickle.dumps({**_state(), "extra": Hostile(made)}))
    legacy = tmp_path / "legacy.pt"
    torch.save({**_state(), "extra": Hostile(made)}, legacy, _use_new_zipfile_serialization=False)
    with pytest.raises(
        ValueError, match=r"tensors and plain containers only, but .*zipped.pt holds objects that would run"
    ):
        read_checkpoint(zipped)
    for path in (plain, legacy):
        with pytest.raises(ValueError, match="must be a whole file, got a torn, damaged or foreign one"):
            read_checkpoint(path)
    assert not made.exists()
    torch.load(zipped, weights_only=False)
    assert made.exists(), "the code must be live, or this test shows nothing"


@pytest.mark.parametrize(
    "state",
    [
        {"model": {}, "cfg": None},
        {"model": {}},
        {"cfg": {"model": {"encoder": {}}}},
        {"cfg": {"model": {"_name": "wav2vec2"}}, "model": {}},
        {"cfg": {"model": {"encoder": {}}}, "model": [1]},
        [1, 2],
        TENSOR,
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path, state):
    torch.save(state, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"must come from a model of fairseq-signals, .*other.pt"):
        read_checkpoint(tmp_path / "other.pt")


def test_files_that_are_no_checkpoints_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "archive.pt", "w") as archive:
        archive.writestr("a.txt", "hello")
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(ValueError, match=r"must be written by PyTorch, got a foreign archive at .*archive.pt"):
        read_checkpoint(tmp_path / "archive.pt")
    with pytest.raises(ValueError, match=r"must be a whole file, got a .* foreign one at .*text.pt"):
        read_checkpoint(tmp_path / "text.pt")
    for path in (tmp_path / "none.pt", tmp_path):
        with pytest.raises(FileNotFoundError, match="checkpoint must be a file, got none at"):
            read_checkpoint(path)
    assert not is_whole(tmp_path / "none.pt")


def test_newest_whole_passes_over_torn_ones(tmp_path):
    assert newest_whole(tmp_path) is None
    for second, name in enumerate(("b.pt", "a.pt", "torn.pt")):
        _saved(tmp_path / name)
        os.utime(tmp_path / name, (1000 + second, 1000 + second))
    assert newest_whole(tmp_path) == tmp_path / "torn.pt"
    (tmp_path / "torn.pt").write_bytes((tmp_path / "a.pt").read_bytes()[:-5])
    assert newest_whole(tmp_path) == tmp_path / "a.pt"
    (tmp_path / "a.pt").write_bytes(b"")
    assert newest_whole(tmp_path) == tmp_path / "b.pt"


def test_a_part_takes_the_tensors_of_its_prefix_and_says_how_many(caplog):
    part, source = nn.Linear(3, 2), nn.Linear(3, 2)
    state = {f"encoder.{name}": value for name, value in source.state_dict().items()}
    state |= {"encoders.weight": torch.zeros(1), "head.weight": torch.zeros(1)}
    with caplog.at_level(logging.INFO):
        assert load_part(part, state, "encoder", "some.pt") == 2
    assert torch.equal(part.weight, source.weight) and torch.equal(part.bias, source.bias)
    assert "loaded 2 tensors (8 numbers) from some.pt into Linear" in caplog.text


def test_everything_that_does_not_fit_is_named_and_nothing_is_loaded():
    part = nn.Linear(3, 2)
    before = part.weight.clone()
    state = {"encoder.weight": torch.zeros(2, 4), "encoder.scale": torch.zeros(1)}
    message = r"weights in some.pt must fit Linear exactly, but of 2 tensors 3 do not: encoder.bias is missing; "
    message += r"encoder.scale is not expected; encoder.weight must have shape \[2, 3\], got \[2, 4\]"
    with pytest.raises(ValueError, match=message):
        load_part(part, state, "encoder", "some.pt")
    with pytest.raises(ValueError, match=r"encoder\.weight is missing"):
        load_part(part, {"encoder.bias": torch.ones(2)}, "encoder", "some.pt")
    assert torch.equal(part.weight, before) and not torch.equal(part.bias, torch.ones(2))


def test_reading_does_not_depend_on_where_the_tensors_were(tmp_path):
    buffer = io.BytesIO()
    torch.save(_state(), buffer)
    (tmp_path / "a.pt").write_bytes(buffer.getvalue())
    assert read_checkpoint(tmp_path / "a.pt")["model"]["encoder.weight"].device.type == "cpu"


def test_the_best_score_is_what_the_training_kept(tmp_path):
    state = _state()
    assert best_score(_saved(tmp_path / "a.pt", state)) is None
    state["extra_state"] = {"best": 0.125, "val_loss": 0.5}
    assert best_score(_saved(tmp_path / "b.pt", state)) == 0.125
