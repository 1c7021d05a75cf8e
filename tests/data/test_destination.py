import fcntl

import pytest

from fairseq_signals.data.card import write_card
from fairseq_signals.data.destination import begin, finish, held

CARD = {"source": "s", "version": None, "counts": {}, "classes": [], "unannotated": [], "rate": None, "split": "-"}


def _begin(dest, digest="plan", overwrite=False):
    with held(dest) as work:
        return begin(dest, work, digest, overwrite)


def _finished(dest, digest="plan"):
    with held(dest) as work:
        begin(dest, work, digest, False)
        (work / "shard-00000.json").write_text("{}")
        (dest / "train.tsv").write_text("rows")
        (dest / "store" / "shard-00000.npy").write_text("index")
        write_card(dest, CARD | {"preparation": digest}, ["train.tsv"])
        finish(work)


def _names(dest):
    return sorted(path.relative_to(dest).as_posix() for path in dest.rglob("*"))


def test_a_plan_is_remembered_until_the_card_is_there(tmp_path):
    dest = tmp_path / "deep" / "out"
    assert _begin(dest) is None and _begin(dest) is None
    with pytest.raises(ValueError, match="dest must be empty or hold the same preparation"):
        _begin(dest, "other plan")
    _finished(dest)
    assert _names(dest) == ["dataset.yaml", "store", "store/shard-00000.npy", "train.tsv"]
    assert _begin(dest)["preparation"] == "plan"
    with pytest.raises(ValueError, match="dest must be empty or hold the same preparation"):
        _begin(dest, "other plan")
    assert _names(dest) == ["dataset.yaml", "store", "store/shard-00000.npy", "train.tsv"]


def test_overwrite_discards_what_is_finished_or_another_plan_and_keeps_what_was_begun(tmp_path):
    for digest in ("plan", "other plan"):
        _finished(tmp_path / digest)
        assert _begin(tmp_path / digest, digest, overwrite=True) is None
        assert _names(tmp_path / digest) == [".preparation", ".preparation/lock", ".preparation/plan.json", "store"]
    (tmp_path / "plan" / ".preparation" / "shard-00000.json").write_text("{}")
    _begin(tmp_path / "plan", overwrite=True)
    assert (tmp_path / "plan" / ".preparation" / "shard-00000.json").exists()


def test_half_written_files_of_a_killed_run_are_removed(tmp_path):
    _begin(tmp_path)
    for place in (
        "train.tsv.host.77.partial",
        "store/shard-00000.i16.host.77.partial",
        ".preparation/shard-00000.json.host.77.partial",
    ):
        (tmp_path / place).write_text("half")
    assert _begin(tmp_path) is None
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["thesis.tex", "film.partial", "train.tsv"])
def test_what_no_preparation_left_is_never_touched(tmp_path, name, overwrite):
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=f"dest must be a folder of its own, got .*, which holds {name}"):
        _begin(tmp_path, overwrite=overwrite)
    assert _names(tmp_path) == [name]
    with pytest.raises(ValueError, match="dest must be a folder, got the file"):
        _begin(tmp_path / name, overwrite=overwrite)
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.parametrize("name", ["thesis.tex", "film.partial"])
def test_a_stranger_beside_a_finished_preparation_is_seen(tmp_path, name):
    _finished(tmp_path)
    (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=f"which holds {name}"):
        _begin(tmp_path, overwrite=True)
    assert (tmp_path / name).exists()


def test_killed_after_the_card_it_is_finished_and_can_be_overwritten(tmp_path):
    with held(tmp_path) as work:
        begin(tmp_path, work, "plan", False)
        (work / "shard-00000.json").write_text("{}")
        write_card(tmp_path, CARD | {"preparation": "plan"}, [])
    assert _begin(tmp_path)["preparation"] == "plan"
    assert _begin(tmp_path, overwrite=True) is None
    assert not (tmp_path / ".preparation" / "shard-00000.json").exists(), "everything is read anew"


def test_two_at_once_into_one_place_are_refused(tmp_path):
    with held(tmp_path), pytest.raises(ValueError, match=r"dest must be free, got .*, into which another process"):
        _begin(tmp_path)
    with open(tmp_path / "probe", "w") as file:  # the file system of the test does know locks
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
