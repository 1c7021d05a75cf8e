"""What proves that a folder has nothing in common with a combination, and when nothing is proven."""

import shutil

import pytest

from fairseq_signals.data.card import read_card
from fairseq_signals.data.combination.combine import combine
from fairseq_signals.data.combination.plan import part_of_text
from fairseq_signals.data.manifest import Manifest
from manifests import cinc2021, ptbxl
from manifests.parts.cinc2021_parts import part_of_name

KNOWN_RATE = {"options": {"rate": None}}


@pytest.fixture
def reference(prepared, made):
    """PTB-XL, recorded at 100 Hz."""
    recordings = [made(str(n), f"p{n}", "train" if n % 2 else "test", wave=n) for n in range(1, 7)]
    return prepared("ptbxl", recordings, source="PTB-XL", card=KNOWN_RATE)


def test_a_proof_says_what_was_compared_by_which_means(prepared, made, plan, reference, tmp_path, capsys):
    georgia = [made(f"E{n}", f"E{n}", source="georgia") for n in range(3)]
    other = [made("walter", "1", "valid", source="ward")]
    part = prepared("cinc", [*georgia, *other], card=KNOWN_RATE)
    names = prepared("names", [made("Q1", "Q1", source="cpsc_2018_extra")], rate=257.0)
    choices = plan(part, names, rate=100.0, apart_from=(reference.folder,))
    card = combine(choices, tmp_path / "all", source_of_name=part_of_name)
    assert card["apart from"] == read_card(tmp_path / "all")["apart from"]
    assert card["apart from"] == [
        {
            "source": "PTB-XL",
            "version": "1",
            "preparation": "ptbxl",
            "recordings": 6,
            "recorded at": [100.0],
            "in common": 0,
            "compared": {
                "cpsc2018extra": {"recordings": 1, "by name": 1, "by waveform": 0},
                "georgia": {"recordings": 3, "by name": 3, "by waveform": 3},
                "ward": {"recordings": 1, "by name": 0, "by waveform": 1},
            },
            "left out": {"recordings": 0, "known again by waveform": 0},
        }
    ]
    assert (
        "apart from PTB-XL (6 recordings, recorded at 100 Hz): none is here by source, patient, name or waveform; of\n"
        "  cpsc2018extra: 1 recordings, 1 could be told by name, 0 by waveform\n"
        "  georgia: 3 recordings, 3 could be told by name, 3 by waveform\n"
        "  ward: 1 recordings, 0 could be told by name, 1 by waveform\n"
        "rows: "
    ) in capsys.readouterr().out


@pytest.mark.parametrize(
    ("one", "told"),
    [
        ({"id": "x", "source": "ptb-xl"}, "1 (1 by source)"),
        ({"id": "HR00017", "source": "georgia"}, "1 (1 by name)"),
        ({"id": "E1", "source": "georgia", "wave": 3}, "1 (1 by waveform)"),
        (
            {"id": "HR00003", "source": "ptb-xl", "patient": "p3", "wave": 3},
            "1 (1 by source, 1 by name, 1 by patient, 1 by waveform)",
        ),
    ],
)
@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_one_recording_in_common_ends_it_whatever_gives_it_away(
    prepared, made, plan, reference, tmp_path, one, told, split
):
    stranger = made(**({"patient": "someone"} | one), split=split)
    part = prepared("cinc", [made("E9", "E9", source="georgia"), stranger], card=KNOWN_RATE)
    with pytest.raises(ValueError) as error:
        combine(plan(part, apart_from=(reference.folder,)), tmp_path / "all", source_of_name=part_of_name)
    assert f"must have no recording of PTB-XL ({reference.folder}), got {told}, such as cinc/{one['id']} (" in str(
        error.value
    )
    assert not (tmp_path / "all").exists()


