from dataclasses import replace

import pytest

from fairseq_signals.data.checks.ages_and_sexes import judge_ages_and_sexes


@pytest.mark.parametrize("age", ["0", "0.5", "120", "", "64"])
@pytest.mark.parametrize("sex", ["male", "female", ""])
def test_people_pass(heart, packed_of, age, sex):
    verdict = judge_ages_and_sexes([packed_of(heart(), age=age, sex=sex), packed_of(heart(1))])
    assert (verdict.warnings, verdict.card, verdict.lines) == ({}, {}, [])


@pytest.mark.parametrize("age", ["-1", "121", "300", "nan", "inf", "old"])
def test_ages_that_nobody_has_are_told(heart, packed_of, age):
    verdict = judge_ages_and_sexes([packed_of(heart(), age=age)])
    assert verdict.warnings == {"r0": [f"age must be 0 to 120 years, got {age}"]}
    assert verdict.card == {"with an age that nobody has": 1}


def test_other_words_for_a_sex_are_told(heart, packed_of):
    verdict = judge_ages_and_sexes(
        [packed_of(heart(seed), f"r{seed}", sex=sex) for seed, sex in enumerate(["M", "male", "1"])]
    )
    assert sorted(verdict.warnings) == ["r0", "r2"] and verdict.warnings["r0"] == [
        "sex must be male, female or empty, got M"
    ]
    assert verdict.lines == ["with a sex other than male or female: 2"]


def test_the_file_is_asked_where_the_source_has_no_column(heart, packed_of):
    packed = packed_of(replace(heart(), meta={"age": 300.0, "sex": "female"}))
    assert judge_ages_and_sexes([packed]).warnings == {"r0": ["age must be 0 to 120 years, got 300.0"]}
    own = packed_of(replace(heart(), meta={"age": 300.0}), age="90")
    assert not judge_ages_and_sexes([own]).warnings
