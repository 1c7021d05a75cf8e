import re
from dataclasses import replace

import pytest

from fairseq_signals.experiments.fingerprint import differences, settings_of
from fairseq_signals.experiments.plan import Selection, jobs_of, select_cells
from fairseq_signals.experiments.study_file import read_study


def names(write_study, **selection) -> list[str]:
    cells = select_cells(read_study(write_study()), Selection(**selection))
    return [job.name for job in jobs_of(cells)]


def test_every_cell_stands_on_a_training_of_its_own_and_a_shared_pretraining(write_study):
    assert names(write_study, tables=("padded",), rows=("cmsc",), seeds=(2,)) == [
        "pretraining/cmsc/12/seed2",
        "diagnosis/cmsc/12/seed2",
        "diagnosis/cmsc/P-2/seed2",
        "identification/cmsc/12/seed2",
        "identification/cmsc/P-2/seed2",
    ]


def test_a_lead_set_of_its_own_is_pretrained_on_its_own(write_study):
    assert names(write_study, tables=("own",), columns=("2",), seeds=(1,)) == [
        "pretraining/cmsc/2/seed1",
        "diagnosis/cmsc/2/seed1",
    ]


def test_a_random_start_has_no_pretraining_and_a_descriptor_no_seed(write_study):
    assert names(write_study, rows=("random_init",), columns=("12",), tasks=("diagnosis",)) == [
        "diagnosis/random_init/12/seed1",
        "diagnosis/random_init/12/seed2",
    ]
    assert names(write_study, rows=("spectrum",), tasks=("identification",)) == [
        "identification/spectrum/12",
        "identification/spectrum/P-2",
    ]


def test_the_same_cell_of_two_tables_is_one_training(write_study):
    cells = select_cells(read_study(write_study()), Selection(rows=("cmsc",), columns=("12",), tasks=("diagnosis",)))
    assert [cell.table for cell in cells] == ["padded", "padded", "own", "own"]
    assert len({cell.job.name for cell in cells}) == 2  # one per seed


def test_the_whole_study_counts_what_its_tables_say(write_study):
    cells = select_cells(read_study(write_study()), Selection())
    # padded: a descriptor once and two methods with two seeds, two columns, two tasks; own: two seeds, two columns
    assert len(cells) == (1 + 2 * 2) * 2 * 2 + 2 * 2
    jobs = jobs_of(cells)
    assert len({job.name for job in jobs}) == len(jobs)
    order = [job.name for job in jobs]
    assert all(order.index(job.parent.name) < order.index(job.name) for job in jobs if job.parent)
    # fine-tunings 4 + 8 + 8 and the own 2; pre-trainings on 12 and on 2 leads with two seeds each
    assert len(jobs) == 4 + 8 + 8 + 2 + 4


def test_settings_are_those_of_stage_task_method_column_and_seed(write_study):
    cells = select_cells(read_study(write_study()), Selection(rows=("random_init",), columns=("P-2",), seeds=(2,)))
    job = cells[0].job
    assert job.settings == ("machine=cpu", "start=random_init", "task.leads=2", "common.seed=2")
    assert job.data == "data/b" and job.recipe.name == "diagnosis.yaml"


def test_a_recipe_that_no_table_has_can_be_a_row(write_study):
    assert names(write_study, tables=("own",), rows=("w2v",), columns=("2",), seeds=(1,)) == [
        "pretraining/w2v/2/seed1",
        "diagnosis/w2v/2/seed1",
    ]


def test_a_selection_of_unknown_names_or_of_nothing_is_refused(write_study):
    with pytest.raises(ValueError, match="tables must be among padded, own, got table9"):
        names(write_study, tables=("table9",))
    with pytest.raises(ValueError, match="columns must be among 12, P-2, 2, got P-3"):
        names(write_study, columns=("P-3",))
    with pytest.raises(ValueError, match="selection must leave at least one cell"):
        names(write_study, tables=("own",), rows=("random_init",))


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("finetuning", "task.data=elsewhere"),
        ("finetuning", "model.pretrained=random"),
        ("finetuning", "++checkpoint.save_dir=x"),
        ("pretraining", "task.data=elsewhere"),
        ("pretraining", "common.seed=7"),
    ],
)
def test_where_on_what_and_from_what_is_the_studys_own(write_study, stage, text):
    study = read_study(write_study())
    changed = replace(study, settings={**study.settings, stage: (*study.settings[stage], text)})
    with pytest.raises(ValueError, match=f"must leave task.data, .* to the study .* got {re.escape(repr(text))}"):
        select_cells(changed, Selection(rows=("cmsc",)))


def test_an_encoder_from_elsewhere_is_named_where_nothing_is_pretrained(write_study):
    path = write_study(**{"[start=random_init]": "[model.pretrained=their.pt]"})
    job = select_cells(read_study(path), Selection(rows=("random_init",)))[0].job
    assert job.parent is None and "model.pretrained=their.pt" in job.settings


def test_a_task_without_data_is_refused(write_study):
    study = read_study(write_study(**{", identification: data/c": ""}))
    with pytest.raises(ValueError, match="data must name a folder for identification, got pretraining, diagnosis"):
        select_cells(study, Selection())


