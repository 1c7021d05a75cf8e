"""Ejection fractions of made tables in both layouts, and the nearest one found by a plain search."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from manifests.details.echo_values import read_echoes

LONG = ["subject_id", "measurement_id", "measurement_datetime", "test_type", "measurement", "result", "unit"]
DAY = datetime(2180, 7, 23, 8, 44)


def long_table(path, *rows):
    """A file in the layout of MIMIC-IV-ECHO from (patient, days after DAY, kind, what, result)."""
    cells = [
        (who, number, DAY + timedelta(days=days), kind, what, result, "%")
        for number, (who, days, kind, what, result) in enumerate(rows)
    ]
    pd.DataFrame(cells, columns=LONG).to_csv(path, index=False)
    return path


def ef(path, who="1", within=14.0, **choices):
    return read_echoes(path, **choices).nearest(who, DAY, within)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ([("lvef", "35")], "35"),
        ([("lvef", "40"), ("lvef_upper", "45")], "42.5"),
        ([("lvef", "40"), ("lvef_upper", "60")], ""),  # too wide to say anything
        ([("biplane_lvef", "52"), ("lvef_3d", "30")], "52"),
        ([("biplane_lvef", "52"), ("lvef", "55")], "55"),  # the reader's comes first
        ([("lvef_3d", "61%")], "61"),
        ([("lvef", "50-55")], "52.5"),
        ([("lvef", "50 to 55"), ("biplane_lvef", "20")], "52.5"),
        ([("lvef", ">55")], ""),
        ([("lvef", ">55"), ("biplane_lvef", "58")], "58"),
        ([("lvef", "0.35")], ""),  # a fraction is no percentage: implausible
        ([("lvef", "150")], ""),
        ([("lvef", "normal")], ""),
        ([("lvef", "30"), ("lvef", "36")], "33"),
        ([("lvef", "30"), ("lvef", "50")], ""),
        ([("lvef", "40-50")], "45"),
        ([("lvef", "20-70")], ""),  # its middle would be as good as a draw
        ([("lvef", "45-35")], ""),
        ([("lvef", "45"), ("lvef_upper", "40")], ""),
    ],
)
def test_the_value_of_one_echocardiogram(tmp_path, told, expected):
    path = long_table(tmp_path / "echo.csv", *(("1", 1, "tte", what, result) for what, result in told))
    assert ef(path) == ((expected, "1.00") if expected else ("", ""))


def test_stress_and_other_patients_and_other_measurements_do_not_count(tmp_path):
    path = long_table(
        tmp_path / "echo.csv",
        ("1", 0, "stress", "lvef", "70"),
        ("2", 0, "tte", "lvef", "20"),
        ("1", 0, "tte", "lvedd", "45"),
        ("1", -3, "TTE", "lvef", "35"),
    )
    assert ef(path) == ("35", "-3.00")
    assert ef(path, tests=("stress", "tte")) == ("70", "0.00")
    assert read_echoes(path).found["left out: stress"] == 1


def test_the_nearest_within_the_days_as_a_plain_search_finds_it(tmp_path):
    generator = np.random.default_rng(0)
    rows = [(str(who), round(float(days), 3), "tte", "lvef", str(int(value))) for who, days, value in zip(
        generator.integers(0, 40, 150), generator.uniform(-60, 60, 150), generator.integers(10, 80, 150), strict=True
    )]  # fmt: skip
    echoes = read_echoes(long_table(tmp_path / "echo.csv", *rows))
    found = 0
    for who in map(str, range(40)):
        mine = [(abs(days), days, value) for patient, days, _, _, value in rows if patient == who]
        best = min(mine, default=(99.0, 0.0, ""))
        expected = (best[2], f"{best[1]:.2f}") if best[0] <= 14 else ("", "")
        assert echoes.nearest(who, DAY) == expected
        found += bool(expected[0])
    assert 5 < found < 40


def test_the_nearest_that_says_nothing_is_not_replaced_by_a_farther_one(tmp_path):
    path = long_table(tmp_path / "echo.csv", ("1", 1, "tte", "lvef", "normal"), ("1", 3, "tte", "lvef", "60"))
    assert ef(path) == ("", "")


def test_two_equally_near_ones_are_one(tmp_path):
    path = long_table(tmp_path / "a.csv", ("1", -2, "tte", "lvef", "50"), ("1", 2, "tte", "lvef", "56"))
    assert ef(path) == ("53", "-2.00")
    path = long_table(tmp_path / "b.csv", ("1", -2, "tte", "lvef", "30"), ("1", 2, "tte", "lvef", "56"))
    assert ef(path) == ("", "")


def test_the_limit_of_days_is_included(tmp_path):
    path = long_table(tmp_path / "echo.csv", ("1", 14, "tte", "lvef", "35"))
    assert ef(path) == ("35", "14.00") and ef(path, within=13.9) == ("", "")


def test_a_hospitals_table_with_names_of_its_own(tmp_path):
    path = tmp_path / "echo.csv"
    path.write_text("PID;STUDY_DATE;LVEF\n1;2180-07-20;38\n1;2180-07-29 10:00;61\n2;2180-07-23;\n")
    names = {"subject_id": "PID", "time": "STUDY_DATE", "ef": "LVEF"}
    assert ef(path, names=names) == ("38", "-3") and ef(path, "2", names=names) == ("", "")


def wide_table(path, *rows):
    path.write_text("\n".join(("subject_id,time,ef", *rows)) + "\n")
    return path


@pytest.mark.parametrize("midnight", ["", " 00:00:00"])
def test_dates_without_a_time_are_compared_by_day(tmp_path, midnight):
    rows = (f"1,2180-07-10{midnight},30", f"1,2180-07-11{midnight},60", f"1,2180-07-14{midnight},44")
    echoes = read_echoes(wide_table(tmp_path / "echo.csv", *rows))
    assert echoes.nearest("1", datetime(2180, 7, 10, 23)) == ("30", "0")  # midnight of the 11th is nearer
    assert echoes.nearest("1", datetime(2180, 7, 11, 1)) == ("60", "0")
    assert echoes.nearest("1", datetime(2180, 7, 9, 1)) == ("30", "1")
    assert echoes.nearest("1", datetime(2180, 7, 28, 23)) == ("44", "-14")
    assert echoes.nearest("1", datetime(2180, 7, 29, 0)) == ("", "")


def test_one_date_without_a_time_makes_days_of_all_moments(tmp_path):
    rows = ("1,2180-07-23 08:00:00,30", "1,2180-07-23 23:00:00,60", "2,2180-07-22,50")
    echoes = read_echoes(wide_table(tmp_path / "echo.csv", *rows))
    assert echoes.nearest("1", DAY) == ("", "") and echoes.nearest("2", DAY) == ("50", "-1")
    assert echoes.found["date without a time"] == 1 and echoes.by_day
    echoes = read_echoes(wide_table(tmp_path / "echo.csv", *rows[:2], "2,2180-07-22 00:00:00,50"))
    assert echoes.nearest("1", DAY) == ("30", "-0.03") and not echoes.by_day, "one midnight may be a time"


def test_ranges_that_say_nothing_and_rows_of_nobody_are_counted(tmp_path):
    rows = ("1,2180-07-23,20-70", "1,2180-07-22,45-35", ",2180-07-23,35", "unknown,2180-07-23,35")
    echoes = read_echoes(wide_table(tmp_path / "echo.csv", *rows))
    assert echoes.nearest("", DAY) == ("", "") and set(echoes.of) == {"1"}
    found = {what: number for what, number in echoes.found.items() if "range" in what or "left out" in what}
    assert found == {"range too wide": 1, "range from the larger to the smaller": 1, "left out: no patient told": 2}


@pytest.mark.parametrize("cell", ["2180-07-23T08:44:00+09:00", "2180-07-23 08:44:00Z"])
def test_a_time_with_a_zone_is_refused(tmp_path, cell):
    with pytest.raises(ValueError, match=r"must be such as .*, without a zone, got '2180-07-23.*row 2\)"):
        read_echoes(wide_table(tmp_path / "echo.csv", f"1,{cell},35"))


def test_what_is_wrong_with_a_table_is_said(tmp_path):
    path = tmp_path / "echo.csv"
    path.write_text("subject_id,time,ef\n1,23/07/2180,40\n")
    with pytest.raises(ValueError, match=r"time of an echocardiogram must be .*, got '23/07/2180' \(.*row 2\)"):
        read_echoes(path)
    path.write_text("subject_id,lvef\n1,40\n")
    with pytest.raises(ValueError, match=r"echo\.csv must have the columns subject_id, time, ef"):
        read_echoes(path)
    with pytest.raises(ValueError, match="must hold ejection fractions, got none"):
        read_echoes(long_table(path, ("1", 0, "tee", "lvef", "40")))
