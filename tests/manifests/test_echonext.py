import csv

import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest, label_matrix
from fairseq_signals.data.store import Store
from manifests import echonext

# As the source names its findings, and what they were thresholded from.
FLAGS = {
    "lvef_lte_45_flag": ["lvef_value"],
    "lvwt_gte_13_flag": ["ivs_measurement", "lvpw_measurement"],
    "aortic_stenosis_moderate_or_greater_flag": ["aortic_stenosis_value"],
    "aortic_regurgitation_moderate_or_greater_flag": ["aortic_regurgitation_value"],
    "mitral_regurgitation_moderate_or_greater_flag": ["mitral_regurgitation_value"],
    "tricuspid_regurgitation_moderate_or_greater_flag": ["tricuspid_regurgitation_value"],
    "pulmonary_regurgitation_moderate_or_greater_flag": ["pulmonary_regurgitation_value"],
    "rv_systolic_dysfunction_moderate_or_greater_flag": ["rv_systolic_function_value"],
    "pericardial_effusion_moderate_large_flag": ["pericardial_effusion_value"],
    "pasp_gte_45_flag": ["pasp_value"],
    "tr_max_gte_32_flag": ["tr_max_velocity_value"],
}
COMPOSITE = "shd_moderate_or_greater_flag"
MEASURES = [name for names in FLAGS.values() for name in names]
SOUND = dict.fromkeys(MEASURES, "2.5") | {"lvef_value": "52.5"}
COUNTS = {"train": 14, "val": 6, "test": 7, "no_split": 5}


def metadata():
    """Rows in an order in which the splits are mixed; val, test and no_split are of the same people."""
    generator = np.random.default_rng(0)
    rows = []
    for split in generator.permutation([name for name, count in COUNTS.items() for _ in range(count)]):
        place = sum(row["split"] == split for row in rows)
        measured = {name: bool(generator.random() < 0.6) for name in MEASURES}
        row = {"": len(rows), "ecg_key": f"e{len(rows)}", "split": split, "age_at_ecg": 50 + place, "sex": "Male"}
        row["patient_key"] = f"p{place // 2}" if split == "train" else f"q{place}-{'val' if place % 2 else 'test'}" if split == "no_split" else f"q{place}-{split}"  # fmt: skip  # noqa: E501
        row |= {name: SOUND[name] if measured[name] else "" for name in MEASURES}
        row |= {
            flag: int(all(measured[n] for n in names) and generator.random() < 0.4) for flag, names in FLAGS.items()
        }
        row[COMPOSITE] = int(any(row[flag] for flag in FLAGS))
        row |= {"race_ethnicity": "Other", "ventricular_rate": "70"}
        rows.append(row)
    return rows


def write_table(path, rows):
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def source(tmp_path, ecg_signal):
    """The folder with all four arrays: z-scores, `[N, 1, 2500, 12]` in doubles."""
    folder, rows, arrays = tmp_path / "echonext", metadata(), {}
    folder.mkdir()
    write_table(folder / "echonext_metadata_100k.csv", rows)
    for number, (split, count) in enumerate(COUNTS.items()):
        signals = np.stack([ecg_signal(100 * number + row, 2500).T for row in range(count)])
        arrays[split] = signals[:, None] / signals.std()
        arrays[split][..., 1000, 11] = 25  # beyond 20, which would be no ECG in mV
        np.save(folder / f"EchoNext_{split}_waveforms.npy", arrays[split].astype(np.float64))
    return folder, rows, arrays


def prepared(folder, dest, *more):
    card = echonext.main(["--source", str(folder), "--dest", str(dest), "--workers", "1", *more])
    return card, {name: list(Manifest(dest / f"{name}.tsv")) for name in ("train", "valid", "test", "pretrain")}


