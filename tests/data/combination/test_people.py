"""Nobody on both sides of a split: each rule by example, and all of them together against plain loops."""

import random
from collections import Counter, defaultdict
from dataclasses import replace

import pytest

from fairseq_signals.data.combination.combine import combine
from fairseq_signals.data.manifest import Manifest

SPLITS = ("train", "valid", "test")
PAIRS = ("gallery", "probe", "valid_gallery", "valid_probe")


def _left(folder, *names):
    return {name: Manifest(folder / f"{name}.tsv").column("id") for name in names}


def test_a_person_in_training_here_and_in_a_test_there_is_an_error_that_names_both(prepared, made, plan, tmp_path):
    """PTB-XL inside CinC 2021: the source is told by a column, spelt in another way."""
    inside = prepared("cinc", [made("HR1", "17", source="ptb-xl"), made("Q1", "17", source="cpsc")], source="CinC 2021")
    alone = prepared("ptbxl", [made("1", "17", "test"), made("2", "18")], source="PTB-XL")
    with pytest.raises(ValueError, match="patient must be in one list only") as error:
        combine(plan(alone, inside), tmp_path / "all")
    for text in (
        "'ptbxl/17' in train (recording cinc/HR1) and in test (recording ptbxl/1)",
        f"--exclude {alone.folder}/test.tsv",
        "--on-leak drop-from-training",
    ):
        assert text in str(error.value)
    assert not (tmp_path / "all").exists()
    card = combine(plan(alone, inside, on_leak="drop-from-training"), tmp_path / "all")
    assert _left(tmp_path / "all", *SPLITS, "pretrain") == {
        "train": ["ptbxl/2", "cinc/Q1"],
        "valid": [],
        "test": ["ptbxl/1"],
        "pretrain": ["ptbxl/2", "cinc/Q1"],
    }
    assert card["parts"][1]["taken out"] == {"leak: also in test": {"train": 1, "pretrain": 1}}


def test_a_copy_is_kept_once_the_first_named_sources(prepared, made, plan, tmp_path):
    one = prepared("one", [made("a", "1", wave=1), made("b", "2", wave=2)])
    two = prepared("two", [made("c", "1", wave=1), made("d", "9", wave=3)])
    combine(plan(one, two), tmp_path / "12")
    assert _left(tmp_path / "12", "train")["train"] == ["one/a", "one/b", "two/d"]
    combine(plan(two, one), tmp_path / "21")
    assert _left(tmp_path / "21", "train")["train"] == ["two/c", "two/d", "one/b"]
    assert (
        tmp_path / "21" / "excluded.tsv"
    ).read_text() == "id\treason\none/a\tan earlier source has the same waveform\n"


def test_a_test_set_is_not_shrunk_by_a_copy_that_is_trained_on(prepared, made, plan, tmp_path):
    trained = prepared("trained", [made("a", "1", wave=1), made("b", "1", wave=2)])
    tested = prepared("tested", [made("c", "x", "test", wave=1), made("d", "y", "test", wave=5)])
    with pytest.raises(
        ValueError, match=r"waveform must be in one list only, got '0{15}1' in train .trained/a|recording"
    ):
        combine(plan(trained, tested), tmp_path / "all")
    combine(plan(trained, tested, on_leak="drop-from-training"), tmp_path / "all")
    assert _left(tmp_path / "all", *SPLITS) == {"train": [], "valid": [], "test": ["tested/c", "tested/d"]}
    # The other way round, the copy that is trained on is the later one and simply goes; its person leaks all the same.
    with pytest.raises(ValueError, match=r"'trained/1', who by a common waveform is 'tested/x',|waveform must be"):
        combine(plan(tested, trained), tmp_path / "other")


def test_a_copy_that_remains_when_the_first_has_leaked_is_kept_once(prepared, made, plan, tmp_path):
    trained = prepared("trained", [made("a", "1", wave=1)])
    tests = [prepared(name, [made("c", "x", "test", wave=1)]) for name in ("one", "two")]
    combine(plan(trained, *tests, on_leak="drop-from-training"), tmp_path / "all")
    assert _left(tmp_path / "all", *SPLITS) == {"train": [], "valid": [], "test": ["one/c"]}


def test_patients_are_joined_by_a_chain_of_waveforms(prepared, made, plan, tmp_path):
    one = prepared("one", [made("a", "1", "test", wave=1), made("b", "0", wave=8)])
    two = prepared("two", [made("c", "2", "test", wave=1), made("d", "2", "test", wave=2)])
    three = prepared("three", [made("e", "3", wave=3), made("f", "4", wave=4)])
    four = prepared("four", [made("g", "5", "test", wave=3), made("h", "5", "test", wave=2)])
    with pytest.raises(
        ValueError, match=r"got '0{15}3' in train \(recording three/e\) and in test \(recording four/g\)"
    ):
        combine(plan(one, two, three, four), tmp_path / "all")
    (tmp_path / "out.txt").write_text("patient:one/1\n")
    combine(plan(one, two, three, four, exclude=(tmp_path / "out.txt",)), tmp_path / "all")
    assert _left(tmp_path / "all", "train")["train"] == ["one/b", "three/f"]