def test_what_cannot_be_compared_proves_nothing(prepared, made, plan, reference, tmp_path):
    nameless = prepared("ward", [made("a", "1"), made("b", "2")], rate=500.0, card=KNOWN_RATE)
    message = (
        r"every recording must be comparable by name or waveform with PTB-XL \(.*ptbxl\), got 2 that are by neither, "
        r"such as ward/a, ward/b: they were recorded at 500 Hz, those at 100 Hz; prepare both from recordings of"
    )
    with pytest.raises(ValueError, match=message):
        combine(plan(nameless, apart_from=(reference.folder,)), tmp_path / "all", source_of_name=part_of_name)
    resampled = prepared("resampled", [made("a", "1")], card={"options": {"rate": 100.0}})
    with pytest.raises(
        ValueError, match=r"got 1 that are by neither, .* recorded at a rate that is not known, those at"
    ):
        combine(plan(resampled, apart_from=(reference.folder,)), tmp_path / "all", source_of_name=part_of_name)
    named = prepared("cinc", [made("E1", "E1", source="georgia")], card=KNOWN_RATE)
    with pytest.raises(ValueError, match="are by neither"):  # 500 Hz of the one, and nobody tells what E1 means
        combine(plan(nameless, named, rate=100.0, apart_from=(reference.folder,)), tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_who_is_left_out_is_a_control_and_need_not_be_comparable(prepared, made, plan, reference, tmp_path, capsys):
    inside = [made(f"HR{n:05d}", f"p{n}", "test", wave=n, source="ptb-xl") for n in (1, 2)]
    inside += [made("unnamed", "p9", wave=0, source="ptb-xl"), made("E1", "E1", source="georgia")]
    part = prepared("cinc", inside, card=KNOWN_RATE, without="ptb-xl")
    card = combine(plan(part, apart_from=(reference.folder,)), tmp_path / "all", source_of_name=part_of_name)
    assert card["apart from"][0]["left out"] == {"recordings": 3, "known again by waveform": 2}
    assert "  control: 3 of the source itself are left out, 2 were known again by waveform\n" in capsys.readouterr().out
    assert Manifest(tmp_path / "all" / "train.tsv").column("id") == ["cinc/E1"]


def test_where_names_alone_tell_this_is_said(prepared, made, plan, reference, tmp_path, capsys):
    part = prepared("cinc", [made("E1", "E1", source="georgia")], rate=500.0, card=KNOWN_RATE)
    combine(plan(part, apart_from=(reference.folder,)), tmp_path / "all", source_of_name=part_of_name)
    told = capsys.readouterr().out
    assert "  names alone tell: nothing is known to be recorded at the same rate, so no samples were compared\n" in told


def test_another_folder_to_be_apart_from_is_another_plan(prepared, made, plan, reference, tmp_path):
    part = prepared("cinc", [made("E1", "E1", source="georgia")], card=KNOWN_RATE)
    combine(plan(part), tmp_path / "all")
    with pytest.raises(ValueError, match="dest must be empty or hold the same preparation"):
        combine(plan(part, apart_from=(reference.folder,)), tmp_path / "all", source_of_name=part_of_name)
    assert "apart from" not in read_card(tmp_path / "all")
    with pytest.raises(FileNotFoundError, match=r"folder must be a prepared one .*, got none in \S*/none"):
        combine(plan(part, apart_from=(tmp_path / "none",)), tmp_path / "all")


@pytest.fixture(scope="module")
def real(real_ecgs, tmp_path_factory):
    """The mixed records of the challenge with and without PTB-XL, and the first 500 recordings of PTB-XL at 500 Hz."""
    folder, mixed = tmp_path_factory.mktemp("real"), real_ecgs("cinc2021") / "cinc2021-mixed"
    source = real_ecgs("ptbxl500") / "ptbxl-500hz-first500"
    work = ["--workers", "1"]
    ptbxl.main(["--source", str(source), "--dest", str(folder / "ptbxl"), *work])
    cinc2021.main(["--source", str(mixed), "--dest", str(folder / "everything"), *work])
    rest = ["--preset", "mehari2022-without-ptbxl", "--shares", "0.9,0.1,0"]
    cinc2021.main(["--source", str(mixed), "--dest", str(folder / "cinc2020_rest"), *rest, *work])
    return folder, mixed


def _header(path):
    """Name of the file and the rate on its first line, Hz."""
    return path.stem, float(path.read_text().split()[2])


def _ids(folder):
    return {name for split in ("train", "valid", "test") for name in Manifest(folder / f"{split}.tsv").column("id")}


@pytest.mark.real
def test_real_records_of_the_challenge_are_apart_from_ptbxl(real, plan, tmp_path):
    """By plain reading of headers; the control are the ten recordings that both really have."""
    folder, mixed = real
    choices = plan(part_of_text(f"{folder}/everything:without=ptb-xl"), rate=100.0, apart_from=(folder / "ptbxl",))
    card = combine(choices, tmp_path / "all", source_of_name=part_of_name)
    ids = _ids(tmp_path / "all")
    headers = dict(map(_header, mixed.rglob("*.hea")))
    assert ids and ids <= {f"everything/{name}" for name in headers if not name.startswith("HR")}
    counts = card["apart from"][0]["compared"].values()
    assert sum(one["recordings"] for one in counts) == sum(one["by name"] for one in counts) == len(ids)
    at_500 = [name for name in ids if headers[name.partition("/")[2]] == 500]
    assert sum(one["by waveform"] for one in counts) == len(at_500) < len(ids), "PTB was recorded at 1000 Hz"
    ours = {name for name in headers if name.startswith("HR")}
    first = _ids(folder / "everything") & ours
    both = {name for name in first if int(name[2:]) <= 500}
    assert card["apart from"][0]["left out"] == {"recordings": len(first), "known again by waveform": len(both)}
    assert len(both) == 10


@pytest.mark.real
@pytest.mark.parametrize(("name", "by"), [("E99999", "1 by waveform"), ("HR00003", "1 by name, 1 by waveform")])
def test_a_real_recording_of_ptbxl_under_another_flag_is_found(real, plan, tmp_path, name, by):
    """HR00003, renamed or not, in the folder of Georgia."""
    folder, mixed = real
    georgia = tmp_path / "training" / "georgia"
    shutil.copytree(mixed / "georgia", georgia)
    source = next(mixed.rglob("HR00003.hea"))
    (georgia / f"{name}.hea").write_text(source.read_text().replace("HR00003", name))
    shutil.copyfile(source.with_suffix(".mat"), georgia / f"{name}.mat")
    cinc2021.main(["--source", str(tmp_path / "training"), "--dest", str(tmp_path / "rest"), "--workers", "1"])
    with pytest.raises(
        ValueError, match=rf"must have no recording of PTB-XL .* got 1 \({by}\), such as rest/{name} \("
    ):
        choices = plan(part_of_text(f"{tmp_path}/rest"), rate=100.0, apart_from=(folder / "ptbxl",))
        combine(choices, tmp_path / "all", source_of_name=part_of_name)
