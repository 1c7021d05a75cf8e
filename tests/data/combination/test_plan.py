from pathlib import Path

import pytest

from fairseq_signals.data.combination.plan import Combination, Part, part_of_text, read_plan


def test_a_source_is_a_folder_and_choices():
    assert part_of_text("data/ptbxl") == Part(Path("data/ptbxl"), "ptbxl")
    assert part_of_text("data/cinc2021/:share=0.5,weight=2,without=ptb-xl+ptb,pairs=yes,name=c,namespace=x") == Part(
        Path("data/cinc2021"), "c", 0.5, 2.0, ("ptb-xl", "ptb"), "x", True
    )
    assert part_of_text("a:share=0.5:weight=2") == part_of_text("a:share=0.5,weight=2")


def test_a_folder_may_hold_colons_and_commas():
    assert part_of_text("disk:2/a,b/ptbxl:share=0.5").folder == Path("disk:2/a,b/ptbxl")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:shares=0.5", "keys must be among folder, name, share, .*, got shares"),
        ("a:share=half", "share must be a number, got 'half'"),
        ("a:share=1.5", "share must be 0 to 1, got 1.5"),
        ("a:share=nan", "share must be 0 to 1, got nan"),
        ("a:weight=0", "weight must be positive, got 0"),
        ("a:pairs=maybe", "pairs must be yes or no, got 'maybe'"),
        ("a:whole=maybe", "whole must be yes or no, got 'maybe'"),
        ("a:whole=yes,pairs=yes", "pairs must be left out of a source that is trained on whole, got pairs=yes"),
        ("my data", "name of a source must be letters, digits, - and _, got 'my data'"),
        (":share=0.5", "source must have a folder"),
    ],
)
def test_what_a_source_cannot_be(text, message):
    with pytest.raises(ValueError, match=message):
        part_of_text(text)


def test_names_differ_and_there_is_a_source():
    with pytest.raises(ValueError, match="sources must differ in name, got x, x"):
        Combination((part_of_text("a/x"), part_of_text("b/x")))
    with pytest.raises(ValueError, match="at least one prepared folder"):
        Combination(())
    with pytest.raises(ValueError, match="on_leak must be one of error, drop-from-training"):
        Combination((part_of_text("a"),), on_leak="ignore")


PLAN = """
sources:
  - data/ptbxl
  - {folder: data/cinc2021, share: 0.5, without: [ptb-xl], pairs: true}
rate: 500
classes: [270492004, AF]
translate: [ptbxl]
exclude: [data/ptbxl/test.tsv]
on_leak: drop-from-training
"""


def test_a_yaml_file_says_the_same_as_the_command_line(tmp_path):
    (tmp_path / "plan.yaml").write_text(PLAN)
    parts = (part_of_text("data/ptbxl"), part_of_text("data/cinc2021:share=0.5,without=ptb-xl,pairs=yes"))
    assert read_plan(tmp_path / "plan.yaml") == Combination(
        parts, 500.0, "270492004,AF", ("ptbxl",), (Path("data/ptbxl/test.tsv"),), on_leak="drop-from-training"
    )


def test_what_is_trained_on_whole_and_what_must_be_apart_stand_in_it_too(tmp_path):
    told = "sources: [{folder: data/code_test, whole: yes}, data/ptbxl]\napart_from: [data/georgia]\n"
    (tmp_path / "plan.yaml").write_text(told)
    parts = part_of_text("data/code_test:whole=yes"), part_of_text("data/ptbxl:whole=no")
    assert [part.whole for part in parts] == [True, False]
    assert read_plan(tmp_path / "plan.yaml") == Combination(parts, apart_from=(Path("data/georgia"),))
    (tmp_path / "plan.yaml").write_text(told.replace("[data/georgia]", "data/georgia"))
    with pytest.raises(ValueError, match="apart_from must be a list, got 'data/georgia'"):
        read_plan(tmp_path / "plan.yaml")


def test_a_single_code_of_digits_is_a_class(tmp_path):
    (tmp_path / "plan.yaml").write_text("sources: [data/ptbxl]\nclasses: 270492004\n")
    assert read_plan(tmp_path / "plan.yaml").classes == "270492004"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rate: 500", "rates: 500", "keys must be among rate, classes, .*, got rates"),
        ("share: 0.5", "shares: 0.5", "got shares .*plan.yaml, source 2"),
        ("rate: 500", "rate: fast", "rate must be a number, got 'fast'"),
        ("exclude: [data/ptbxl/test.tsv]", "exclude: data/ptbxl/test.tsv", "exclude must be a list"),
        ("sources:", "parts:", "list of sources"),
        ("rate: 500", "rate: [", "plan must be yaml"),
        ("rate: 500", "seed: one", "seed must be a whole number, got 'one'"),
        ("rate: 500", "allow_uncalibrated: 'no'", "allow_uncalibrated must be true or false, got 'no'"),
    ],
)
def test_a_slip_in_the_file_is_named(tmp_path, old, new, message):
    (tmp_path / "plan.yaml").write_text(PLAN.replace(old, new))
    with pytest.raises(ValueError, match=message):
        read_plan(tmp_path / "plan.yaml")
