import pytest

from fairseq_signals.experiments.study_file import read_study


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
        ("seeds:", "sedes:", "a study must consist of .*got sedes"),
        ("label: CMSC", "labell: CMSC", "method cmsc must have only .*got labell"),
        ("subset: probe, ", "", "task identification is incomplete: .*subset"),
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
