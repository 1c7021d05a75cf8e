"""Folders of a few rows written by hand: what is shared is known, and the guard must see that and nothing else."""

import hashlib
import re
from contextlib import nullcontext

import pytest

from fairseq_signals.data.card import write_card
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.row import Row
from fairseq_signals.experiments.held_out import HELD_OUT, check_held_out, check_jobs
from fairseq_signals.experiments.plan import Selection, jobs_of, select_cells
from fairseq_signals.experiments.study_file import read_study

PAIRED = ("gallery", "probe", "valid_gallery", "valid_probe")


def _row(id, patient="", waveform=None, source=None):
    cells = {} if source is None else {"source": source}
    waveform = hashlib.blake2b(id.encode(), digest_size=8).hexdigest() if waveform is None else waveform
    return Row(id, "s:0", 0, 500, 100.0, STANDARD_LEADS, patient or id, extra={**cells, "waveform": waveform})


@pytest.fixture
def folder(tmp_path):
    """`folder(name, source, pretrain=[…], test=[…], …)`: a prepared folder, as far as the guard reads it."""

    def make(name, source="PTB-XL", card=None, drop=(), **lists):
        place = tmp_path / name
        place.mkdir()
        for subset, rows in lists.items():
            columns = [
                column for column in dict.fromkeys(key for row in rows for key in row.extra) if column not in drop
            ]
            write_manifest(place / f"{subset}.tsv", rows, columns)
        told = {"source": source, "version": None, "counts": {}, "classes": [], "unannotated": [], "rate": 100.0, "split": ""}  # fmt: skip  # noqa: E501
        write_card(place, told | (card or {}), [])
        return place

    return make


def _everything(**changes):
    """Lists that share nothing, of people 1 to 9 with two recordings each; the pairs are of the held-out people."""
    of = {n: [_row(f"{n}a", f"p{n}"), _row(f"{n}b", f"p{n}")] for n in range(1, 10)}
    lists = {"train": of[1] + of[2] + of[3], "pretrain": of[1] + of[2], "valid": of[4] + of[5], "test": of[6] + of[7]}
    lists |= {"gallery": [of[3][0], of[6][0]], "probe": [of[3][1], of[6][1]]}
    lists |= {"valid_gallery": [of[4][0]], "valid_probe": [of[4][1]]}
    return lists | changes


def test_one_folder_for_everything_passes_as_prepared(folder):
    data = folder("data", **_everything())
    check_held_out(data, {"diagnosis": data, "identification": data})
    check_held_out(data, {"diagnosis": data, "identification": data}, {"diagnosis": "test", "identification": "probe"})
    with pytest.raises(
        ValueError, match=r"data/gallery.tsv of identification: 2 recordings \(1 by id, 1 by waveform, 2"
    ):
        check_held_out(data, {"identification": data}, subset="train")


@pytest.mark.parametrize("subset", HELD_OUT)
@pytest.mark.parametrize("what", ["id", "waveform", "patient"])
def test_whatever_is_shared_with_whatever_list_is_refused(folder, subset, what):
    seen = folder("seen", **_everything())
    shared = {
        "id": _row("1a", "stranger", "f" * 16),
        "waveform": _row("x", "stranger", _row("1a").extra["waveform"].upper()),
        "patient": _row("x", "p1", "f" * 16),
    }[what]
    lists = {name: [_row(f"other{name}", f"other{name}")] for name in ("train", *HELD_OUT)}
    task = folder("task", **{**lists, subset: [*lists[subset], shared]})
    told = rf"got in common with \S*task/{subset}\.tsv of diagnosis: {'2' if what == 'patient' else '1'} recordings "
    told += rf"\({'2' if what == 'patient' else '1'} by {what}\), such as 1a.* \(\S*seen/pretrain\.tsv\)"
    with pytest.raises(ValueError, match=told):
        check_held_out(seen, {"diagnosis": task})
    for scored in ("test", "probe"):
        concerned = subset == "valid" or (subset in PAIRED) == (scored == "probe")
        with pytest.raises(ValueError, match=told) if concerned else nullcontext():
            check_held_out(seen, {"diagnosis": task}, {"diagnosis": scored})


def test_every_task_and_list_is_told_at_once_with_the_way_out(folder):
    seen = folder("seen", **_everything())
    one, two = (folder(name, test=[_row("1a", "p1")], valid=[_row("2b", "p2")]) for name in ("one", "two"))
    with pytest.raises(ValueError, match="must be in no list") as error:
        check_held_out(seen, {"first": one, "second": two})
    text = str(error.value)
    assert re.findall(r"(\w+)/(\w+)\.tsv of (\w+):", text) == [
        ("one", "valid", "first"), ("one", "test", "first"), ("two", "valid", "second"), ("two", "test", "second"),
    ]  # fmt: skip
    assert "\n" not in text and f"--source {seen}:pairs=yes --exclude {one}/valid.tsv {one}/test.tsv {two}" in text


