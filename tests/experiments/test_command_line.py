"""What the command line makes of its arguments, and what a launcher's failing jobs stop."""

import re
from pathlib import Path

import pytest

from fairseq_signals.experiments import launch as launching
from fairseq_signals.experiments.arguments import chosen, dest_of, parser
from fairseq_signals.experiments.launch import launch
from fairseq_signals.experiments.plan import jobs_of
from fairseq_signals.experiments.run import Place
from fairseq_signals.experiments.state import State


@pytest.fixture
def choose(write_study):
    def of(*arguments: str):
        return chosen(parser().parse_args(["run", str(write_study()), *arguments]))

    return of


def test_what_is_given_twice_is_given_both_times(choose):
    study, cells = choose(
        *("--finetuning", "a.b=1", "c.d=2", "--finetuning", "e.f=3", "--rows", "cmsc", "--rows", "spectrum,cmsc"),
        *("--seeds", "1,1"),
    )
    assert study.typed["finetuning"] == ("a.b=1", "c.d=2", "e.f=3")
    assert {cell.row for cell in cells} == {"cmsc", "spectrum"} and {cell.seed for cell in cells} == {1}
    assert len({(cell.table, cell.job.name) for cell in cells}) == len(cells)


def test_what_is_typed_holds_for_every_training(write_study):
    path = write_study(**{"metric: rank1": "metric: rank1, settings: [dataset.batch_size=4]"})
    typed = ["--finetuning", "dataset.batch_size=8", "--pretraining", "optimization.max_update=5"]
    jobs = jobs_of(chosen(parser().parse_args(["run", str(path), *typed]))[1])
    for job in jobs:
        words = [text for text in job.settings if text.startswith(("dataset.batch_size", "optimization.max_update"))]
        assert words[-1] == ("dataset.batch_size=8" if job.task else "optimization.max_update=5")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--finetuning", "++task.leads=1"), "task.leads to the study, where it tells diagnosis/cmsc/P-2 from"),
        (
            ("--finetuning", "start=pretrained", "--rows", "random_init"),
            "start to the study, .* diagnosis/random_init/12",
        ),
        (("--pretraining", "task.leads=1", "--tables", "own"), "task.leads to the study, .* pretraining/cmsc/2/seed1"),
        (
            ("--finetuning", "optimization.lr=[0.3]"),
            "optimization.lr to the study, where it tells identification/cmsc/12",
        ),
    ],
)
def test_a_typed_setting_that_tells_trainings_apart_is_refused(write_study, words, message):
    path = write_study(**{"metric: rank1": "metric: rank1, sweep: {optimization.lr: ['[0.1]', '[0.2]']}"})
    with pytest.raises(
        ValueError, match=f"{words[0]} must leave {message}.*got {re.escape(repr(words[1]))}; write a study"
    ):
        chosen(parser().parse_args(["run", str(path), *(() if "--rows" in words else ("--rows", "cmsc")), *words]))


def test_a_typed_setting_is_held_against_the_chosen_trainings_alone(choose):
    _, cells = choose(
        "--finetuning", "start=pretrained", "--pretraining", "task.leads=2", "--tables", "padded", "--rows", "cmsc"
    )
    assert {cell.row for cell in cells} == {"cmsc"}


def test_data_is_for_a_stage_or_for_all_and_may_be_called_anything(choose, tmp_path):
    study, _ = choose("--data", "diagnosis=x/y=z")
    assert study.data == {"pretraining": "data/a", "diagnosis": "x/y=z", "identification": "data/c"}
    folder = tmp_path / "a=b"
    folder.mkdir()
    assert set(choose("--data", str(folder))[0].data.values()) == {str(folder)}
    assert set(choose("--data", "elsewhere")[0].data.values()) == {"elsewhere"}
    with pytest.raises(ValueError, match=r"stage of --data must be one of pretraining, diagnosis, .* got 'diagnosos'"):
        choose("--data", "diagnosos=x")


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("--at-once", "0", "argument --at-once: must be 1 or more, got 0"),
        ("--at-once", "two", "argument --at-once: must be a whole number, got 'two'"),
        ("--seeds", "1,x", "argument --seeds: must be a whole number, got 'x'"),
    ],
)
def test_what_is_no_number_of_anything_is_refused(choose, capsys, option, text, message):
    with pytest.raises(SystemExit):
        choose(option, text)
    assert message in capsys.readouterr().err


def test_trainings_go_where_is_said_or_into_the_folder_of_their_recipes(write_study):
    for words, folder in ((["--dest", "here"], "here"), ([], "runs/oh2022")):
        options = parser().parse_args(["list", str(write_study()), *words])
        assert dest_of(options, chosen(options)[0]) == Path(folder)


def test_a_launched_pretraining_that_fails_stops_only_what_starts_from_it(choose, tmp_path, monkeypatch, capsys):
    jobs = jobs_of(choose("--tables", "own")[1])
    place, sent = Place(tmp_path), []
    dead = "pretraining/cmsc/2/seed1"

    def node(words):
        names = [job.name for job in jobs if f"'{job.name}'" in words[-1]]
        sent.append(names)
        for job in (job for job in jobs if job.name in names and job.name != dead):
            state = State(job, tmp_path)
            state.begin(overwrite=False)
            state.finish_training({"seconds": 1})
            if job.task:
                state.metrics("test").write_text("{}")

    monkeypatch.setattr(launching.subprocess, "run", node)
    assert launch(jobs, place, [], "basic", []) == 1
    assert len(sent) == 2 and len(sent[1]) == 3 and "diagnosis/cmsc/2/seed1" not in sent[1]
    out = capsys.readouterr().out
    assert "6 trained or scored, 0 done before, 2 failed" in out and f"{dead}: see" in out
    dead = ""
    assert launch(jobs, place, [], "basic", []) == 0
    assert sent[2:] == [["pretraining/cmsc/2/seed1"], ["diagnosis/cmsc/2/seed1"]]  # what is done is not sent