def test_row_n_of_a_split_is_row_n_of_its_array_and_numbers_are_kept(source, tmp_path):
    folder, rows, arrays = source
    card, manifests = prepared(folder, tmp_path / "out")
    store = Store(tmp_path / "out" / "store")
    for split, name in (("train", "train"), ("val", "valid"), ("test", "test")):
        own = [row for row in rows if row["split"] == split]
        assert {row.id for row in manifests[name]} == {row["ecg_key"] for row in own}
        place = {row["ecg_key"]: number for number, row in enumerate(own)}
        for row in manifests[name]:
            assert (row.rate, row.length, row.leads) == (250.0, 2500, STANDARD_LEADS)
            entry = store.entry(*row.stored)
            scores = store.read(*row.stored).astype(float) * entry.nanovolts / 1e6
            np.testing.assert_allclose(scores, arrays[split][place[row.id], 0].T, atol=0.51e-6 * entry.nanovolts)
            assert row.extra["age"] == str(50 + place[row.id]) and row.extra["source"] == "EchoNext"
    assert card["units"] == "as given, not calibrated" and card["counts"]["rejected"] == {"unlisted": 5}


def test_nobody_of_no_split_is_prepared(source, tmp_path, capsys):
    folder, rows, _ = source
    _, manifests = prepared(folder, tmp_path / "out")
    lost = {row["ecg_key"] for row in rows if row["split"] == "no_split"}
    people = {row["patient_key"] for row in rows if row["split"] in ("val", "test")}
    assert {row["patient_key"] for row in rows if row["ecg_key"] in lost} <= people, "as in the source"
    assert not lost & {row.id for rows in manifests.values() for row in rows}
    assert not people & {row.patient for name in ("train", "pretrain") for row in manifests[name]}
    listed = (tmp_path / "out" / "rejected.tsv").read_text()
    assert all(f"{name}\tEchoNext_no_split_waveforms.npy\tunlisted" in listed for name in lost)
    assert "left out: 5 recordings of no_split" in capsys.readouterr().out


def test_what_was_not_measured_is_unknown_and_not_absent(source, tmp_path):
    folder, rows, _ = source
    card, manifests = prepared(folder, tmp_path / "out")
    assert card["classes"] == [*FLAGS, COMPOSITE]
    told = {row["ecg_key"]: row for row in rows}
    seen = set()
    for name in ("train", "valid", "test"):
        labels, known = label_matrix(Manifest(tmp_path / "out" / f"{name}.tsv"), card["classes"])
        for row, positive, sure in zip(manifests[name], labels, known, strict=True):
            origin = told[row.id]
            for flag, yes, certain in zip(card["classes"], positive, sure, strict=True):
                assert yes == (origin[flag] == 1)
                measured = all(origin[one] != "" for one in FLAGS.get(flag, []))
                assert certain == measured
                seen.add((flag, bool(certain)))
    assert seen == {(flag, sure) for flag in FLAGS for sure in (True, False)} | {(COMPOSITE, True)}


def test_the_composite_is_absent_only_where_all_was_measured_if_so_chosen(source, tmp_path):
    folder, rows, _ = source
    rows[0] |= SOUND | {flag: 0 for flag in [*FLAGS, COMPOSITE]}
    write_table(folder / "echonext_metadata_100k.csv", rows)
    items, left_out = echonext.read_items(folder, "measured")
    told = {row["ecg_key"]: row for row in rows}
    unknown = 0
    for item in [*items, *(reject.item for reject in left_out)]:
        row = told[item.id]
        whole = all(row[one] != "" for one in MEASURES)
        assert (COMPOSITE in item.unknown) == (row[COMPOSITE] == 0 and not whole)
        unknown += COMPOSITE in item.unknown
    assert 0 < unknown < len(told)


def test_the_measurements_are_columns(source, tmp_path):
    folder, rows, _ = source
    _, manifests = prepared(folder, tmp_path / "out")
    told = {row["ecg_key"]: row for row in rows}
    for row in manifests["train"]:
        assert {name: row.extra[name] for name in MEASURES} == {name: told[row.id][name] for name in MEASURES}
        assert row.extra["ef"] == told[row.id]["lvef_value"]
        assert (row.extra["sex"], row.extra["race_ethnicity"], row.extra["ventricular_rate"]) == ("male", "Other", "70")
        assert row.patient == told[row.id]["patient_key"]


def test_the_table_is_found_in_any_case_and_only_once(source, tmp_path):
    folder, rows, _ = source
    (folder / "echonext_metadata_100k.csv").rename(folder / "EchoNext_metadata_100k.csv")
    assert len(echonext.read_items(folder)[0]) == 27
    write_table(folder / "echonext_metadata_100k.csv", rows)
    with pytest.raises(ValueError, match=r"one table of metadata, got EchoNext_metadata_100k\.csv and echonext_"):
        echonext.read_items(folder)
    for path in folder.glob("*.csv"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r"must have the file echonext_metadata_100k\.csv \(in whatever case\)"):
        prepared(folder, tmp_path / "out")