def test_a_second_score_is_a_cell_of_the_same_training(write_study):
    second = {"tasks: [diagnosis, identification]": "tasks: [diagnosis, again]"}
    path = write_study(**second, **{"columns:\n": "  again: {label: F1, shares: diagnosis, metric: f1}\ncolumns:\n"})
    study = read_study(path)
    cells = select_cells(study, Selection(tables=("padded",), columns=("12",), seeds=(1,)))
    jobs = [(cell.row, cell.task, cell.job.name) for cell in cells]
    assert ("cmsc", "diagnosis", "diagnosis/cmsc/12/seed1") in jobs and ("cmsc", "again", jobs[-1][2]) in jobs
    assert jobs[-1][2] == "diagnosis/cmsc/12/seed1"
    assert [task for row, task, _ in jobs if row == "spectrum"] == ["diagnosis"]  # a descriptor has no outputs
    assert study.tasks["again"].metric == "f1" and study.tasks["again"].subset == "test"


def test_a_whitened_descriptor_is_for_identification_alone(write_study):
    study = read_study(write_study(**{"descriptor: log_spectrum": "descriptor: log_spectrum, whiten: pretrain"}))
    cells = select_cells(study, Selection(tables=("padded",), rows=("spectrum",), columns=("12",)))
    assert [(cell.task, cell.job.whiten) for cell in cells] == [("identification", "pretrain")]
    settings = settings_of(cells[0].job)
    assert settings["whiten"] == "pretrain" and settings["whiten: sessions"][0]["_name"] == "vcg"


TWO_STEPS = {
    "columns:\n": "  head: {label: head, recipe: diagnosis, task: ecg_classification, subset: test, metric: macro_auc, "
    "data: diagnosis}\n  both: {label: both, recipe: diagnosis, task: ecg_classification, subset: test, "
    "metric: macro_auc, follows: head, data: diagnosis}\ncolumns:\n",
    "cmsc: {label: CMSC}": "cmsc: {label: CMSC, instead: {diagnosis: both}}",
}


def test_a_method_takes_two_steps_where_another_takes_one(write_study):
    study = read_study(write_study(**TWO_STEPS))
    selection = Selection(tables=("padded",), tasks=("diagnosis",), columns=("P-2",), seeds=(1,))
    cells = {cell.row: cell for cell in select_cells(study, selection)}
    assert [job.name for job in jobs_of([cells["cmsc"], cells["random_init"]])] == [
        "pretraining/cmsc/12/seed1",
        "head/cmsc/P-2/seed1",
        "both/cmsc/P-2/seed1",
        "diagnosis/random_init/P-2/seed1",
    ]
    assert cells["cmsc"].task == "diagnosis" and cells["cmsc"].job.data == "data/b"
    assert cells["cmsc"].job.line[0].name == "pretraining/cmsc/12/seed1"
    assert cells["random_init"].job.line[0] is cells["random_init"].job


def test_two_steps_from_a_random_start_have_no_pretraining(write_study):
    random = {"random_init: {label: Random init.,": "random_init: {label: Random init., instead: {diagnosis: both},"}
    study = read_study(write_study(**TWO_STEPS, **random))
    selection = Selection(tables=("padded",), rows=("random_init",), tasks=("diagnosis",), columns=("12",), seeds=(2,))
    jobs = jobs_of(select_cells(study, selection))
    assert [job.name for job in jobs] == ["head/random_init/12/seed2", "both/random_init/12/seed2"]


def test_all_seeds_of_a_finetuning_may_start_from_one_pretraining(write_study):
    study = read_study(write_study(**{"seeds: [1, 2]": "seeds: [1, 2]\npretraining_seed: 7"}))
    cells = select_cells(study, Selection(tables=("own",), columns=("12",)))
    assert [job.name for job in jobs_of(cells)] == [
        "pretraining/cmsc/12/seed7",
        "diagnosis/cmsc/12/seed1",
        "diagnosis/cmsc/12/seed2",
    ]
    assert cells[0].job.parent.settings[-1] == "common.seed=7"


def test_a_method_may_be_pretrained_on_other_data(write_study):
    study = read_study(
        write_study(
            **{
                "data: {pretraining: data/a,": "data: {pretraining: data/a, more: data/m,",
                "cmsc: {label: CMSC}": "cmsc: {label: CMSC, data: more}",
            }
        )
    )
    job = select_cells(study, Selection(rows=("cmsc",)))[0].job
    assert job.parent.data == "data/m" and job.data == "data/b"


def test_the_settings_of_both_steps_and_of_the_pretraining_are_kept_apart(write_study):
    study = read_study(write_study(**TWO_STEPS))
    cell = select_cells(study, Selection(tables=("padded",), rows=("cmsc",), tasks=("diagnosis",), columns=("12",)))[0]
    settings = settings_of(cell.job)
    assert settings["task._name"] == settings["pretraining: task._name"] == "ecg_classification"
    assert settings["pretraining: pretraining: task._name"] == "ecg_pretraining"
    moved = {**settings, "pretraining: pretraining: data": "elsewhere"}
    digest = "pretraining: pretraining: data: digest of dataset.yaml without subsets"
    assert differences({**moved, digest: "1"}, {**settings, digest: "1"}) == []
    assert len(differences({**moved, digest: "1"}, {**settings, digest: "2"})) == 2
