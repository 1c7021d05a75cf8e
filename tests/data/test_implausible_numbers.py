from collections import Counter

import pytest

from fairseq_signals.data.implausible_numbers import doubts

SOUND = [20, 35, 41, 55, 55, 60, 62, 64, 65, 70]


@pytest.mark.parametrize(
    ("column", "values", "words"),
    [
        ("ef", SOUND, []),
        (
            "ef",
            [*SOUND, -1, -1],
            ["ef: -1 stands 2 times: missing? --missing ef=-1", "2 numbers are not between"],
        ),
        ("potassium", [*SOUND, *[-9] * 8], ["potassium: -9 stands 8 times: missing?"]),
        ("potassium", [*SOUND, 999, 999], ["potassium: 999 stands 2 times: missing?"]),
        ("potassium", [*SOUND, 999], []),
        ("lvef", [*SOUND, 130], ["lvef: 1 numbers are not between 0 and 100"]),
        ("ef", [*SOUND, 0.35, 0.6], ["ef: 2 of 12 numbers are fractions of 1, the others 5 and more: two scales"]),
        ("axis", [-60, -30, 20, 30, 60], []),
        ("troponin", [0.01, 0.2, 1.5, 3, 40], []),
        ("flag", [0, 0, 1, 1], []),
    ],
)
def test_what_is_odd_about_a_column(column, values, words):
    lines = doubts(column, Counter(values))
    assert len(lines) == len(words) and all(word in line for word, line in zip(words, lines, strict=True)), lines
