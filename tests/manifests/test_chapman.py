"""Both forms as they are published: a workbook that openpyxl writes with CSVs of pandas, and records of SciPy."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from openpyxl import Workbook
from scipy.io import savemat

from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.store import Store
from manifests import chapman

LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
COLUMNS = ["FileName", "Rhythm", "Beat", "PatientAge", "DateofBirth", "Gender", "VentricularRate", "AtrialRate"]
COLUMNS += ["QRSDuration", "QTInterval", "QTCorrected", "RAxis", "TAxis", "QRSCount", "QOnset", "QOffset", "TOffset"]
AF, AFL, SR, SB, RBBB, LBBB, TWC = (
    "164889003", "164890007", "426783006", "426177001", "59118001", "164909002", "164934002",
)  # fmt: skip
WANDERING = "195101003"  # both of the rhythm SAAWR and of the finding WAVN
CASES = [  # Rhythm, Beat, codes
    ("AFIB", "RBBB TWC", (AF, RBBB, TWC)),
    ("AF", "NONE", (AFL,)),
    ("SB", "LFBBB JPS", (SB, LBBB, "JPS")),
    ("SR", "WAVN", (SR, WANDERING)),
    ("SAAWR", None, (WANDERING,)),
]


def _limbs(generator, samples):
    digital = generator.integers(-400, 400, (12, samples))
    one, two = 2 * (digital[:2] // 2)
    digital[:6] = one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2
    return digital


def _name(n):
    return f"MUSE_20180113_171{n:03d}_27000"


@pytest.fixture(scope="module")
def figshare(tmp_path_factory):
    """40 recordings in microvolts; the denoised ones have no line of names."""
    folder = tmp_path_factory.mktemp("ChapmanECG")
    book = Workbook()
    book.active.append(COLUMNS)
    for n in range(40):
        rhythm, beat, _ = CASES[n % 5]
        gender = "MALE" if n % 2 else "FEMALE"
        book.active.append([_name(n), rhythm, beat, 20 + n, "01-01-1950", gender, *range(100 + n, 111 + n)])
        for name, header, seed in (("ECGData", LEADS, n), ("ECGDataDenoised", False, 100 + n)):
            (folder / name).mkdir(exist_ok=True)
            table = pd.DataFrame(_limbs(np.random.default_rng(seed), 1000).T.astype(float))
            table.to_csv(folder / name / f"{_name(n)}.csv", index=False, header=header)
    book.save(folder / "Diagnostics.xlsx")
    return folder


def _main(source, dest, *more):
    return chapman.main(["--source", str(source), "--dest", str(dest), "--workers", "1", *more])


def _rows(dest):
    return {row.id: (row, name) for name in ("train", "valid", "test") for row in Manifest(dest / f"{name}.tsv")}


def test_figshare_is_microvolts_at_500_hz_and_af_is_flutter(figshare, tmp_path):
    card = _main(figshare, tmp_path)
    rows = _rows(tmp_path)
    assert len(rows) == 40 and card["rate"] == 500.0 and card["source"] == "Chapman-Shaoxing (figshare)"
    for n in range(40):
        row, _ = rows[_name(n)]
        assert row.labels == CASES[n % 5][2] and row.patient == row.id and not row.unlabelled
        assert (row.extra["rhythm"], row.extra["beat"]) == (
            CASES[n % 5][0],
            (CASES[n % 5][1] or "NONE").replace("NONE", ""),
        )
        assert (row.extra["age"], row.extra["sex"]) == (str(20 + n), "male" if n % 2 else "female")
        assert (row.extra["VentricularRate"], row.extra["TOffset"]) == (str(100 + n), str(110 + n))
        assert row.extra["source"] == "chapman_shaoxing" and "01-01-1950" not in row.extra.values()
    stored = Store(tmp_path / "store").read(*rows[_name(7)][0].stored)
    microvolts = pd.read_csv(figshare / "ECGData" / f"{_name(7)}.csv").to_numpy().T
    np.testing.assert_array_equal(stored, microvolts)  # the store's steps are microvolts
    assert card["checks"][0] == "the source publishes 10646 recordings, got 40: is the download complete?"
    assert (
        min(card["counts"]["rows"][name] for name in ("train", "valid", "test")) >= 4
        and not (tmp_path / "gallery.tsv").exists()
    )


def test_the_denoised_form_has_no_names_of_leads(figshare, tmp_path):
    _main(figshare, tmp_path, "--signals", "denoised")
    stored = Store(tmp_path / "store").read(*_rows(tmp_path)[_name(7)][0].stored)
    plain = np.loadtxt(figshare / "ECGDataDenoised" / f"{_name(7)}.csv", delimiter=",").T
    np.testing.assert_array_equal(stored, plain)


def test_a_finding_that_shares_the_code_of_a_rhythm_is_no_rhythm(figshare, tmp_path):
    card = _main(figshare, tmp_path / "rhythm", "--classes", "rhythm")
    assert len(card["classes"]) == 11 and card["classes"] == chapman.rhythms()
    for row, _ in _rows(tmp_path / "rhythm").values():
        assert len(row.labels) == 1 and row.labels[0] == CASES[int(row.id[17:20]) % 5][2][0]
    card = _main(figshare, tmp_path / "beat", "--classes", "beat")
    assert card["classes"] == sorted([RBBB, TWC, LBBB, "JPS", WANDERING])
    for row, _ in _rows(tmp_path / "beat").values():
        n = int(row.id[17:20]) % 5
        assert row.labels == CASES[n][2][1:] and not row.unlabelled and not row.unknown


def test_classes_that_chapman_does_not_annotate_are_unknown(figshare, tmp_path):
    card = _main(figshare, tmp_path, "--classes", "cinc2021")
    silent = {"6374002", "426627000", "713426002", "445118002", "10370003", "365413008", "427393009"}
    assert set(card["unannotated"]) == silent and len(card["classes"]) == 26
    _, known = label_matrix(Manifest(tmp_path / "train.tsv"), card["classes"])
    assert (known == [name not in silent for name in card["classes"]]).all()


def test_the_workbook_and_the_folder_must_agree(figshare, tmp_path):
    folder = tmp_path / "in"
    (folder / "ECGData").mkdir(parents=True)
    for n in range(12):
        (folder / "ECGData" / f"{_name(n)}.csv").write_bytes((figshare / "ECGData" / f"{_name(n)}.csv").read_bytes())
    book = Workbook()
    book.active.append(COLUMNS)
    for n in range(1, 13):
        book.active.append([_name(n), "SR", "NONE", 50, "", "MALE", *range(11)])
    book.save(folder / "Diagnostics.xlsx")
    card = _main(folder, tmp_path / "out")
    assert card["counts"]["rejected"] == {"missing": 1, "unlisted": 1} and card["counts"]["recordings"] == 11
    rejected = (tmp_path / "out" / "rejected.tsv").read_text()
    assert f"{_name(0)}\tECGData/{_name(0)}.csv\tunlisted" in rejected and f"{_name(12)}.csv\tmissing" in rejected
    with pytest.raises(FileNotFoundError, match=r"source must have the folder ECGDataDenoised, got none"):
        _main(folder, tmp_path / "out", "--signals", "denoised")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (["x", "LBBB", "", 1, "", "MALE"], r"one of the rhythms SB, SR, .*, got 'x' and 'LBBB' \(.*row 2\)"),
        (["x", None, "", 1, "", "MALE"], r"one of the rhythms SB, SR, .*, got 'x' and ''"),
        (
            ["x", "SR", "", 1, "", "X"],
            r"sex must be M or F, male or female, or empty, got 'X' \(.*Diagnostics\.xlsx, row 2\)",
        ),
        (
            ["../x", "SR", "", 1, "", "MALE"],
            r"file must be a path inside the source's folder, got 'ECGData/\.\./x\.csv'",
        ),
    ],
)
def test_rows_that_are_not_of_the_source_are_refused(tmp_path, row, message):
    (tmp_path / "ECGData").mkdir()
    book = Workbook()
    book.active.append(COLUMNS)
    book.active.append(row)
    book.save(tmp_path / "Diagnostics.xlsx")
    with pytest.raises(ValueError, match=message):
        _main(tmp_path, tmp_path / "out")


def _record(folder, number, codes, seed):
    where = folder / "WFDBRecords" / f"{number // 1000 % 100:02d}" / f"{number // 100 % 1000:03d}"
    where.mkdir(parents=True, exist_ok=True)
    name, digital = f"JS{number:05d}", _limbs(np.random.default_rng(seed), 1000)
    savemat(where / f"{name}.mat", {"val": digital.astype(np.int16)}, appendmat=False, format="4")
    lines = [f"{name} 12 500 1000"]
    lines += [f"{name}.mat 16+24 1000/mV 16 0 {row[0]} 0 0 {lead}" for lead, row in zip(LEADS, digital, strict=True)]
    text = "\n".join([*lines, "#Age: 85", "#Sex: Male", f"#Dx: {','.join(codes)}", "#Rx: Unknown"])
    (where / f"{name}.hea").write_text(text + "\n")
    return where / f"{name}.hea"


@pytest.fixture(scope="module")
def physionet(tmp_path_factory):
    """24 records of Chapman, 16 of Ningbo; one without its header, one with an empty one, as JS01052 has."""
    folder = tmp_path_factory.mktemp("ecg-arrhythmia")
    for place, number in enumerate((*range(10623, 10647), *range(10647, 10663))):
        _record(folder, number, ((AF, RBBB), (AFL,), (SR, TWC))[place % 3] if number <= 10646 else (AFL,), place)
    _record(folder, 1052, (SR,), 98).write_text("")
    _record(folder, 23074, (SR,), 99).unlink()
    (folder / "ConditionNames_SNOMED-CT.csv").write_text("Acronym Name,Full Name,Snomed_CT\n")
    return folder


def test_physionets_form_is_told_by_its_content(physionet, tmp_path):
    card = _main(physionet, tmp_path)
    rows = _rows(tmp_path)
    assert card["source"] == "Chapman-Shaoxing and Ningbo" and len(rows) == card["counts"]["recordings"] == 40
    assert card["counts"]["rejected"] == {"missing": 1, "unreadable": 1}
    assert Counter(row.extra["source"] for row, _ in rows.values()) == {"chapman_shaoxing": 24, "ningbo": 16}
    assert rows["JS10646"][0].extra["source"] == "chapman_shaoxing" and rows["JS10647"][0].extra["source"] == "ningbo"
    assert all(row.patient == name for name, (row, _) in rows.items())
    assert rows["JS10623"][0].labels == (AF, RBBB)
    assert card["checks"][0] == "the source publishes 45152 recordings, got 42: is the download complete?"


def test_ningbos_fibrillation_is_unknown(physionet, tmp_path):
    card = _main(physionet, tmp_path, "--classes", "rhythm")
    for row, _ in _rows(tmp_path).values():
        assert (AF in row.unknown) == (row.extra["source"] == "ningbo")
        assert len(row.labels) == 1 and TWC not in card["classes"]
    card = _main(physionet, tmp_path / "beat", "--classes", "beat")
    assert card["classes"] == sorted([RBBB, TWC])


def test_a_folder_of_neither_or_both_forms_is_refused(figshare, tmp_path):
    (tmp_path / "in").mkdir()
    with pytest.raises(FileNotFoundError, match=r"source must have Diagnostics\.xlsx or WFDBRecords, got neither in"):
        _main(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "WFDBRecords").mkdir()
    with pytest.raises(FileNotFoundError, match="source must hold recordings, got none below"):
        _main(tmp_path / "in", tmp_path / "out")
    (tmp_path / "in" / "Diagnostics.xlsx").touch()
    with pytest.raises(FileNotFoundError, match=r"got Diagnostics\.xlsx and WFDBRecords in"):
        _main(tmp_path / "in", tmp_path / "out")


def test_codes_are_63_acronyms_of_which_eleven_are_rhythms():
    assert len(chapman.codes()) == 63 and len(set(chapman.rhythms())) == 11
    assert chapman.codes()["AF"].code == AFL and chapman.codes()["AFIB"].code == AF
