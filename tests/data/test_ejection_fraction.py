"""Which columns hold an ejection fraction, and what can be one."""

import pytest

from fairseq_signals.data.ejection_fraction import bounds_of, is_ejection_fraction


@pytest.mark.parametrize(
    "column",
    ["ef", "EF", "LVEF", "lvef_value", "LVEF (%)", "ef_biplane", "Ejection fraction", "lv_ejection_fraction_pct"],
)
def test_names_of_ejection_fractions(column):
    assert is_ejection_fraction(column)


@pytest.mark.parametrize(
    "column",
    [
        "ef_days",
        "reduced_ef",
        "lvef_lte_45_flag",
        "delta_ef",
        "reference",
        "fraction",
        "value",
        "ejection_time",
        "rvef",
        "",
    ],
)
def test_what_is_called_otherwise_is_none(column):
    assert not is_ejection_fraction(column)


def test_the_scale_is_that_of_the_rule():
    assert bounds_of("ef", [40, 0]) == bounds_of("ef", [0.5, 35]) == (5, 90)
    assert bounds_of("ef", [0.4]) == pytest.approx((0.05, 0.9))
    assert bounds_of("ef", [0]) is None and bounds_of("ef_days", [14]) is None and bounds_of("ef", []) is None
