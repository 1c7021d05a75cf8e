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
            ["ef: -1 stands 2 times: missing? --missing ef=-1"],
        ),
        ("potassium", [*SOUND, *[-9] * 8], ["potassium: -9 stands 8 times: missing?"]),
        ("potassium", [*SOUND, 999, 999], ["potassium: 999 stands 2 times: missing?"]),
        ("potassium", [*SOUND, 999], []),
        ("share", [*SOUND, 0.35, 0.6], ["share: 2 of 12 numbers are between 0 and 1, the others 5 and more: two"]),
        ("share", [*SOUND, 0.35], ["share: 1 of 11 numbers is between 0 and 1, the others"]),
        ("ef", [30] * 8 + [60] * 4, []),
        ("grade", [0, 1, 1, 2, 4, 4], []),
        ("dose", [5, 10, 10, 20, 40, 80, 160, 160], []),
        ("axis", [-60, -30, 20, 30, 60], []),
        ("troponin", [0.01, 0.2, 1.5, 3, 40], []),
        ("flag", [0, 0, 1, 1], []),
    ],
)
def test_what_is_odd_about_a_column(column, values, words):
    lines = doubts(column, Counter(values))
    assert len(lines) == len(words) and all(word in line for word, line in zip(words, lines, strict=True)), lines
