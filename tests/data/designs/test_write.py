"""Designs written from a prepared folder, and read back with plain means."""

from functools import partial

import pandas as pd
import pytest
import yaml

from fairseq_signals.data.card import verify, write_card
from fairseq_signals.data.designs.nakamoto2022 import nakamoto2022
from fairseq_signals.data.designs.sawano2022 import sawano2022
from fairseq_signals.data.designs.write import write_design
from fairseq_signals.data.subset import nested, write_subsets
from fairseq_signals.data.synthetic import make_lvsd_cohort
from manifests.table import main as prepare_table

CASE = "low: ef < 55"  # so that a small cohort has enough of them


def table(path):
    return pd.read_csv(path, sep="\t", quoting=3, keep_default_na=False, dtype=str)


def frames_of(folder):
    return {name: table(folder / f"{name}.tsv") for name in ("train", "valid", "test")}


def written(prepared, copy, frames):
    """A copy of the folder with other rows."""
    copy.mkdir()
    (copy / "store").symlink_to(prepared / "store")
    card = yaml.safe_load((prepared / "dataset.yaml").read_text())
    for name, frame in frames.items():
        frame.to_csv(copy / f"{name}.tsv", sep="\t", index=False, quoting=3)
    files = [*(f"{name}.tsv" for name in frames), *(name for name in card["files"] if name.startswith("store/"))]
    write_card(copy, {key: value for key, value in card.items() if key != "files"}, files)
    return copy


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cohort")
    make_lvsd_cohort(folder / "wfdb", dict.fromkeys(range(1, 5), 24), seconds=2.0)
    source = ["--source", folder / "wfdb", "--table", folder / "wfdb" / "recordings.csv", "--dest", folder / "data"]
    prepare_table([*map(str, source), "--label", "lvsd: ef < 40", "--workers", "1", "--pair-seconds", "1"])
    return folder / "data"


@pytest.fixture(scope="module")
def nakamoto(prepared, tmp_path_factory):
    dest = tmp_path_factory.mktemp("designs") / "nakamoto"
    choices = {"seed": 2, "downstream_share": 0.6}
    return dest, write_design(prepared, dest, "nakamoto2022", partial(nakamoto2022, **choices), CASE, choices)


def test_signals_are_linked_and_the_card_holds_for_every_file(prepared, nakamoto):
    dest, card = nakamoto
    shards = sorted(path.name for path in (dest / "store").iterdir())
    assert shards == sorted(path.name for path in (prepared / "store").iterdir())
    assert all((dest / "store" / name).samefile(prepared / "store" / name) for name in shards)
    assert verify(dest, progress=False) == len(card["files"])
    assert card == yaml.safe_load((dest / "dataset.yaml").read_text())


def test_rows_are_those_of_the_folder_and_the_report_counts_them(prepared, nakamoto):
    dest, card = nakamoto
    whole = pd.concat([table(prepared / f"{name}.tsv") for name in ("train", "valid", "test")]).set_index("id")
    report = table(dest / "design.tsv").set_index("split")
    for name in card["design"]["table"]:
        if name["split"] == "all recordings":
            continue
        rows = table(dest / f"{name['split']}.tsv").set_index("id")
        assert rows.drop(columns="part").equals(whole.loc[rows.index])
        ef = pd.to_numeric(rows["ef"])
        counts = [(ef >= 55).sum(), (ef < 55).sum(), ef.isna().sum(), len(rows), rows["patient"].nunique()]
        assert report.loc[name["split"]].tolist()[:5] == list(map(str, counts))
    assert report.loc["all recordings", "total"] == str(len(whole))


def test_nested_fractions_grow_by_patients(nakamoto):
    dest, _ = nakamoto
    told = write_subsets(dest, "train", nested("train_part", "part", list("12345678"), (1, 4, 8)))
    train = table(dest / "train.tsv")
    before = set()
    for size in (1, 4, 8):
        people = set(table(dest / f"train_part{size}.tsv")["patient"])
        assert before < people and len(people) == told[f"train_part{size}"]["patients"]
        before = people
    assert before == set(train["patient"])
    assert set(table(dest / "valid.tsv")["part"]) == {""}


def test_the_same_command_leaves_it_and_another_is_refused(prepared, nakamoto):
    dest, _ = nakamoto
    before = (dest / "train.tsv").stat().st_mtime_ns
    choices = {"seed": 2, "downstream_share": 0.6}
    write_design(prepared, dest, "nakamoto2022", partial(nakamoto2022, **choices), CASE, choices)
    assert (dest / "train.tsv").stat().st_mtime_ns == before
    choices["seed"] = 3
    with pytest.raises(ValueError, match="dest must be empty or hold the same preparation"):
        write_design(prepared, dest, "nakamoto2022", partial(nakamoto2022, **choices), CASE, choices)


