from pathlib import Path

import pytest

from fairseq_signals.experiments.study_file import read_study

RECIPES = Path(__file__).resolve().parents[2] / "examples" / "oh2022"


def test_a_study_names_its_recipes_and_what_its_cells_differ_in(write_study):
    study = read_study(write_study())
    assert (study.recipes / "cmsc.yaml").is_file()
    assert study.seeds == (1, 2)
    assert study.method("cmsc").recipe == "cmsc"
    assert study.method("random_init").recipe is None
    assert study.method("spectrum").descriptor == "log_spectrum" and study.method("spectrum").recipe is None
    assert study.columns["P-2"].finetuning == ("task.leads=2",)
    assert study.tables["padded"].rows == ("spectrum", "random_init", "cmsc")


def test_a_method_that_is_not_named_is_the_recipe_of_its_name(write_study):
    study = read_study(write_study())
    assert study.method("w2v").recipe == "w2v" and study.method("w2v").label == "w2v"
    with pytest.raises(ValueError, match=r"method must be one of .*cmsc.*, got 'w2w'"):
        study.method("w2w")


def test_what_extends_another_changes_only_what_it_says(write_study):
    write_study()
    path = write_study(
        """
        extends: study.yaml
        seeds: [7]
        tasks: {diagnosis: {metric: cinc_score}}
        """,
        name="more.yaml",
    )
    study = read_study(path)
    assert study.seeds == (7,)
    assert study.tasks["diagnosis"].metric == "cinc_score" and study.tasks["diagnosis"].subset == "test"
    assert study.tables.keys() == {"padded", "own"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("rows: [cmsc]", "rows: [cmcs]", "method must be one of .*got 'cmcs'"),
        ('columns: ["12", P-2]', "columns: [P-3]", "columns of padded must be among 12, P-2, 2, got 'P-3'"),
        ("tasks: [diagnosis]", "tasks: [prognosis]", "tasks of own must be among diagnosis, identification"),
        ('pretrained_on: "12"', "pretrained_on: x", "columns of P-2 must be among 12, P-2, 2, got 'x'"),
        ("seeds:", "pretraining_seed: one\nseeds:", "pretraining_seed must be .*got .'one'."),
        (
            "    tasks: [diagnosis]",
            "    tasks: [diagnosis]\n    spread: sd",
            "spread of own must be interval or deviation",
        ),
        ("label: CMSC", "label: CMSC, instead: {diagnosis: both}", "tasks of cmsc must be among .*got 'both'"),
        ("metric: rank1", "metric: rank1, follows: head", "tasks of identification must be among .*got 'head'"),
        (
            "metric: rank1",
            "metric: rank1, follows: identification",
            "task identification must follow a task .* does not follow it in turn, got 'identification'",
        ),
        ("metric: rank1", "metric: rank1, sweep: {optimization.lr: [1]}", "must be a list of texts .*got .1."),
        ("metric: rank1", "metric: rank1, sweep: {optimization.lr: [a, a]}", "must be a list of different values"),
        ("columns:\n", "  sweep: {label: S}\ncolumns:\n", "task sweep is incomplete"),
        ("seeds:", "sedes:", "a study must consist of .*got sedes"),
        ("label: CMSC", "labell: CMSC", "method cmsc must have only .*got labell"),
        (
            "columns:\n",
            "  b: {shares: c, metric: f1}\ncolumns:\n",
            "task b must share the trainings of a task .*got 'c'",
        ),
        (
            "columns:\n",
            "  b: {shares: diagnosis, metric: f1, recipe: w2v}\ncolumns:\n",
            "task b must have only label, metric and subset of its own, got recipe",
        ),
        ("label: CMSC", "label: CMSC, whiten: pretrain", "method cmsc must have a descriptor to whiten, got none"),
        ("diagnosis: 500", "diagnosis: long", "seconds of diagnosis must be a positive number of seconds, got 'long'"),
        ("subset: probe, ", "", "task identification is incomplete: .*subset"),
        ("seeds: [1, 2]", 'seeds: "12"', "seeds must be a list of different whole numbers, got '12'"),
        ("seeds: [1, 2]", "seeds: [1, 1]", r"different whole numbers, got \[1, 1\]"),
        ("seeds: [1, 2]", "seeds: [1.5]", r"different whole numbers, got \[1.5\]"),
        ('"12": {label', "12: {label", "names of columns must be texts .* got 12; a number needs quotes"),
        ('"2": {pretraining', "a/b: {pretraining", "names of columns must be texts of .* got 'a/b'"),
        ("cmsc: {label", "..: {label", "names of methods must be texts of .* got '..'"),
        ("rows: [cmsc]", "rows: cmsc", "rows of layout own must be a list of texts .*got 'cmsc'"),
        (
            "finetuning: [task.leads=2]}",
            "finetuning: task.leads=2}",
            "finetuning of column P-2 must be a list",
        ),
        ("rows: [cmsc]", "rows: [cmsc, cmsc]", "names in own must differ, got cmsc twice"),
        ('columns: ["12", "2"]', "columns: [12]", r"columns of layout own must be a list of texts .*got \[12\]"),
        ("label: 12-lead", "label: 12", "label of column 12 must be a text .*got 12"),
        ("  diagnosis: {label", "  pretraining: {label", "a task must not be named pretraining"),
        ("descriptor: log_spectrum", "descriptor: log_spectrum, recipe: w2v", "recipe or a descriptor, got both"),
        ("finetuning: [machine=cpu]", "fine: [machine=cpu]", "settings must be those of pretraining and finetuning"),
        ("diagnosis: data/b", "diagnosis: 12", "data of diagnosis must be a list of texts"),
    ],
)
def test_what_no_study_has_is_refused_by_name(write_study, old, new, message):
    with pytest.raises(ValueError, match=message):
        read_study(write_study(**{old: new}))


def test_what_is_no_study_is_refused(write_study, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"study must be a yaml file, got .*none\.yaml"):
        read_study(tmp_path / "none.yaml")
    with pytest.raises(ValueError, match="study must be a yaml mapping"):
        read_study(write_study("- a\n- b\n"))
    with pytest.raises(ValueError, match="study must be a readable yaml file"):
        read_study(write_study("a: [\n"))


def test_a_row_is_no_path(write_study, tmp_path):
    (tmp_path / "x.yaml").touch()
    with pytest.raises(ValueError, match="method must be one of"):
        read_study(write_study()).method("../x")


def test_a_column_with_nothing_said_has_no_settings(write_study):
    study = read_study(write_study(**{'"12": {label: 12-lead}': '"12":', "label: CMSC": "pretraining: null"}))
    assert study.columns["12"].finetuning == () and study.method("cmsc").pretraining == ()


def test_recipes_are_those_of_the_file_that_names_them(write_study, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "own.yaml").touch()
    below = write_study(**{"recipes: ": "published: p.tsv\nrecipes: "})
    below.write_text(below.read_text().replace(str(RECIPES), "there"))
    below.write_text(below.read_text().replace("cmsc: {label: CMSC}", "cmsc: {recipe: own}"))
    (tmp_path / "mine").mkdir()
    path = write_study("extends: ../study.yaml\n", name="mine/more.yaml")
    study = read_study(path)
    assert study.recipes == tmp_path / "there" and study.published == tmp_path / "p.tsv"


def test_a_study_does_not_extend_itself(write_study):
    with pytest.raises(ValueError, match="a study must not extend itself"):
        read_study(write_study("extends: more.yaml\n", name="more.yaml"))