def test_a_gallery_of_any_source_guards_pretraining_whether_it_is_kept_or_not(prepared, made, plan, tmp_path):
    pairs = {"gallery": ["a"], "probe": ["b"]}
    one = prepared("one", [made("a", "1"), made("b", "1"), made("c", "2")], source="S", identified=pairs)
    two = prepared("two", [made("d", "1"), made("e", "3")], source="S")
    with pytest.raises(ValueError, match=r"'s/1' in pretrain \(recording two/d\) and in gallery \(recording one/a\)"):
        combine(plan(one, two), tmp_path / "all")
    combine(plan(one, two, on_leak="drop-from-training"), tmp_path / "all")
    assert _left(tmp_path / "all", "train", "pretrain") == {
        "train": ["one/a", "one/b", "one/c", "two/d", "two/e"],
        "pretrain": ["one/c", "two/e"],
    }
    assert not (tmp_path / "all" / "gallery.tsv").exists()


def test_a_person_is_in_one_gallery_once_and_rows_of_gallery_and_probe_stay_beside_each_other(
    prepared, made, plan, tmp_path
):
    def source(name, patients):
        recordings = [made(f"{p}{k}", p, "test") for p in patients for k in "ab"]
        pairs = {"gallery": [f"{p}a" for p in patients], "probe": [f"{p}b" for p in patients]}
        return prepared(name, recordings, source="S", identified=pairs, pairs=True)

    combine(plan(source("one", "12"), source("two", "3241")), tmp_path / "all")
    assert _left(tmp_path / "all", "gallery", "probe") == {
        "gallery": ["one/1a", "one/2a", "two/3a", "two/4a"],
        "probe": ["one/1b", "one/2b", "two/3b", "two/4b"],
    }


def test_a_part_that_is_trained_on_whole_leaks_into_anothers_test_like_any_other(prepared, made, plan, tmp_path):
    whole = prepared("whole", [made("a", "1", "test", wave=1), made("b", "2", "valid")], whole=True)
    tested = prepared("tested", [made("c", "x", "test", wave=1), made("d", "y")])
    with pytest.raises(ValueError, match=r"waveform must be in one list only, .* in train \(recording whole/a\)"):
        combine(plan(whole, tested), tmp_path / "all")
    combine(plan(whole, tested, on_leak="drop-from-training"), tmp_path / "all")
    assert _left(tmp_path / "all", *SPLITS) == {"train": ["whole/b", "tested/d"], "valid": [], "test": ["tested/c"]}


def test_the_same_people_must_be_known_in_both_sources(prepared, made, plan, tmp_path):
    """CinC 2021 prepared without the patients of PTB-XL: every recording is a patient of its own."""
    known = prepared("ptbxl", [made("1", "17"), made("2", "17")], source="PTB-XL")
    unsure = [made("HR1", "HR1", source="ptb-xl"), made("Q", "Q", source="cpsc")]
    inside = prepared("cinc", unsure)
    with pytest.raises(
        ValueError, match=r"patients of ptbxl must be known .* got patient ids in ptbxl and none in cinc"
    ):
        combine(plan(known, inside), tmp_path / "all")
    with pytest.raises(ValueError, match=r"patients of ptbxl must be known .* got patient ids in ptbxl/train.tsv"):
        combine(plan(inside, exclude=(known.folder / "train.tsv",)), tmp_path / "all")
    card = combine(plan(known, replace(inside, without=("ptb-xl",))), tmp_path / "without")
    assert _left(tmp_path / "without", "train")["train"] == ["ptbxl/1", "ptbxl/2", "cinc/Q"]
    assert card["parts"][1]["taken out"] == {"without ptb-xl": {"train": 1, "pretrain": 1}}
    with pytest.raises(ValueError, match="source to leave out must be one of ptb-xl, cpsc, got 'ptbxl'"):
        combine(plan(known, replace(inside, without=("ptbxl",))), tmp_path / "other")
    combine(plan(known, replace(inside, namespace="others")), tmp_path / "named")
    assert Manifest(tmp_path / "named" / "train.tsv").column("patient")[2:] == ["others/HR1", "others/Q"]


