from fairseq_signals.experiments.plan import Selection, select_cells
from fairseq_signals.experiments.study_file import read_study
from fairseq_signals.experiments.tables import layout_of

HEADED = 'headings: {spectrum: Nothing learned, random_init: Learned}\n    columns: ["12", P-2]'


def layout(write_study, **selection):
    study = read_study(write_study(**{'columns: ["12", P-2]': HEADED}))
    return layout_of(study, "padded", select_cells(study, Selection(tables=("padded",), **selection)))


def test_a_layout_has_what_the_selection_has(write_study):
    whole = layout(write_study)
    assert [row.name for row in whole.rows] == ["spectrum", "random_init", "cmsc"]
    assert list(whole.columns.items()) == [("12", "12-lead"), ("P-2", "P-2-lead")]
    assert [task.metric for task in whole.tasks] == ["macro_auc", "rank1"]
    assert whole.seeds == 2 and [whole.wanted(row) for row in whole.rows] == [1, 2, 2]
    part = layout(write_study, columns=("P-2",), tasks=("identification",), rows=("cmsc",), seeds=(2,))
    assert list(part.columns) == ["P-2"] and [task.name for task in part.tasks] == ["identification"]
    assert part.seeds == 1


def test_a_heading_stands_above_the_first_row_of_its_group_that_is_shown(write_study):
    assert [row.heading for row in layout(write_study).rows] == ["Nothing learned", "Learned", ""]
    assert [row.heading for row in layout(write_study, rows=("cmsc",)).rows] == ["Learned"]
    assert [row.heading for row in layout(write_study, rows=("spectrum", "cmsc")).rows] == [
        "Nothing learned",
        "Learned",
    ]


def test_a_row_that_the_table_does_not_have_comes_last(write_study):
    assert [row.name for row in layout(write_study, rows=("w2v", "cmsc")).rows] == ["cmsc", "w2v"]