@pytest.mark.parametrize("split", ["train", "val", "test", "no_split"])
def test_an_array_of_another_length_is_refused(source, split):
    folder, _, arrays = source
    np.save(folder / f"EchoNext_{split}_waveforms.npy", arrays[split][:-1])
    count = COUNTS[split]
    message = (
        rf"rows of EchoNext_{split}_waveforms\.npy must be those of its split in the table, {count}, got {count - 1}"
    )
    with pytest.raises(ValueError, match=message):
        echonext.read_items(folder)


def test_an_array_that_is_missing_is_named_but_no_split_is_not_needed(source):
    folder, _, _ = source
    (folder / "EchoNext_no_split_waveforms.npy").unlink()
    assert len(echonext.read_items(folder)[0]) == 27
    (folder / "EchoNext_val_waveforms.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"source must have the file EchoNext_val_waveforms\.npy, got none"):
        echonext.read_items(folder)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"split": "training"}, r"split must be one of train, val, test, no_split, got 'training' \(.*row 2\)"),
        ({"sex": "1"}, r"sex must be M or F, male or female, or empty, got '1' \(.*row 2\)"),
        (
            {"lvef_lte_45_flag": "yes"},
            r"cell must be true, false or empty, got 'yes' \(.*row 2, column lvef_lte_45_flag\)",
        ),
    ],
)
def test_cells_that_are_not_as_they_should_be_are_refused(source, cells, message):
    folder, rows, _ = source
    rows[0] |= cells
    write_table(folder / "echonext_metadata_100k.csv", rows)
    with pytest.raises(ValueError, match=message):
        echonext.read_items(folder)


def test_an_empty_flag_is_unknown_and_columns_may_lack(source, tmp_path):
    folder, rows, _ = source
    rows[0][COMPOSITE] = ""
    rows = [{name: cell for name, cell in row.items() if name != "ventricular_rate"} for row in rows]
    write_table(folder / "echonext_metadata_100k.csv", rows)
    items, left_out = echonext.read_items(folder)
    first = next(item for item in [*items, *(one.item for one in left_out)] if item.id == "e0")
    assert COMPOSITE in first.unknown and COMPOSITE not in first.labels
    _, manifests = prepared(folder, tmp_path / "out")
    assert all(row.extra["ventricular_rate"] == "" for row in manifests["train"])


def test_words_that_say_nothing_are_neither_patients_nor_measurements(source):
    folder, rows, _ = source
    words = ["nan", "NA", "unknown", "None", "-", ".", "?", "missing"]
    for number, row in enumerate(rows):
        row |= {"patient_key": words[number % 4]} | dict.fromkeys(MEASURES, words[4 + number % 4])
        row |= dict.fromkeys([*FLAGS, COMPOSITE], 0)
    write_table(folder / echonext._TABLE, rows)
    items, _ = echonext.read_items(folder)
    assert all(item.patient is None and item.unknown == tuple(FLAGS) for item in items)
    for row in rows:
        row |= dict.fromkeys(MEASURES, "None")
    write_table(folder / echonext._TABLE, rows)
    numerical = {"lvef_value", "ivs_measurement", "pasp_value", "tr_max_velocity_value"}
    numbers = [flag for flag, names in FLAGS.items() if numerical & set(names)]
    assert all(item.unknown == tuple(numbers) for item in echonext.read_items(folder)[0]), "none is a grade, no number"


def rewritten(folder, arrays, change):
    for split, array in arrays.items():
        np.save(folder / f"EchoNext_{split}_waveforms.npy", change(array))


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda array: array[:, :, ::2], "14 x 1 x 1250 x 12"),
        (lambda array: array.repeat(2, axis=2), "14 x 1 x 5000 x 12"),
        (lambda array: array[..., :11], "14 x 1 x 2500 x 11"),
    ],
)
def test_another_number_of_samples_or_leads_is_refused(source, change, shape):
    folder, _, arrays = source
    rewritten(folder, arrays, change)
    message = rf"EchoNext_train_waveforms\.npy must have 2,500 samples of 12 leads, .* got an array of {shape} \("
    with pytest.raises(ValueError, match=message):
        echonext.read_items(folder)