def test_institutions_are_read_from_their_column_and_kept_apart(prepared, tmp_path):
    choices = {"dataset2": ["1", "3"], "pretrain_on": "train"}
    design = partial(sawano2022, **choices)
    card = write_design(prepared, tmp_path / "d", "sawano2022", design, CASE, choices, "institution")
    assert set(table(tmp_path / "d" / "train1.tsv")["institution"]) == {"1"}
    assert set(table(tmp_path / "d" / "pretrain2.tsv")["institution"]) == {"1", "3"}
    assert set(table(tmp_path / "d" / "institution4.tsv")["institution"]) == {"4"}
    told = write_subsets(tmp_path / "d", "train1", nested("train1_part", "part", ["1", "2"]))
    assert told["train1_part2"]["of"] == "train1" and card["counts"]["rows"]["institution3_all"] > 0


def test_only_some_recordings_are_dealt_out(prepared, tmp_path):
    choices = {"downstream_share": 0.6}
    design = partial(nakamoto2022, **choices)
    write_design(prepared, tmp_path / "d", "n", design, CASE, choices, only=("institution", ("2", "4")))
    assert set(table(tmp_path / "d" / "train_full.tsv")["institution"]) == {"2", "4"}


def test_what_is_odd_about_the_numbers_or_the_manifests_stands_in_the_card(prepared, tmp_path):
    """A folder whose unknown ejection fractions are -1, and one whose are all fractions of 1."""
    choices = {"downstream_share": 0.6}
    design = partial(nakamoto2022, **choices)
    frames = frames_of(prepared)
    minus = {name: frame.assign(ef=frame["ef"].replace("", "-1")) for name, frame in frames.items()}
    card = write_design(written(prepared, tmp_path / "minus", minus), tmp_path / "a", "n", design, CASE, choices)
    plain = write_design(prepared, tmp_path / "b", "n", design, CASE, choices)
    assert card["design"]["table"] == plain["design"]["table"], "-1 is no case"
    told = [line.split(": ")[0] for line in card["design"]["doubts"] if "such as -1 (" in line]
    assert told == [f"{name}.tsv" for name, frame in minus.items() if "-1" in set(frame["ef"])] and told
    assert not any("-1" in line for line in plain["design"]["doubts"])
    tenths = {
        name: frame.assign(ef=frame["ef"].map(lambda cell: cell and f"0.{cell[:2]}")) for name, frame in frames.items()
    }
    with pytest.raises(ValueError, match=r"case must be known of some .* got none with 'low: ef < 55' .*such as 0\."):
        write_design(written(prepared, tmp_path / "tenths", tenths), tmp_path / "c", "n", design, CASE, choices)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"case": "flutter"}, "classes must be different ones of the data set, got flutter"),
        ({"institution": "hospital"}, "column must be one of .*, got 'hospital'"),
        ({"only": ("institution", ("9",))}, "some recordings must be left, got none with institution=9"),
    ],
)
def test_what_is_not_there_is_refused_before_anything_is_written(prepared, tmp_path, more, message):
    arguments = {"name": "n", "design": nakamoto2022, "case": CASE, "choices": {}} | more
    with pytest.raises(ValueError, match=message):
        write_design(prepared, tmp_path / "d", **arguments)
    assert not (tmp_path / "d").exists()


def test_people_who_share_a_recording_stay_together(prepared, tmp_path):
    """A folder in which one recording stands under a second name, of another patient, in another split."""
    frames = frames_of(prepared)
    known = frames["train"][frames["train"]["ef"] != ""]
    twin = known.iloc[[0]].assign(id="twin", patient="stranger")
    frames["test"] = pd.concat([frames["test"], twin])
    copy = written(prepared, tmp_path / "copy", frames)
    for seed in range(4):
        design = partial(nakamoto2022, downstream_share=0.6, seed=seed)
        write_design(copy, tmp_path / str(seed), "n", design, CASE, {"seed": seed})
        homes = [
            name
            for name in ("pretrain", "pretrain_valid", "train", "valid", "test")
            for id in table(tmp_path / str(seed) / f"{name}.tsv")["id"]
            if id in ("twin", twin["id"].iloc[0], known["id"].iloc[0])
        ]
        assert len(homes) == 2 and len(set(homes)) == 1
