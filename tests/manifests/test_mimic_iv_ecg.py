"""A small folder in the layout of MIMIC-IV-ECG 1.0: files by wfdb in the source's lead order, and its tables."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import wfdb

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.store import Store
from manifests import mimic_iv_ecg
from manifests.details.mimic_diagnoses import read_diagnoses

ROOT = Path(__file__).resolve().parents[2]
STORED = ["I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6"]  # as the source stores them
N = 40


def _leads(seed):
    """Twelve leads by name, digital at 200 per mV, the limb leads in one plane."""
    generator = np.random.default_rng(seed)
    one, two = (4 * generator.integers(-100, 100, 5000) for _ in range(2))
    limb = {
        "I": one,
        "II": two,
        "III": two - one,
        "aVR": -(one + two) // 2,
        "aVL": one - two // 2,
        "aVF": two - one // 2,
    }
    return limb | {f"V{n}": generator.integers(-400, 400, 5000) for n in range(1, 7)}


@pytest.fixture(scope="module")
def mimic(tmp_path_factory):
    """40 recordings of 20 patients: number 7 has invalid samples, number 9 a dead lead; 3 lacks its files."""
    root = tmp_path_factory.mktemp("mimic")
    records, measured = [], []
    for number in range(N):
        patient, study = 10_000_000 + number // 2, 40_000_000 + 7 * number
        folder = Path(f"files/p{str(patient)[:4]}/p{patient}/s{study}")
        records.append((patient, study, study, "2180-07-23 08:44:00", f"{folder}/{study}"))
        report = ["Warning: data quality may affect interpretation", "", "Atrial fibrillation"] if number == 5 else []
        report += [] if report else ["Sinus rhythm.", "Normal ECG"]
        report += [None] * (18 - len(report))
        times = [800, 29999 if number == 5 else 40, 29999 if number == 5 else 150, 200, 290, 600]
        axes = [32767 if number == 5 else 30, -32768 if number == 6 else 40, 50]
        times[0] = 65535 if number == 8 else 800 + number
        measured.append((patient, study, 6848296, "2180-07-23 08:44:00", *report, "0.005-150 Hz", "<not specified>", *times, *axes))  # fmt: skip  # noqa: E501
        leads = _leads(number)
        if number == 7:
            leads["V3"][10:20] = -32768
        if number == 9:
            leads["V6"][:] = 0
        if number != 3:
            (root / folder).mkdir(parents=True)
            digital = np.stack([leads[name] for name in STORED], axis=1)
            wfdb.wrsamp(str(study), 500, ["mV"] * 12, STORED, d_signal=digital, fmt=["16"] * 12, adc_gain=[200.0] * 12, baseline=[0] * 12, write_dir=str(root / folder))  # fmt: skip  # noqa: E501
    columns = ["subject_id", "study_id", "file_name", "ecg_time", "path"]
    pd.DataFrame(records, columns=columns).to_csv(root / "record_list.csv", index=False)
    columns = ["subject_id", "study_id", "cart_id", "ecg_time", *(f"report_{n}" for n in range(18)), "bandwidth"]
    columns += ["filtering", "rr_interval", "p_onset", "p_end", "qrs_onset", "qrs_end", "t_end", "p_axis", "qrs_axis"]
    columns += ["t_axis"]
    shuffled = pd.DataFrame(measured, columns=columns).sample(frac=1, random_state=1)  # rows are joined, not counted
    shuffled.to_csv(root / "machine_measurements.csv", index=False)
    return root


def _diagnoses(path, records, **changes):
    table = pd.read_csv(records / "record_list.csv")[["study_id", "subject_id", "ecg_time"]].iloc[::-1]
    number = np.arange(N)[::-1]
    hospital = [str(["I2510", "W19XXXA"][: 2 - n % 8 // 4]) if n % 4 == 0 else str([]) for n in number]
    emergency = [str(["R4182"]) if n % 4 < 2 else str([]) for n in number]
    table["ed_diag_ed"] = emergency
    table["all_diag_hosp"] = hospital
    table["all_diag_all"] = [h if h != "[]" else e for h, e in zip(hospital, emergency, strict=True)]
    table["gender"] = ["missing" if n == 11 else "FM"[n // 2 % 2] for n in number]
    table["age"] = [None if n == 11 else 50.0 + n for n in number]
    table["ecg_taken_in_ed"], table["ecg_taken_in_hosp"], table["ecg_no_within_stay"] = True, False, 0
    table["strat_fold"] = [n // 2 for n in number]
    table.assign(**changes).to_csv(path, index=False)
    return path


def _prepare(mimic, dest, *more):
    return mimic_iv_ecg.main(["--source", str(mimic), "--dest", str(dest), "--workers", "1", *map(str, more)])


def _rows(dest):
    return {row.id: (row, name) for name in ("train", "valid", "test") for row in Manifest(dest / f"{name}.tsv")}


@pytest.fixture(scope="module")
def plain(mimic, tmp_path_factory):
    dest = tmp_path_factory.mktemp("plain")
    return dest, _prepare(mimic, dest, "--shares", "0.5,0.25,0.25")


def _study(number):
    return str(40_000_000 + 7 * number)


def test_leads_are_found_by_name_although_avf_stands_before_avl(plain):
    dest, _ = plain
    row, _ = _rows(dest)[_study(4)]
    stored = Store(dest / "store").read(*row.stored).astype(np.float64)
    truth = _leads(4)
    for place, name in enumerate(["I", "II", "III", "aVR", "aVL", "aVF", "V1"]):
        scale = truth[name] @ stored[place] / (stored[place] @ stored[place])
        np.testing.assert_allclose(stored[place] * scale, truth[name], atol=1)
    other = truth["aVF"] @ stored[4] / np.linalg.norm(truth["aVF"]) / np.linalg.norm(stored[4])
    assert other < 0.9, "the place of aVL must not hold aVF"


def test_nothing_is_known_without_diagnoses_and_patients_stay_together(plain):
    dest, card = plain
    rows = _rows(dest)
    assert all(row.unlabelled and not row.labels for row, _ in rows.values()) and card["classes"] == []
    homes = {}
    for study, (row, split) in rows.items():
        assert row.patient == str(10_000_000 + (int(study) - 40_000_000) // 14)
        assert homes.setdefault(row.patient, split) == split
    assert {split for _, split in rows.values()} == {"train", "valid", "test"}
    assert card["counts"]["rows"]["gallery"] == len(list(Manifest(dest / "gallery.tsv"))) > 0


def test_all_lines_of_the_report_are_kept_and_what_was_not_measurable_is_empty(plain):
    dest, card = plain
    cells = {number: _rows(dest)[_study(number)][0].extra for number in (4, 5, 6, 8)}
    assert cells[4]["report"] == "Sinus rhythm. | Normal ECG" and cells[4]["rr_interval"] == "804"
    assert cells[5]["report"] == "Warning: data quality may affect interpretation | Atrial fibrillation"
    assert (cells[5]["p_onset"], cells[5]["p_end"], cells[5]["p_axis"], cells[5]["qrs_axis"]) == ("", "", "", "40")
    assert (cells[6]["qrs_axis"], cells[8]["rr_interval"], cells[8]["t_end"]) == ("", "", "600")
    assert cells[4]["ecg_time"] == "2180-07-23 08:44:00" and cells[4]["bandwidth"] == "0.005-150 Hz"
    line = next(line for line in card["checks"] if line.startswith("not measurable, left empty: "))
    assert {"p_onset 1", "p_end 1", "p_axis 1"} <= set(line.partition(": ")[2].split(", "))


def test_lost_files_and_invalid_samples_are_counted_and_the_number_of_recordings_is_compared(plain):
    dest, card = plain
    assert card["counts"]["rejected"] == {"missing": 1, "not finite": 1}
    rejected = pd.read_csv(dest / "rejected.tsv", sep="\t", dtype=str).set_index("id")
    assert rejected.loc[_study(3), "reason"] == "missing" and "V3" in rejected.loc[_study(7), "message"]
    warnings = pd.read_csv(dest / "warnings.tsv", sep="\t", dtype=str).set_index("id")
    assert "V6" in warnings.loc[_study(9), "warning"], "a dead lead is kept, and said"
    assert any("800035 recordings, got 40" in line for line in card["checks"])


def test_diagnoses_label_and_split_and_an_empty_list_is_unknown(mimic, tmp_path):
    card = _prepare(mimic, tmp_path / "out", "--diagnoses", _diagnoses(tmp_path / "d.csv", mimic), "--min-count", "6")
    rows = _rows(tmp_path / "out")
    assert card["classes"] == ["I25", "I251", "I2510", "R41", "R418", "R4182"], "W19 is too rare"
    for number in set(range(N)) - {3, 7}:
        row, split = rows[_study(number)]
        hospital, emergency = ("I25", "I251", "I2510"), ("R41", "R418", "R4182")
        assert row.labels == (hospital, emergency, (), ())[number % 4]
        assert row.unlabelled == (number % 4 > 1), "no linked diagnosis is not: none of the classes"
        assert split == ("test" if number // 2 == 19 else "valid" if number // 2 == 18 else "train")
        assert row.extra["fold"] == str(number // 2) and row.extra["ecg_taken_in_ed"] == "True"
        expected = ("", "") if number == 11 else (("female", "male")[number // 2 % 2], str(50 + number))
        assert (row.extra["sex"], row.extra["age"]) == expected
    assert "strat_fold" in card["split"]


@pytest.mark.parametrize(
    ("how", "codes"),
    [
        ({}, ["I25", "I251", "I2510", "R41", "R418", "R4182", "W19"]),
        ({"which": "hospital"}, ["I25", "I251", "I2510", "W19"]),
        ({"which": "ed", "wider": False}, ["R4182"]),
        ({"digits": 3}, ["I25", "R41", "W19"]),
        ({"digits": 4, "wider": False}, ["I251", "R418", "W19"]),
        ({"digits": 7}, ["I25", "I251", "I2510", "R41", "R418", "R4182", "W19", "W19XXXA"]),
    ],
)
def test_which_diagnoses_are_taken_and_how_codes_are_cut(mimic, tmp_path, how, codes):
    path = _diagnoses(tmp_path / "d.csv", mimic)
    pd.read_csv(path).drop(columns="strat_fold").to_csv(path, index=False)
    diagnoses, odd = read_diagnoses(path, **how)
    items, left = mimic_iv_ecg.read_items(mimic, {}, diagnoses)
    assert sorted({code for item in items for code in item.labels}) == codes and not left and not odd
    assert all(item.split is None for item in items), "without folds, splits are by patient"


def test_what_is_no_code_is_left_out_and_counted(mimic, tmp_path):
    lists = ["['NoDx', 'I10']"] * 5 + ["['NoDx']"] * 5 + ["[]"] * (N - 10)
    diagnoses, odd = read_diagnoses(_diagnoses(tmp_path / "d.csv", mimic, all_diag_all=lists))
    known = [one.codes for one in diagnoses.values()]
    assert known[:5] == [("I10",)] * 5 and known[5:] == [None] * (N - 5) and odd == {"NoDx": 10}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gender": "X"}, r"sex must be M or F, .*got 'X' \(.*row 2, column gender\)"),
        ({"strat_fold": 20}, r"strat_fold must be 0 to 19, got '20' \(.*row 2\)"),
        ({"all_diag_all": "I10;I20"}, r"diagnoses must be a list such as .*got 'I10;I20' \(.*column all_diag_all\)"),
        ({"study_id": 4}, r"study_id must be listed once, got 4 again \(.*row 3\)"),
    ],
)
def test_another_table_of_diagnoses_is_refused(mimic, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        read_diagnoses(_diagnoses(tmp_path / "d.csv", mimic, **changes))
    with pytest.raises(ValueError, match="characters of a code must be 3 to 7, got 2"):
        read_diagnoses(_diagnoses(tmp_path / "d.csv", mimic), digits=2)


def test_tables_that_do_not_fit_each_other_are_refused(mimic, tmp_path):
    diagnoses, _ = read_diagnoses(_diagnoses(tmp_path / "d.csv", mimic, subject_id=5))
    with pytest.raises(ValueError, match=r"subject_id of study 40000000 must be 10000000 in every table.*row 2\)"):
        mimic_iv_ecg.read_items(mimic, {}, diagnoses)
    table = pd.read_csv(mimic / "record_list.csv")
    table.assign(path=table["path"].to_numpy()[::-1]).to_csv(tmp_path / "record_list.csv", index=False)
    with pytest.raises(ValueError, match=r"path must be that .*, …/p10000000/s40000000/40000000, got 'files/.*row 2\)"):
        mimic_iv_ecg.read_items(tmp_path, {})


def test_what_the_table_of_diagnoses_lacks_is_left_out_with_its_reason(mimic, tmp_path):
    path = _diagnoses(tmp_path / "d.csv", mimic)
    pd.read_csv(path).iloc[1:].to_csv(path, index=False)
    items, left = mimic_iv_ecg.read_items(mimic, {}, read_diagnoses(path)[0])
    assert len(items) == N - 1 and [(one.item.id, one.fault) for one in left] == [(_study(N - 1), "unlisted")]


def test_classes_that_never_occur_are_refused_before_anything_is_packed(mimic, tmp_path):
    path = _diagnoses(tmp_path / "d.csv", mimic)
    for more in ([], ["--classes", "Z99"]):
        with pytest.raises(
            ValueError, match=r"classes must occur among the diagnoses, got .*\(--classes, --min-count\)"
        ):
            _prepare(mimic, tmp_path / "out", "--diagnoses", path, *more)
    assert not (tmp_path / "out").exists()


def test_the_command_runs(mimic, tmp_path):
    words = [sys.executable, "-m", "manifests.mimic_iv_ecg", "--source", str(mimic), "--dest", str(tmp_path / "out")]
    done = subprocess.run([*words, "--workers", "1"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "check: not measurable, left empty: " in done.stdout and "rejected: 1 missing, 1 not finite" in done.stdout
    assert "check: the source publishes 800035 recordings, got 40" in done.stdout


def test_the_path_of_another_subject_is_refused_and_a_study_stands_once(mimic, tmp_path):
    table = pd.read_csv(mimic / "record_list.csv", dtype=str)
    table.assign(subject_id=table["subject_id"].to_numpy()[::-1]).to_csv(tmp_path / "record_list.csv", index=False)
    with pytest.raises(ValueError, match=r"path must be that of its subject .*/p10000019/s40000000/.*row 2\)"):
        mimic_iv_ecg.read_items(tmp_path, {})
    pd.concat([table, table[:1]]).to_csv(tmp_path / "record_list.csv", index=False)
    with pytest.raises(ValueError, match=r"study_id must be listed once, got 40000000 again .*row 42\)"):
        mimic_iv_ecg.read_items(tmp_path, {})


def test_the_ejection_fraction_comes_from_the_nearest_echocardiogram(mimic, tmp_path):
    echo = pd.DataFrame(
        [
            (10_000_002, 1, "2180-07-25 08:44:00", "tte", "lvef", "32", "%"),
            (10_000_002, 2, "2180-07-29 08:44:00", "tte", "lvef", "60", "%"),
            (10_000_005, 3, "2180-09-23 08:44:00", "tte", "lvef", "60", "%"),  # 62 days later
        ],
        columns=["subject_id", "measurement_id", "measurement_datetime", "test_type", "measurement", "result", "unit"],
    )
    echo.to_csv(tmp_path / "structured-measurement.csv", index=False)
    more = ["--shares", "0.5,0.25,0.25", "--echo", tmp_path / "structured-measurement.csv"]
    card = _prepare(mimic, tmp_path / "data", *more)
    rows = {study: row.extra for study, (row, _) in _rows(tmp_path / "data").items()}
    assert [(rows[_study(n)]["ef"], rows[_study(n)]["ef_days"]) for n in (4, 5, 10)] == [("32", "2.00")] * 2 + [
        ("", "")
    ]
    assert sum(bool(cells["ef"]) for cells in rows.values()) == 2
    assert any(line.startswith("ejection fraction within 14 days of the recording: 2 of 40") for line in card["checks"])
    labels, known = label_matrix(Manifest(tmp_path / "data" / "train.tsv"), ["lvsd: ef < 40"])
    train = {row.id for row in Manifest(tmp_path / "data" / "train.tsv")}
    assert known.sum() == labels.sum() == len(train & {_study(4), _study(5)})


def test_echocardiograms_of_other_people_or_other_times_are_refused(mimic, tmp_path):
    (tmp_path / "echo.csv").write_text("subject_id,time,ef\n10000002,2200-01-01,30\n")
    with pytest.raises(ValueError, match="some recording must have an echocardiogram within 14 days, got none"):
        _prepare(mimic, tmp_path / "data", "--echo", tmp_path / "echo.csv")
