import hashlib
from dataclasses import replace

import pytest

from fairseq_signals.data.card import add_to_card
from fairseq_signals.experiments.fingerprint import differences, settings_of
from fairseq_signals.experiments.plan import Selection, select_cells
from fairseq_signals.experiments.study_file import read_study


@pytest.fixture
def job_of(write_study):
    """The first job of a row, with more settings of fine-tuning."""

    def make(row: str, *settings: str, task: str = "diagnosis", column: str = "12", **replacements: str):
        study = read_study(write_study(**replacements))
        study = replace(study, settings={**study.settings, "finetuning": (*study.settings["finetuning"], *settings)})
        return select_cells(study, Selection(rows=(row,), tasks=(task,), columns=(column,)))[0].job

    return make


def test_a_baseline_takes_leads_windows_and_threshold_from_the_fine_tuning(job_of):
    of = settings_of(job_of("spectrum"))
    assert (of["descriptor"], of["leads"], of["threshold"]) == ("log_spectrum", "12", "fit")
    assert settings_of(job_of("spectrum", column="P-2"))["leads"] == "2"
    assert settings_of(job_of("spectrum", "task.leads=6"))["leads"] == "6"
    assert settings_of(job_of("spectrum", **{"[task.leads=2]}": "[++task.leads=2]}"}, column="P-2"))["leads"] == "2"
    assert settings_of(job_of("spectrum", 'task.leads="I,II,V2"'))["leads"] == "I,II,V2"
    assert settings_of(job_of("spectrum", "task.window_seconds=2.5"))["window_seconds"] == 2.5
    assert "threshold" not in settings_of(job_of("spectrum", task="identification"))


def test_the_number_of_devices_is_part_of_the_batch(job_of):
    one, said = job_of("cmsc"), job_of("cmsc", "distributed_training.distributed_world_size=1")
    assert not differences(settings_of(one), settings_of(said))
    four = job_of("cmsc", "distributed_training.distributed_world_size=4", "distributed_training.ddp_backend=no_c10d")
    assert differences(settings_of(one), settings_of(four)) == [
        "distributed_training.distributed_world_size was not given, is 4"
    ]


def test_an_encoder_from_elsewhere_is_known_by_its_contents(job_of, tmp_path):
    weights = tmp_path / "their.pt"
    weights.write_text("one")
    job = job_of("random_init", **{"[start=random_init]": f"[model.pretrained={weights}]"})
    before = settings_of(job)
    weights.write_text("another")
    assert "model.pretrained: digest was" in differences(before, settings_of(job))[0]
    assert not any("pretrained" in key for key in settings_of(job_of("random_init")))


def test_data_that_was_moved_is_the_same_and_data_without_a_card_is_not(job_of, write_data, tmp_path):
    job = job_of("cmsc")
    for name in ("here", "there", "bare", "empty"):
        (tmp_path / name).mkdir()
    for name in ("here", "there"):
        write_data(tmp_path / name)
    here, there, bare, empty = (
        settings_of(replace(job, data=str(tmp_path / name))) for name in ("here", "there", "bare", "empty")
    )
    assert not differences(here, there)
    assert len(differences(here, bare)) == 2 and len(differences(bare, empty)) == 1


def test_a_subset_that_was_added_is_a_setting_of_what_reads_it_alone(job_of, write_data, tmp_path):
    def settings(*more, subset="test"):
        job = job_of("random_init", *more)
        return settings_of(replace(job, data=str(tmp_path), task=replace(job.task, subset=subset)))

    write_data(tmp_path)
    before = settings()
    for rows in ("one", "two"):
        (tmp_path / "test_a.tsv").write_text(rows)
        add_to_card(tmp_path, {"subsets": {"test_a": {"of": "test"}}}, ["test_a.tsv"])
        assert not differences(before, settings())
        readers = (
            settings("dataset.train_subset=test_a"),
            settings("dataset.valid_subset='valid,test_a'"),
            settings(subset="test_a"),
        )
        digest = hashlib.sha256(rows.encode()).hexdigest()[:16]
        assert [told["data: digest of test_a.tsv"] for told in readers] == [digest] * 3


def test_where_a_pretrained_encoder_lies_is_no_setting_and_what_is_taken_of_it_is_one(job_of):
    settings = settings_of(job_of("cmsc", "+model.pretrained_head=true"))
    assert settings["model.pretrained_head"] is True
    assert "model.pretrained" not in settings and "task.data" not in settings
