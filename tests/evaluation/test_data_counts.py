"""Counts of a data set against a plain loop over its files with Python's csv."""

import csv
import random
from collections import Counter

import pytest
import yaml

from fairseq_signals.evaluation.data_counts import count_data

CLASSES = ["NORM", "AF", "RARE", "NEVER", "STEMI"]
CARD = {
    "format": 1, "source": "made", "version": "1",
    "counts": {"rows": {"train": 300, "valid": 40, "test": 60, "probe": 20}},
    "classes": CLASSES, "unannotated": ["STEMI"], "units": "mV", "rate": None, "split": "drawn", "files": {},
}  # fmt: skip
COLUMNS = ["id", "ecg", "start", "length", "rate", "leads", "patient", "labels"]


def labels(random):
    if random.random() < 0.1:
        return "-"
    cell = [code for code in CLASSES[:3] if random.random() < 0.3]
    return ",".join(cell + [f"?{code}" for code in CLASSES[:3] if code not in cell and random.random() < 0.1])


def write(folder, extra=("age", "sex", "source"), card=CARD, seed=1):
    draw = random.Random(seed)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(card))
    for name, number in CARD["counts"]["rows"].items():
        lines = ["\t".join([*COLUMNS, *extra])]
        for place in range(number):
            more = {
                "age": draw.choice(["", "nan", "63", "63.7", "90", "300", "-1", "old"]),
                "sex": draw.choice(["female", "male", "", "other"]),
                "source": draw.choice(["a", "b", ""]),
            }
            length, rate = draw.choice(["5000", "2500", "5003"]), draw.choice(["500", "250"])
            cells = [f"{name}{place}", "x.hea", "0", length, rate, draw.choice(["12", "I,II"])]
            cells += [f"{name}-p{place // 3}", labels(draw), *(more[key] for key in extra)]
            lines.append("\t".join(cells))
        (folder / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    (folder / "rejected.tsv").write_text(
        "id\tfile\treason\tmessage\na\tb\tflat\tno 1\nc\td\tflat\tno 2\ne\tf\trate\tx\n"
    )
    (folder / "notes.tsv").write_text(
        "id\tfile\tnote\na\tb\tgain of 0 in lead 3\nc\td\tgain of 0 in lead 12\ne\tf\todd\n"
    )


def rows(folder, *names):
    for name in names:
        with open(folder / f"{name}.tsv", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


SPLITS = ("train", "valid", "test")


def test_labels_are_present_unknown_or_absent(tmp_path):
    write(tmp_path)
    counts = count_data(tmp_path)
    for name in SPLITS:
        present, unknown = Counter(), Counter()
        for row in rows(tmp_path, name):
            cells = row["labels"].split(",")
            for code in CLASSES:
                if code in cells:
                    present[code] += 1
                elif f"?{code}" in cells or row["labels"] == "-" or code == "STEMI":
                    unknown[code] += 1
        assert {code: counts.present[name][code] for code in CLASSES} == {code: present[code] for code in CLASSES}
        assert {code: counts.unknown[name][code] for code in CLASSES} == {code: unknown[code] for code in CLASSES}
        table = [row["labels"] for row in rows(tmp_path, name)]
        assert counts.nothing_known[name] == table.count("-")
        assert counts.without_class[name] == sum(
            cell != "-" and all(code.startswith("?") for code in cell.split(",") if code) for cell in table
        )
    assert counts.nothing_known["train"] > 0 < counts.without_class["train"]
    assert counts.unknown["test"]["STEMI"] == 60 and counts.present["test"]["NEVER"] == 0


def test_everything_else_is_counted_once_per_recording(tmp_path):
    write(tmp_path)
    counts = count_data(tmp_path)
    table = list(rows(tmp_path, *SPLITS))
    assert counts.recordings == 400 and counts.splits == list(SPLITS)
    assert counts.sources == Counter(row["source"] or "unknown" for row in table)
    assert counts.sexes == Counter(row["sex"] or "unknown" for row in table)
    assert counts.leads == Counter(row["leads"] for row in table)
    assert counts.rates == Counter(float(row["rate"]) for row in table)
    assert counts.seconds == Counter(round(int(row["length"]) / float(row["rate"]), 1) for row in table)
    ages = {"": None, "nan": None, "old": None, "63": 63, "63.7": 63, "90": 90, "300": 300, "-1": -1}
    assert counts.ages == Counter(ages[row["age"]] for row in table)


def test_manifests_count_rows_and_patients(tmp_path):
    write(tmp_path)
    counts = count_data(tmp_path)
    assert list(counts.manifests) == ["train", "valid", "test", "probe"]
    for name, one in counts.manifests.items():
        assert one.patients == Counter(row["patient"] for row in rows(tmp_path, name))
        assert one.rows == CARD["counts"]["rows"][name]
    assert counts.shared_patients() == 0 and counts.differing_rows() == []


def test_a_leak_and_a_wrong_card_are_seen(tmp_path):
    write(tmp_path)
    with open(tmp_path / "test.tsv", "a") as file:
        for number, patient in enumerate(("train-p3", "train-p3", "valid-p1", "new")):
            file.write(f"more{number}\tx.hea\t0\t5000\t500\t12\t{patient}\tAF\t50\tmale\ta\n")
    counts = count_data(tmp_path)
    assert counts.shared_patients() == 2
    assert counts.differing_rows() == ["test.tsv has 64 rows, dataset.yaml says 60"]


def test_missing_columns_are_unknown_and_the_source_is_the_cards(tmp_path):
    write(tmp_path, extra=())
    counts = count_data(tmp_path)
    assert counts.sources == {"made": 400} and counts.sexes == {"unknown": 400} and counts.ages == {None: 400}


def test_reasons_are_put_together(tmp_path):
    write(tmp_path)
    counts = count_data(tmp_path)
    assert counts.rejected == {"flat": 2, "rate": 1}
    assert counts.warned == {"gain of # in lead #": 2, "odd": 1}
    (tmp_path / "notes.tsv").unlink()
    (tmp_path / "warnings.tsv").write_text("id\tfile\treason\tmessage\na\tb\tleads 12\tx\nc\td\tleads 12\ty\n")
    assert count_data(tmp_path).warned == {"leads 12": 2}
    (tmp_path / "rejected.tsv").unlink()
    assert count_data(tmp_path).rejected == {}
    (tmp_path / "excluded.tsv").write_text("id\tsource\treason\na\tb\tpatient of x/test.tsv\n")
    assert count_data(tmp_path).rejected == {"patient of x/test.tsv": 1}
    (tmp_path / "warnings.tsv").write_text("id\tfile\twarning\na\tb\tconstant: V1, V2\nc\td\tconstant: I\n")
    assert count_data(tmp_path).warned == {"constant": 2}


def test_warnings_of_one_kind_are_counted_together(tmp_path):
    write(tmp_path)
    agree = "limb leads must agree (III = II - I and the like), got errors of up to"
    told = {
        "limb leads disagree": [f"{agree} aVL 0.833 mV in 0.3% of the samples", f"{agree} III 3 mV, aVR 1 mV: V1 is V2",
                                "limb leads must agree (III = II - I), got leads that contradict each other here"],
        "samples at one extreme value": ["samples at one extreme value: V2 1.1%"],
        "amplitude is # mV": ["amplitude is 11.2 mV, and 1.38 in the median of all", "amplitude is 9 mV, and 1 in x"],
        "holds the same signal as #": ["holds the same signal as E07509", "holds the same signal as JS1"],
        "age must be # to # years": ["age must be 0 to 130 years, got 300", "age must be 0 to 130 years, got -1"],
        "sex must be male, female or empty": ["sex must be male, female or empty, got x, y"],
    }  # fmt: skip
    lines = [f"{number}\tf\t{text}\n" for texts in told.values() for number, text in enumerate(texts)]
    (tmp_path / "notes.tsv").unlink()
    (tmp_path / "warnings.tsv").write_text("id\tfile\twarning\n" + "".join(lines))
    assert count_data(tmp_path).warned == {kind: len(texts) for kind, texts in told.items()}


def test_a_prepared_data_set_agrees_with_its_card(ecg_data):
    counts = count_data(ecg_data)
    assert counts.differing_rows() == [] and counts.shared_patients() == 0
    told = counts.card["counts"]
    assert counts.recordings == told["recordings"] and counts.rejected.total() == sum(told["rejected"].values())
    assert len({p for name in SPLITS for p in counts.manifests[name].patients}) == told["patients"]
    present = Counter(code for row in rows(ecg_data, *SPLITS) for code in row["labels"].split(",") if code)
    assert sum(counts.present.values(), Counter()) == present


def test_no_data_set_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"must have a dataset\.yaml"):
        count_data(tmp_path)
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(CARD))
    with pytest.raises(FileNotFoundError, match="must have a manifest"):
        count_data(tmp_path)
    write(tmp_path)
    with open(tmp_path / "test.tsv", "a") as file:
        file.write("only two\tcells\n")
    with pytest.raises(ValueError, match=r"11 fields.*test\.tsv, line 62"):
        count_data(tmp_path)
    write(tmp_path)
    path = tmp_path / "test.tsv"
    path.write_text(path.read_text().replace("\t500\t", "\tfast\t"))
    with pytest.raises(ValueError, match=r"length and rate must be numbers, got .*fast.*test\.tsv"):
        count_data(tmp_path)
