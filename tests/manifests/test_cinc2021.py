"""Folders as the challenge publishes them: headers in its form, signals as MATLAB 4 files that SciPy writes."""

import csv
from collections import Counter

import numpy as np
import pytest
from scipy.io import savemat

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.store import Store
from manifests import cinc2021
from manifests.parts.cinc2021_parts import EXPECTED, PARTS, PRESETS, part_of_file
from manifests.ptbxl import DUPLICATES

AF, AFL, SR, RBBB = "164889003", "164890007", "426783006", "713427006|59118001"
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
LAYOUT = {  # sub-source: letters, first number, how many
    "cpsc_2018": ("A{:04d}", 1, 20),
    "cpsc_2018_extra": ("Q{:04d}", 1, 10),
    "st_petersburg_incart": ("I{:04d}", 1, 10),
    "ptb": ("S{:04d}", 1, 20),
    "ptb-xl": ("HR{:05d}", 1, 30),
    "georgia": ("E{:05d}", 1, 30),
    "chapman_shaoxing": ("JS{:05d}", 10637, 10),
    "ningbo": ("JS{:05d}", 10647, 20),
}
CODES = ((AF,), (SR,), ("59118001", SR, "55555"), ())  # by number of the recording


def _write(folder, name, seed, codes, samples=600, peak=None, age="56", sex="Female"):
    folder.mkdir(parents=True, exist_ok=True)
    digital = np.random.default_rng(seed).integers(-2000, 2000, (12, samples))
    one, two = 2 * (digital[:2] // 4)
    digital[:6] = one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2
    if peak is not None:
        digital[6, 100] = peak
    savemat(folder / f"{name}.mat", {"val": digital.astype(np.int16)}, appendmat=False, format="4")
    lines = [f"{name} 12 100 {samples} 05-Feb-2020 11:39:16"]
    lines += [f"{name}.mat 16+24 1000/mV 16 0 {row[0]} 0 0 {lead}" for lead, row in zip(LEADS, digital, strict=True)]
    lines += [f"#Age: {age}", f"#Sex: {sex}", f"#Dx: {','.join(codes) or 'Unknown'}", "#Rx: Unknown"]
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")
    return digital


@pytest.fixture(scope="module")
def challenge(tmp_path_factory):
    """All eight sub-sources: 150 recordings; and PTB-XL's table, in which three in a row are one patient's."""
    folder = tmp_path_factory.mktemp("challenge-2021")
    for place, (part, (name, first, number)) in enumerate(LAYOUT.items()):
        for n in range(number):
            codes = CODES[n % 4] if part != "ningbo" else (AFL,)
            where = folder / "training" / part / f"g{1 + n // 16}"
            _write(where, name.format(first + n), 1000 * place + n, codes, sex="Female" if n % 2 else "Male")
    lines = ["ecg_id,patient_id,sex,scp_codes,strat_fold"]
    lines += [f"{n},{(n + 2) // 3 + 500}.0,{1 - n % 2},\"{{'NORM': 100.0}}\",{(n + 2) // 3}" for n in range(1, 31)]
    (folder / "ptbxl_database.csv").write_text("\n".join(lines) + "\n")
    return folder


def _main(source, dest, *more):
    return cinc2021.main(["--source", str(source), "--dest", str(dest), "--workers", "1", *map(str, more)])


def _with_table(source, dest, *more):
    return _main(source / "training", dest, "--ptbxl-table", source / "ptbxl_database.csv", *more)


def _rows(dest):
    return {row.id: (row, name) for name in ("train", "valid", "test") for row in Manifest(dest / f"{name}.tsv")}


@pytest.fixture(scope="module")
def prepared(challenge, tmp_path_factory):
    dest = tmp_path_factory.mktemp("prepared")
    return _with_table(challenge, dest), dest


def test_sub_sources_labels_and_columns(challenge, prepared):
    card, dest = prepared
    rows = _rows(dest)
    assert (len(rows), len(card["classes"]), card["counts"]["rejected"]) == (150, 26, {})
    for part, (name, first, number) in LAYOUT.items():
        for n in range(number):
            row, _ = rows[name.format(first + n)]
            assert row.extra["source"] == part and (row.extra["age"], row.extra["sex"]) == (
                "56",
                "female" if n % 2 else "male",
            )
            if part == "ningbo":
                assert row.labels == (AFL,)
            else:
                assert row.labels == ((AF,), (SR,), (RBBB, SR), ())[n % 4]
                assert row.unlabelled == (n % 4 == 3), "no diagnosis is not: none of the classes"
    expected = _write(dest / "again", "E00007", 5006, ())
    np.testing.assert_array_equal(Store(dest / "store").read(*rows["E00007"][0].stored), expected)


def test_a_class_that_a_sub_source_does_not_annotate_is_unknown_there(challenge, prepared, tmp_path):
    _, dest = prepared
    for row, _ in _rows(dest).values():
        if row.extra["source"] == "ningbo":
            assert AF in row.unknown and AFL not in row.unknown
        if row.extra["source"] in ("cpsc_2018", "georgia") and not row.unlabelled:
            assert AF not in row.unknown and (AFL in row.unknown) == (row.extra["source"] == "cpsc_2018")
    card = _with_table(challenge, tmp_path, "--negatives", "challenge")
    assert not any(row.unknown for row, _ in _rows(tmp_path).values()) and card["unannotated"] == []


def test_those_with_several_recordings_per_unknown_patient_are_trained_on_only(prepared):
    splits = {part: Counter() for part in PARTS}
    for row, name in _rows(prepared[1]).values():
        splits[row.extra["source"]][name] += 1
    assert splits["ptb"] == {"train": 20} and splits["st_petersburg_incart"] == {"train": 10}
    assert splits["georgia"] == {"train": 24, "valid": 3, "test": 3}
    assert splits["cpsc_2018"] == {"train": 16, "valid": 2, "test": 2}


def test_ptbxl_has_its_own_patients_and_folds(challenge, prepared):
    card, dest = prepared
    with open(challenge / "ptbxl_database.csv", newline="") as file:
        table = {f"HR{int(row['ecg_id']):05d}": row for row in csv.DictReader(file)}
    rows = {name: found for name, found in _rows(dest).items() if name.startswith("HR")}
    assert rows.keys() == table.keys()
    for name, (row, split) in rows.items():
        fold = int(table[name]["strat_fold"])
        assert split == {9: "valid", 10: "test"}.get(fold, "train")
        assert (f"{row.patient}.0", row.extra["fold"]) == (table[name]["patient_id"], str(fold))
        assert (row.extra["ecg_id"], row.extra["statements"]) == (table[name]["ecg_id"], "NORM")
    pairs = [list(Manifest(dest / f"{name}.tsv")) for name in ("gallery", "probe", "valid_gallery", "valid_probe")]
    assert [[row.patient for row in each] for each in pairs] == [["510"], ["510"], ["509"], ["509"]]
    assert "ptb-xl by its official folds 1-8, 9, 10" in card["split"]


def test_without_the_table_its_patients_are_loudly_unknown(challenge, tmp_path, capsys):
    card = _main(challenge / "training", tmp_path, "--parts", "ptb-xl")
    assert "check: PTB-XL's patients are unknown without --ptbxl-table" in capsys.readouterr().out
    assert "PTB-XL's patients are unknown" in card["split"] and card["counts"]["patients"] == 30
    assert {row.extra["ecg_id"] for row, _ in _rows(tmp_path).values()} == {str(n) for n in range(1, 31)}
    assert not (tmp_path / "gallery.tsv").exists()
    _main(challenge / "training", tmp_path / "oh", "--preset", "oh2022")
    assert "unknown without --ptbxl-table: nobody can be paired" in capsys.readouterr().out
    card = _main(challenge / "training" / "georgia", tmp_path / "georgia", "--preset", "oh2022")
    told = capsys.readouterr().out
    assert "cpsc_2018 0 of 6877, cpsc_2018_extra 0 of 3453, ptb-xl 0 of 21837, georgia 30 of 10344, " in told
    assert "PTB-XL's patients" not in told + card["split"]


def test_a_table_of_other_recordings_is_found_out(challenge, tmp_path):
    path = tmp_path / "ptbxl_database.csv"
    lines = (challenge / "ptbxl_database.csv").read_text().splitlines()
    shifted = [",".join([str(n), line.partition(",")[2]]) for n, line in enumerate(lines[2:] + lines[1:2], start=1)]
    path.write_text("\n".join([lines[0], *shifted]) + "\n")
    with pytest.raises(ValueError, match=r"sex must be the same in headers and table, got another in 30 of 30"):
        _main(challenge / "training", tmp_path / "out", "--ptbxl-table", path)


def test_recordings_that_ptbxl_dropped_or_never_had_are_rejected(challenge, tmp_path):
    folder = tmp_path / "ptb-xl"
    for n in (1, 137, 99999):
        _write(folder, f"HR{n:05d}", n, (SR,), sex="Male")
    card = _main(folder, tmp_path / "out", "--ptbxl-table", challenge / "ptbxl_database.csv")
    assert card["counts"]["rejected"] == {"unlisted": 2}
    lines = (tmp_path / "out" / "rejected.tsv").read_text()
    assert "HR00137\tHR00137.hea\tunlisted\trecording must be one of PTB-XL 1.0.3, got HR00137" in lines
    assert "HR99999\tHR99999.hea\tunlisted\trecording must be in the table of PTB-XL, got HR99999" in lines
    card = _main(folder, tmp_path / "without", "--classes", "all")
    assert card["counts"]["rejected"] == {"unlisted": 1}, "the duplicates are known without a table"
    assert len(DUPLICATES) == 38


def test_a_source_is_told_by_the_folder_and_confirmed_by_the_name(tmp_path):
    assert part_of_file("training/georgia/g1/E00001.hea") == ("georgia", None)
    assert part_of_file("chapman_ningbo/JS10646.hea") == ("chapman_shaoxing", None)
    assert part_of_file("chapman_ningbo/JS10647.hea") == ("ningbo", None)
    assert part_of_file("legacy-gain-headers/HR00599.hea") == ("ptb-xl", None)
    assert part_of_file("PTB-XL/x17.hea") == ("ptb-xl", None) and part_of_file("x/y17.hea") == (None, None)
    _write(tmp_path / "in" / "ptb", "E00001", 1, (SR,))
    _write(tmp_path / "in" / "ptb", "S0001", 2, (SR,))
    _write(tmp_path / "in" / "mine", "monday", 3, (SR,))
    card = _main(tmp_path / "in", tmp_path / "out")
    told = "E00001\tptb/E00001.hea\tname E00001 is one of georgia, its folder is ptb's: it is taken for one of ptb\n"
    assert told in (tmp_path / "out" / "warnings.tsv").read_text()
    assert "recordings whose name is of another sub-source than their folder, which counts: 1" in card["checks"]
    assert {row.extra["source"] for row, _ in _rows(tmp_path / "out").values()} == {"ptb"}
    assert card["counts"]["rejected"] == {"unlisted": 1}
    assert (
        "monday\tmine/monday.hea\tunlisted\trecording must be one of cpsc_2018"
        in (tmp_path / "out" / "rejected.tsv").read_text()
    )


def test_what_is_odd_about_a_second_recording_of_an_id_is_not_said_of_the_first(tmp_path):
    for name in ("georgia/E00001", "ptb/E00001", "ptb/E00002"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.hea").touch()
    items, left_out, odd = cinc2021.find_items(tmp_path, PRESETS["all"], {})
    assert (len(items), left_out, list(odd)) == (3, [], ["E00002"])


def test_missing_and_empty_headers_rails_and_unknown_ages_are_counted(tmp_path, capsys):
    folder = tmp_path / "in" / "ningbo"
    _write(folder, "JS20000", 1, (AFL,), age="NaN", sex="Unknown")
    for n in (20001, 20002):
        _write(folder, f"JS{n}", n, (SR,))
    (folder / "JS20001.hea").unlink()
    (folder / "JS20002.hea").write_text("")
    _write(tmp_path / "in" / "st_petersburg_incart", "I0001", 2, (SR,), peak=32767)
    _write(tmp_path / "in" / "st_petersburg_incart", "I0002", 3, (SR,), samples=30000)
    card = _main(tmp_path / "in", tmp_path / "out")
    told = capsys.readouterr().out
    assert "age unknown: 1 recordings" in told and "sex unknown: 1 recordings" in told
    assert card["counts"]["offered"] == 5
    assert card["counts"]["rejected"] == {"missing": 1, "unreadable": 1, "implausible": 1}
    rejected = (tmp_path / "out" / "rejected.tsv").read_text()
    assert "JS20001\tningbo/JS20001.mat\tmissing\theader must lie beside the signal file, got none" in rejected
    rows = _rows(tmp_path / "out")
    assert (rows["JS20000"][0].extra["age"], rows["JS20000"][0].extra["sex"]) == ("", "")
    assert rows["I0002"][0].length == 30000, "a long recording stays whole"


def test_the_same_samples_are_never_in_two_splits(tmp_path):
    """Half of Georgia's recordings again under Chapman's names, which are drawn on their own."""
    for n in range(40):
        _write(tmp_path / "in" / "georgia", f"E{n:05d}", n, (SR,))
        _write(tmp_path / "in" / "chapman_shaoxing", f"JS{n + 1:05d}", n if n % 2 else 100 + n, CODES[n % 4])
    card = _main(tmp_path / "in", tmp_path / "out")
    homes = {}
    for row, name in _rows(tmp_path / "out").values():
        assert homes.setdefault(row.extra["waveform"], name) == name
    assert len(homes) == 60 and "moved to train" in card["split"] and "; 0 moved" not in card["split"]


def test_splits_of_a_sub_source_do_not_depend_on_the_others(challenge, prepared, tmp_path):
    _main(challenge / "training", tmp_path / "one", "--parts", "georgia")
    whole = {name: split for name, (_, split) in _rows(prepared[1]).items()}
    assert {name: split for name, (_, split) in _rows(tmp_path / "one").items()} == {
        name: split for name, split in whole.items() if name.startswith("E")
    }


def test_oh2022_holds_out_cpsc_and_georgia_and_everybody_with_two_recordings(challenge, tmp_path):
    _with_table(challenge, tmp_path / "all", "--preset", "oh2022")
    rows = _rows(tmp_path / "all")
    assert {row.extra["source"] for row, _ in rows.values()} == set(PARTS) - {"ptb", "st_petersburg_incart"}
    held_out = {name: split for name, (row, split) in rows.items() if split != "train"}
    assert {rows[name][0].extra["source"] for name in held_out} == {"cpsc_2018", "georgia"} and len(held_out) == 10
    gallery, probe = (list(Manifest(tmp_path / "all" / f"{name}.tsv")) for name in ("gallery", "probe"))
    assert [row.patient for row in gallery] == [row.patient for row in probe] == [str(n) for n in range(501, 511)]
    pretrain = {row.id for row in Manifest(tmp_path / "all" / "pretrain.tsv")}
    assert pretrain == {
        name for name, (row, split) in rows.items() if split == "train" and row.extra["source"] != "ptb-xl"
    }
    assert not pretrain & held_out.keys()
    _main(challenge / "training", tmp_path / "diagnosis", "--preset", "oh2022-diagnosis")
    again = {name: split for name, (_, split) in _rows(tmp_path / "diagnosis").items()}
    assert len(again) == 50 and {name: split for name, split in again.items() if split != "train"} == held_out


@pytest.fixture(scope="module")
def full_of_copies(tmp_path_factory):
    """CPSC and Georgia, each recording again in another sub-source, and a table that gives PTB-XL's two per patient.

    Georgia has three of CPSC's, too. Of PTB-XL, 2, 4, … 18 are Georgia's (and make patients of two people's samples),
    20 is Ningbo's, and patients 911 to 919 are in no other sub-source.
    """
    folder = tmp_path_factory.mktemp("copies")
    write = lambda part, name, seed, n=0: _write(folder / "in" / part, name, seed, CODES[n % 4], sex="Male")  # noqa: E731
    for n in range(30):
        write("cpsc_2018", f"A{n:04d}", n, n)
        write("cpsc_2018_extra", f"Q{n:04d}", n, n)
        write("georgia", f"E{n:05d}", 100 + n if n > 2 else n, n)
        part, name = ("chapman_shaoxing", f"JS{1 + n:05d}") if n % 2 else ("ningbo", f"JS{20000 + n}")
        write(part, name, 100 + n, n)
    for n in range(1, 39):
        write("ptb-xl", f"HR{n:05d}", 100 + n if n % 2 == 0 and n < 20 else 200 + n)
    write("ningbo", "JS30000", 220)
    write("ningbo", "JS30001", 300)
    lines = ["ecg_id,patient_id,sex,scp_codes,strat_fold"]
    lines += [f"{n},{900 + (n + 1) // 2},0,\"{{'NORM': 100.0}}\",{1 + n // 2 % 8}" for n in range(1, 39)]
    (folder / "ptbxl_database.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_that_either_preset_of_oh2022_is_tested_on_is_pretrained_on(full_of_copies, tmp_path, seed, capsys):
    table = ["--ptbxl-table", full_of_copies / "ptbxl_database.csv", "--seed", seed]
    card = _main(full_of_copies / "in", tmp_path / "all", "--preset", "oh2022", *table)
    told = capsys.readouterr().out
    _main(full_of_copies / "in", tmp_path / "diagnosis", "--preset", "oh2022-diagnosis", "--seed", seed)
    manifest = lambda preset, name: list(Manifest(tmp_path / preset / f"{name}.tsv"))  # noqa: E731
    pretrain = manifest("all", "pretrain")
    for preset in ("all", "diagnosis"):
        for name in ("valid", "test"):
            scored = manifest(preset, name)
            assert [row.id for row in scored] == [row.id for row in manifest("all", name)] and len(scored) >= 3
            for what in ("id", "patient"):
                assert not {getattr(row, what) for row in scored} & {getattr(row, what) for row in pretrain}
            assert not {row.extra["waveform"] for row in scored} & {row.extra["waveform"] for row in pretrain}
    gallery, probe = manifest("all", "gallery"), manifest("all", "probe")
    assert [row.patient for row in gallery] == [row.patient for row in probe] == [str(n) for n in range(911, 920)]
    of_pairs = {row.extra["waveform"] for row in [*gallery, *probe]}
    assert not of_pairs & {row.extra["waveform"] for row in pretrain}
    assert not {row.patient for row in gallery} & {row.patient for row in pretrain}
    trained = {row.id: row for row in manifest("all", "train")}
    left = {row.id for name in ("train", "valid", "test") for row in manifest("all", name)}
    gone = 30 + 30 + 30 + 30 + 38 + 2 - len(left)
    assert gone > 5 and f"{gone} recordings with samples or patients of valid or test are in no list" in card["split"]
    assert f"check: in no list, as valid or test has their samples or patient: {gone}, such as " in told
    assert card["options"]["copies of valid and test"] == "left out of train", "part of the plan: older folders differ"
    held = {row.extra["waveform"] for name in ("valid", "test") for row in manifest("all", name)}
    whose = {row.patient for row in trained.values() if row.extra["source"] == "ptb-xl"}
    assert not {row.extra["waveform"] for row in trained.values()} & held and {"910", "911"} <= whose


def test_in_oh2022_diagnosis_silence_is_absence_unless_told_otherwise(challenge, tmp_path, capsys):
    """CPSC annotates 6 of the 26 classes and Georgia 23, by the challenge's tables."""
    card = _main(challenge / "training", tmp_path / "preset", "--preset", "oh2022-diagnosis")
    assert card["options"]["negatives"] == "challenge" and card["unannotated"] == []
    assert not any(row.unknown for row, _ in _rows(tmp_path / "preset").values())
    assert "check: a class without its code counts as absent" in capsys.readouterr().out
    card = _main(challenge / "training", tmp_path / "told", "--preset", "oh2022-diagnosis", "--negatives", "annotated")
    assert card["options"]["negatives"] == "annotated"
    rows = [row for row, _ in _rows(tmp_path / "told").values() if not row.unlabelled]
    unknown = {part: Counter(len(r.unknown) for r in rows if r.extra["source"] == part) for part in ("cpsc_2018", "georgia")}  # fmt: skip  # noqa: E501
    nowhere = len(card["unannotated"])
    assert set(unknown["cpsc_2018"]) == {20 - nowhere} and set(unknown["georgia"]) == {3 - nowhere}
    assert "of 26 classes unknown, as not annotated there: 20 in cpsc_2018, 3 in georgia; " in capsys.readouterr().out
    for preset in ("all", "oh2022"):
        card = _main(challenge / "training", tmp_path / preset, "--preset", preset)
        assert card["options"]["negatives"] == "annotated"
    with pytest.raises(SystemExit):
        _main(challenge, tmp_path, "--help")
    assert "with --preset oh2022-diagnosis: challenge)" in " ".join(capsys.readouterr().out.split())


def test_nobody_is_recognised_by_samples_that_are_there_twice(challenge, tmp_path):
    """Patient 501 is in Chapman's recordings, too; of patient 502, one recording stands there twice."""
    for n, seed in ((1, 1), (2, 2), (3, 3), (4, 4), (5, 4), (6, 6), (7, 7), (8, 8)):
        _write(tmp_path / "in" / "ptb-xl", f"HR{n:05d}", seed, (SR,), sex="Male" if n % 2 else "Female")
    _write(tmp_path / "in" / "chapman_shaoxing", "JS00001", 2, (SR,))
    for n in range(20):
        _write(tmp_path / "in" / "georgia", f"E{n:05d}", 100 + n, (SR,))
    arguments = ["--preset", "oh2022", "--ptbxl-table", challenge / "ptbxl_database.csv"]
    for seed in range(5):
        _main(tmp_path / "in", tmp_path / str(seed), *arguments, "--seed", seed)
        pairs = zip(*(Manifest(tmp_path / str(seed) / f"{name}.tsv") for name in ("gallery", "probe")), strict=True)
        pairs = [(one.patient, one.extra["waveform"], other.extra["waveform"]) for one, other in pairs]
        assert [patient for patient, _, _ in pairs] == ["502", "503"]
        assert all(one != other for _, one, other in pairs)


def test_mehari2022_tests_on_the_folds_of_ptbxl(challenge, tmp_path):
    _with_table(challenge, tmp_path / "out", "--preset", "mehari2022")
    rows = _rows(tmp_path / "out")
    assert {row.extra["source"] for row, _ in rows.values()} == set(PARTS) - {"chapman_shaoxing", "ningbo"}
    held_out = {name: split for name, (row, split) in rows.items() if split != "train"}
    assert held_out == {f"HR{n:05d}": "valid" if n < 28 else "test" for n in range(25, 31)}
    with pytest.raises(ValueError, match=r"table of PTB-XL must be given for preset mehari2022"):
        _main(challenge / "training", tmp_path / "no", "--preset", "mehari2022")


def test_what_is_taken_is_checked(challenge, tmp_path, capsys):
    with pytest.raises(ValueError, match=r"parts must be among those of preset oh2022 \(.*\), got ptb \(--parts\)"):
        _main(challenge, tmp_path, "--preset", "oh2022", "--parts", "ptb,georgia")
    with pytest.raises(SystemExit):
        _main(challenge, tmp_path, "--parts", "mimic")
    assert "parts must be among cpsc_2018" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"source must hold recordings of ptb, got none below"):
        _main(tmp_path / "empty", tmp_path / "out", "--parts", "ptb")


def test_another_number_of_recordings_than_published_is_told(challenge, tmp_path, capsys):
    card = _main(challenge / "training", tmp_path, "--parts", "ptb")
    told = capsys.readouterr().out
    line = "other numbers of recordings than published, is the download complete? ptb 20 of 516"
    assert card["checks"][0] == line and told.count("is the download complete?") == 1
    assert sum(EXPECTED.values()) == 88253
    assert sum(EXPECTED[part] for part in PRESETS["mehari2022"].parts) == 43101


@pytest.mark.real
def test_the_mixed_records_against_their_headers_and_the_official_tables(real_ecgs, tmp_path):
    """Labels, unknown classes and sub-sources by plain loops over the headers and the challenge's tables."""
    folder = real_ecgs("cinc2021")
    card = _main(folder / "cinc2021-mixed", tmp_path, "--rate", "500")
    assert (card["counts"]["offered"], card["counts"]["same signal as another"]) == (221, 1)
    rows = _rows(tmp_path)
    columns = dict(zip(PARTS, ("CPSC", "CPSC_Extra", "StPetersburg", "PTB", "PTB_XL", "Georgia"), strict=False))
    columns |= {"chapman_shaoxing": "Chapman_Shaoxing", "ningbo": "Ningbo"}
    with open(folder / "official" / "dx_mapping_scored.csv", newline="") as file:
        counts = {row["SNOMEDCTCode"]: row for row in csv.DictReader(file)}
    with open(folder / "official" / "weights.csv", newline="") as file:
        merged = next(csv.reader(file))[1:]
    assert card["classes"] == merged
    found = Counter()
    for header in sorted((folder / "cinc2021-mixed").rglob("*.hea")):
        dx = next(line for line in header.read_text().splitlines() if line.startswith(("#Dx", "# Dx")))
        codes = {code.strip() for code in dx.partition(":")[2].split(",")}
        letters, number = header.stem.rstrip("0123456789"), int(header.stem.lstrip("AQSIHREJ"))
        part = {"A": "cpsc_2018", "Q": "cpsc_2018_extra", "S": "ptb", "HR": "ptb-xl", "E": "georgia"}.get(letters)
        part = part or ("chapman_shaoxing" if number <= 10646 else "ningbo")
        found[part] += 1
        if header.stem in rows:
            row, split = rows[header.stem]
            assert row.extra["source"] == part and (part != "ptb" or split == "train")
            labels = {name for name in merged if codes & set(name.split("|"))}
            silent = {n for n in merged if not any(int(counts[code][columns[part]]) for code in n.split("|"))}
            assert set(row.labels) == labels and set(row.unknown) == silent - labels
            assert set(card["unannotated"]) == set()
    assert found == {"ningbo": 66, "georgia": 44, "ptb-xl": 39, "cpsc_2018_extra": 29, "chapman_shaoxing": 19, "cpsc_2018": 14, "ptb": 10}  # fmt: skip  # noqa: E501
    assert len(rows) == card["counts"]["recordings"] >= 216, "five have a wrong gain"
    labels, known = label_matrix(Manifest(tmp_path / "train.tsv"), merged)
    assert (labels <= known).all() and not known.all()