ORDER = dict(zip(STANDARD_LEADS, range(12), strict=True))


@pytest.mark.parametrize("exchanged", [("aVL", "aVF"), ("I", "II"), ("III", "aVF"), ("aVR", "aVL"), ("III", "V2")])
def test_limb_leads_in_another_order_are_refused_in_whatever_scale(source, tmp_path, exchanged):
    folder, _, arrays = source
    order = list(range(12))
    one, other = (ORDER[lead] for lead in exchanged)
    order[one], order[other] = other, one
    scales = np.linspace(0.6, 1.4, 12)  # lead by lead, as constants of each lead would do
    rewritten(folder, arrays, lambda array: scales * array[..., order])
    with pytest.raises(
        ValueError, match=r"leads of EchoNext_train_waveforms\.npy must stand in .*--keep-suspect keeps what is so"
    ):
        prepared(folder, tmp_path / "out")
    rewritten(folder, arrays, lambda array: scales * array)
    prepared(folder, tmp_path / "out")


@pytest.mark.parametrize(("factor", "deviation"), [(0.2, "0.2"), (300.0, "30")])
def test_numbers_that_are_no_z_scores_are_refused_and_kept_if_so_chosen(source, tmp_path, capsys, factor, deviation):
    folder, _, arrays = source
    rewritten(folder, arrays, lambda array: factor * array)
    message = rf"numbers of EchoNext_train_waveforms\.npy must be z-scores, .* about 1, got {deviation}"
    with pytest.raises(ValueError, match=message):
        prepared(folder, tmp_path / "out")
    prepared(folder, tmp_path / "out", "--keep-suspect")
    assert capsys.readouterr().out.count("kept against the rule that numbers of EchoNext_") == 3


def test_arrays_of_other_axes_and_kinds_of_numbers_pass(source, tmp_path):
    folder, _, arrays = source
    rewritten(folder, arrays, lambda array: array[:, 0].transpose(0, 2, 1).astype(np.float16))
    _, manifests = prepared(folder, tmp_path / "out")
    assert len(manifests["train"]) == COUNTS["train"]


def test_a_cell_that_is_no_ejection_fraction_was_not_measured(source, tmp_path, capsys):
    folder, rows, _ = source
    cells = ["0", "59%", "-1", "4.9", "90.1", "5", "90"]
    train = [row for row in rows if row["split"] == "train"]
    for number, row in enumerate(train):
        row |= {"lvef_value": cells[number % 7], "lvef_lte_45_flag": int(cells[number % 7] in ("0", "5"))}
    for row in rows:
        row["lvef_value"] = row["lvef_value"] if row["split"] == "train" else ""
    write_table(folder / "echonext_metadata_100k.csv", rows)
    _, manifests = prepared(folder, tmp_path / "out")
    told = {row["ecg_key"]: row["lvef_value"] for row in rows}
    labels, known = label_matrix(Manifest(tmp_path / "out" / "train.tsv"), ["lvef_lte_45_flag"])
    for row, positive, sure in zip(manifests["train"], labels[:, 0], known[:, 0], strict=True):
        sound = told[row.id] in ("5", "90")
        assert positive == (told[row.id] == "5"), "0 was thresholded as if it had been measured"
        assert (row.extra["ef"], sure) == (told[row.id] if sound else "", sound)
        assert row.extra["lvef_value"] == told[row.id]
    assert "EJECTION FRACTION: 10 of 14 cells of lvef_value are no number from 5 to 90, so unknown: '0' (2)" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("write", [lambda number: f"{number}%", lambda number: str(number / 100)])
def test_a_column_without_any_ejection_fraction_is_refused(source, tmp_path, write):
    folder, rows, _ = source
    for number, row in enumerate(rows):
        row["lvef_value"] = write(30 + number) if row["lvef_value"] else ""
    write_table(folder / "echonext_metadata_100k.csv", rows)
    with pytest.raises(ValueError, match=r"lvef_value must hold ejection fractions, 5 to 90 %, got none in \d+ cells"):
        prepared(folder, tmp_path / "out")