def test_names_count_within_their_source_alone(folder):
    """Recording 1a of patient p1 of another source is a stranger; PTB-XL is one source however it is spelt."""
    seen = folder("seen", **_everything())
    other = folder("other", source="Elsewhere", test=[_row("1a", "p1", "f" * 16)])
    check_held_out(seen, {"diagnosis": other})
    column = folder("column", source="A mixture", test=[_row("1a", "p1", "f" * 16, source="ptb-xl")])
    with pytest.raises(ValueError, match=r"1 by id, 2 by patient"):
        check_held_out(seen, {"diagnosis": column})
    combined = folder("combined", source="A and B", card={"parts": []}, test=[_row("ward/1a", "ptbxl/p1", "f" * 16)])
    with pytest.raises(ValueError, match=r"1 by id, 2 by patient"):
        check_held_out(seen, {"diagnosis": combined})
    with pytest.raises(ValueError, match=r"such as ward/1a"):
        check_held_out(combined, {"diagnosis": seen}, {"diagnosis": "pretrain"}, subset="test")


def test_unknown_waveforms_are_not_the_same_waveform(folder):
    seen = folder("seen", pretrain=[_row("a", "p1", "")])
    check_held_out(seen, {"diagnosis": folder("task", test=[_row("b", "p2", "")])})


def test_what_cannot_be_compared_is_refused(folder):
    seen = folder("seen", **_everything())
    task = folder("without", test=[_row("x", "p99")], drop=("waveform",))
    with pytest.raises(ValueError, match=r"manifest must have the column waveform.*got none \(\S*without/test.tsv\)"):
        check_held_out(seen, {"diagnosis": task})
    (task / "dataset.yaml").unlink()
    with pytest.raises(ValueError, match=r"source of recordings must be told by dataset.yaml or a column source, got"):
        check_held_out(seen, {"diagnosis": task})
    unknown = folder("unknown", test=[_row("x"), _row("y")])
    with pytest.raises(
        ValueError, match=r"patients of ptbxl must be known wherever they occur, got patient ids in \S*se"
    ):
        check_held_out(seen, {"diagnosis": unknown})
    both = [_row("1", "2"), _row("2", "1")]  # patients whose names are, all of them, those of other recordings
    check_held_out(folder("numbers", pretrain=both), {"diagnosis": folder("others", test=[_row("3", "4")])})
    check_held_out(seen, {"diagnosis": folder("strangers", source="Elsewhere", test=[_row("x"), _row("y")])})
    with pytest.raises(FileNotFoundError, match=r"data of identification must have a manifest probe.tsv, got none in"):
        check_held_out(seen, {"identification": unknown}, {"identification": "probe"})
    with pytest.raises(FileNotFoundError, match=r"data of identification must have a manifest test.tsv, got none in"):
        check_held_out(seen, {"identification": folder("bare", train=[_row("x", "p99")])})
    with pytest.raises(FileNotFoundError, match=r"manifest must be a file, got none at \S*seen/elsewhere.tsv"):
        check_held_out(seen, {"diagnosis": seen}, subset="elsewhere")


def test_jobs_are_held_against_what_their_own_recipes_pretrain_on(folder, write_study):
    """Patient 3 is in train and, as a test pair, not in pretrain: only who pre-trains on train has seen it."""
    data = folder("data", **_everything())
    settings = {"data/a": str(data), "data/b": str(data), "data/c": str(data)}
    jobs = jobs_of(select_cells(read_study(write_study(**settings)), Selection(seeds=(1,))))
    assert any(job.parent for job in jobs) and any(job.descriptor for job in jobs)
    check_jobs(jobs)
    path = write_study(
        **settings, **{"pretraining: [size=tiny]": "pretraining: [size=tiny, dataset.train_subset=train]"}
    )
    jobs = jobs_of(select_cells(read_study(path), Selection(seeds=(1,))))
    with pytest.raises(
        ValueError, match=r"got in common with \S*/gallery.tsv of identification: 2 recordings.*/train.tsv"
    ):
        check_jobs(jobs)
    check_jobs([job for job in jobs if job.task and job.task.name == "diagnosis"])
    check_jobs([job for job in jobs if not job.parent])