def test_a_share_is_of_patients_nested_and_leaves_tests_whole(prepared, made, plan, tmp_path):
    recordings = [made(f"r{n}", f"p{n // 2}") for n in range(24)]
    recordings += [made(f"r{n}", f"p{n}", ("valid", "test")[n % 2]) for n in range(24, 28)]
    part, kept = prepared("one", recordings), {}
    for share in (0.25, 0.5, 1.0):
        combine(plan(replace(part, share=share)), tmp_path / str(share))
        left = _left(tmp_path / str(share), *SPLITS, "pretrain")
        kept[share] = Counter(Manifest(tmp_path / str(share) / "train.tsv").column("patient"))
        assert set(kept[share].values()) == {2} and left["train"] == left["pretrain"]
        assert len(left["valid"]) == len(left["test"]) == 2
    assert [len(one) for one in kept.values()] == [3, 6, 12] and set(kept[0.25]) < set(kept[0.5])
    combine(plan(replace(part, share=0.5), seed=2), tmp_path / "seed")
    assert set(Manifest(tmp_path / "seed" / "train.tsv").column("patient")) != set(kept[0.5])
    # Who is excluded does not change who else is drawn.
    (tmp_path / "out.txt").write_text(f"patient:{min(kept[0.5])}\n")
    combine(plan(replace(part, share=0.5), exclude=(tmp_path / "out.txt",)), tmp_path / "out")
    assert set(Manifest(tmp_path / "out" / "train.tsv").column("patient")) == set(kept[0.5]) - {min(kept[0.5])}


def _persons(rows):
    """Groups of patients linked by waveforms, by repeated merging: slow and plain."""
    groups = [{f"p {row['patient']}", f"w {row['waveform']}"} for row in rows]
    merged = True
    while merged:
        merged = False
        for one in groups:
            for other in groups:
                if one is not other and one & other:
                    one |= other
                    groups.remove(other)
                    merged = True
                    break
            if merged:
                break
    return {name: number for number, group in enumerate(groups) for name in group}


@pytest.mark.parametrize("seed", range(8))
def test_chance_sources_agree_with_plain_loops(prepared, made, plan, tmp_path, seed):
    """Three sources with common patients and waveforms: nobody leaks, and nobody goes without a reason."""
    chance = random.Random(seed)
    parts, truth = [], []
    for name in "abc":
        home, recordings = {}, []
        for number in range(14):
            patient, wave = str(chance.randrange(12)), 1 + chance.randrange(80)
            split = home.setdefault(patient, chance.choice(("train", "train", *SPLITS)))
            recordings.append(made(f"r{number}", patient, split, wave=wave, source=chance.choice(("S", "s", name))))
        paired = [one.id for one in recordings if one.patient == recordings[0].patient][:1]
        pairs = {"gallery": paired, "probe": paired}
        parts.append(prepared(name, recordings, identified=pairs, pairs=chance.random() < 0.5))
        for one in recordings:
            truth.append({
                "id": f"{name}/{one.id}", "part": name, "split": one.split, "waveform": one.wave,
                "patient": f"{one.source.lower()}/{one.patient}", "paired": one.id in paired,
                "pretrain": one.split == "train" and one.patient != recordings[0].patient,
            })  # fmt: skip
    out = chance.sample(truth, 3)
    lines = [out[0]["id"], f"patient:{out[1]['patient']}", f"waveform:{out[2]['waveform']:016x}"]
    (tmp_path / "out.txt").write_text("\n".join(lines))
    combine(plan(*parts, exclude=(tmp_path / "out.txt",), on_leak="drop-from-training"), tmp_path / "all")
    left = {name: set(ids) for name, ids in _left(tmp_path / "all", *SPLITS, "pretrain").items()}
    by_id, person = {row["id"]: row for row in truth}, _persons(truth)
    people = {name: {person[f"p {by_id[one]['patient']}"] for one in ids} for name, ids in left.items()}
    paired = {person[f"p {row['patient']}"] for row in truth if row["paired"]}
    # No leak.
    assert not people["train"] & people["valid"] and not (people["train"] | people["valid"]) & people["test"]
    assert not people["pretrain"] & (people["valid"] | people["test"] | paired)
    waves = Counter((row["waveform"], row["part"]) for row in truth if any(row["id"] in left[name] for name in SPLITS))
    parts_of_wave = defaultdict(set)
    for wave, part in waves:
        parts_of_wave[wave].add(part)
    assert all(len(some) == 1 for some in parts_of_wave.values())
    # Nobody excluded.
    for name in ("train", "valid", "pretrain"):
        for row in map(by_id.get, left[name]):
            assert row["id"] != out[0]["id"] and row["waveform"] not in (out[0]["waveform"], out[2]["waveform"])
            assert person[f"p {row['patient']}"] != person[f"p {out[1]['patient']}"]
    # Nobody lost without a line, and nothing where it was not.
    told = {line.split("\t")[0] for line in (tmp_path / "all" / "excluded.tsv").read_text().splitlines()[1:]}
    for row in truth:
        assert row["id"] in left[row["split"]] or row["id"] in told
        assert all(row["id"] not in left[name] for name in SPLITS if name != row["split"])
        assert row["id"] not in left["pretrain"] or row["pretrain"]
    # Everybody who is in test stays there, unless an earlier source has the same recording in test.
    for row in truth:
        if row["split"] == "test" and row["id"] not in left["test"]:
            twins = [one for one in left["test"] if by_id[one]["waveform"] == row["waveform"]]
            assert twins and min(twins)[0] < row["part"]
