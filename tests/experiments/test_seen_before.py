"""What a model has seen is found along the checkpoints that it started from, and people by source and name."""

import pytest
import torch

from fairseq_signals.data.card import write_card
from fairseq_signals.experiments.held_out_rows import Rows
from fairseq_signals.experiments.seen_before import Seen, in_common, remarks_on, seen_by

HEADER = "id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels\twaveform"


def prepared(folder, source, **lists):
    """A folder whose manifests hold `id:patient:waveform`."""
    folder.mkdir()
    for name, rows in lists.items():
        cells = [row.split(":") for row in rows.split()]
        lines = [f"{one}\ts:0\t0\t9\t100\t12\t{patient}\t\t{digest}" for one, patient, digest in cells]
        (folder / f"{name}.tsv").write_text("\n".join([HEADER, *lines]) + "\n")
    card = {"source": source, "version": "1", "counts": {}, "classes": [], "unannotated": [], "rate": 100, "split": "-"}
    write_card(folder, card, [])
    return folder


def checkpoint(path, data, train="train", pretrained="random", kind="ecg_classifier"):
    cfg = {
        "model": {"_name": kind, "encoder": {}, "pretrained": str(pretrained)},
        "task": {"data": str(data)},
        "dataset": {"train_subset": train, "valid_subset": "valid"},
    }
    torch.save({"cfg": cfg, "model": {}}, path)
    return path


@pytest.fixture
def world(tmp_path):
    lists = {"train": "a:p1:w1 b:p2:w2", "valid": "c:p3:w3", "pretrain": "u:p9:w9"}
    one = prepared(tmp_path / "one", "Hospital 1", **lists, capitals="A:P1:y1 B:P9:y2 C:p4:y3")
    lists = {"test": "a:p1:x1 d:p2:x2", "copy": "e:p7:w2 f:p8:x9", "pre": "g:q1:w9 h:q2:x7", "other": "i:q3:x4"}
    two = prepared(tmp_path / "two", "Hospital 2", **lists)
    first = checkpoint(tmp_path / "first.pt", one, "pretrain", kind="ecg_moco")
    return one, two, checkpoint(tmp_path / "second.pt", one, pretrained=first)


def test_every_step_of_the_training_is_named(world):
    one, _, model = world
    assert seen_by(model) == [
        Seen("training", one / "train.tsv"),
        Seen("validation", one / "valid.tsv"),
        Seen("pre-training", one / "pretrain.tsv"),
    ]


def test_whom_an_earlier_training_with_labels_saw_is_refused_as_well(world, tmp_path):
    one, two, model = world
    later = checkpoint(tmp_path / "later.pt", two, "other", pretrained=model)
    steps = [(seen.step, seen.path.parent.name, seen.path.stem) for seen in seen_by(later)]
    assert steps == [
        ("training", "two", "other"),
        ("validation", "two", "valid"),
        ("training", "one", "train"),
        ("validation", "one", "valid"),
        ("pre-training", "one", "pretrain"),
    ]
    with pytest.raises(ValueError, match="not trained on, but 2 of 2 recordings are of its training"):
        remarks_on(one / "train.tsv", seen_by(later))


def test_the_same_names_at_two_hospitals_are_other_people(world):
    _, two, model = world
    assert remarks_on(two / "test.tsv", seen_by(model)) == [
        "people not compared by name with its training, validation, pre-training: sources hospital2 here, hospital1 "
        "there; 2 of 2 patients bear a name that occurs there"
    ]
    (said,) = remarks_on(two / "other.tsv", seen_by(model))
    assert said.endswith("hospital1 there; no name occurs on both sides")


def test_names_that_differ_in_capitals_alone_are_told(world):
    one, _, model = world
    (said,) = remarks_on(one / "capitals.tsv", seen_by(model))
    assert said == (
        "compared by name with its training, pre-training: 2 of 3 patients bear a name that occurs there, but for "
        "small and capital letters"
    )


def test_a_copy_of_a_recording_is_found_under_any_name(world):
    one, two, model = world
    told = in_common(Rows(two / "copy.tsv"), Seen("training", one / "train.tsv"))
    assert told == "1 of 2 recordings are of its training (1 by waveform), such as e"
    with pytest.raises(ValueError, match=r"whom the model was not trained on, but 1 of 2 .*--allow-seen"):
        remarks_on(two / "copy.tsv", seen_by(model))
    assert remarks_on(two / "copy.tsv", seen_by(model), allowed=True)[0] == f"NOT INDEPENDENT: {told}"


def test_patients_of_validation_and_pre_training_are_marked(world):
    one, two, model = world
    (said,) = remarks_on(one / "valid.tsv", seen_by(model))
    assert said.startswith("NOT INDEPENDENT: 1 of 1 recordings are of its validation (1 by id, 1 by waveform, 1 by")
    said, _ = remarks_on(two / "pre.tsv", seen_by(model))
    assert said.startswith("NOT INDEPENDENT: 1 of 2 recordings are of its pre-training (1 by waveform), such as g")


def test_what_is_no_longer_there_is_said(world, tmp_path):
    one, two, _ = world
    lost = checkpoint(tmp_path / "lost.pt", one, "gone", pretrained=tmp_path / "nowhere.pt")
    said = remarks_on(two / "test.tsv", seen_by(lost))
    assert len(said) == 3 and all(line.startswith("NOT CHECKED against its ") for line in said[:2])
    assert "by name with its validation:" in said[2], "with that which is there"
    assert "gone.tsv" in said[0] and "nowhere.pt" in said[1]


def test_weights_that_saw_images_alone_end_the_list(world, tmp_path):
    one, two, _ = world
    images = tmp_path / "images.pt"
    torch.save(
        {"cfg": {"model": {"_name": "vit_from_imagenet", "encoder": {}}, "task": {"rate": 500.0}}, "model": {}}, images
    )
    model = checkpoint(tmp_path / "tuned.pt", one, pretrained=images)
    assert [seen.step for seen in seen_by(model)] == ["training", "validation"]
    (said,) = remarks_on(two / "test.tsv", seen_by(model))
    assert said.startswith("people not compared by name with its training, validation:")
