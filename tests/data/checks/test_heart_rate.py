import re
from dataclasses import replace

import numpy as np
import pytest

from fairseq_signals.data.checks.heart_rate import FACT, heart_facts, judge_heart_rate
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.record import Record


def beating(per_minute, rate=250.0, seconds=10.0, jitter=0.0, noise=0.02, seed=0):
    """QRS complexes of 0.03 s, each 1 mV, and T waves of 0.3 mV; intervals vary by the share `jitter`."""
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    intervals = 60 / per_minute * (1 + generator.uniform(-jitter, jitter, 200))
    beats = np.cumsum(intervals) - intervals[0] * generator.random()
    shape = sum(
        np.exp(-0.5 * ((time - beat) / 0.012) ** 2) + 0.3 * np.exp(-0.5 * ((time - beat - 0.2) / 0.04) ** 2)
        for beat in beats[beats < seconds + 1]
    )
    sizes = generator.uniform(0.3, 1.5, (12, 1)) * generator.choice([-1, 1], (12, 1))
    signal = sizes * shape + generator.normal(0, noise, (12, len(time)))
    return Record(signal.astype(np.float32), rate, STANDARD_LEADS, f"r{seed}")


@pytest.mark.parametrize("rate", [100.0, 257.0, 500.0, 1000.0])
@pytest.mark.parametrize("per_minute", [35, 72, 140, 190])
def test_beats_are_counted_at_any_rate(per_minute, rate):
    assert heart_facts(beating(per_minute, rate))[FACT] == pytest.approx(per_minute, rel=0.02)


@pytest.mark.parametrize("factor", [0.2, 0.4, 0.5, 2.0, 2.5, 5.0])
def test_a_wrong_rate_makes_the_heart_as_much_faster(factor):
    record = beating(72, 500.0, jitter=0.04)
    found = heart_facts(replace(record, rate=record.rate * factor))[FACT]
    assert found == pytest.approx(72 * factor, rel=0.06)


def test_what_does_not_beat_has_no_rate():
    generator = np.random.default_rng(0)
    for signal in (generator.normal(0, 1, (12, 5000)), np.zeros((12, 5000)), np.ones((12, 3)), np.zeros((12, 0))):
        assert heart_facts(Record(signal.astype(np.float32), 500.0, STANDARD_LEADS, "r")) == {}


def source(packed_of, record, number=20, **cells):
    one = packed_of(record)
    item = replace(one.item, extra=one.item.extra | cells)
    return [replace(one, item=item, facts={FACT: heart_facts(record)[FACT]}) for _ in range(number)]


@pytest.mark.parametrize(
    ("per_minute", "cells", "doubt"),
    [
        (72, {}, None),
        (52, {"age": "30"}, None),  # athletes
        (115, {"age": "3"}, None),  # small children, or people on a treadmill
        (145, {"age": "0.1"}, None),  # infants
        (145, {"age": "61"}, "too high for people at rest .* With one 2.1 times lower it would be 70; infants"),
        (145, {}, "too high"),
        (
            28,
            {"age": "0.1"},
            "too low for people at rest .45 to 190.: is the sampling rate stated too low. With one 2.5",
        ),
        (28, {"age": "n/a"}, "too low for people at rest .45 to 130."),
    ],
)
def test_a_median_that_is_none_of_a_resting_heart_is_doubted(packed_of, per_minute, cells, doubt):
    verdict = judge_heart_rate(source(packed_of, beating(per_minute), **cells))
    [line, *more] = verdict.lines
    assert line == f"median heart rate {per_minute} a minute (of 20 recordings in which it could be told)"
    assert verdict.card == {"median heart rate, a minute": per_minute}
    assert (verdict.rejects, verdict.warnings, verdict.refusal) == ((), {}, None)
    assert len(more) == (doubt is not None)
    if doubt:
        assert re.match(f"HEART RATE: a median of {per_minute} a minute is .*{doubt}", more[0])


def test_few_recordings_have_no_median(packed_of):
    verdict = judge_heart_rate(source(packed_of, beating(28), number=19))
    assert (verdict.card, verdict.lines) == ({}, ())


@pytest.mark.real
def test_real_hearts_beat_as_wfdb_counts_them(real_ecgs):
    from wfdb.processing import xqrs_detect

    from fairseq_signals.data.readers import read_record

    paths = sorted(real_ecgs("ptbxl").rglob("*_lr.hea"))[::1500]
    told = []
    for path in paths:
        record = read_record(path)
        beats = xqrs_detect(record.signal[1].astype(float), 100, verbose=False)
        if len(beats) > 4 and (found := heart_facts(record)):
            told.append(found[FACT] / (6000 / np.median(np.diff(beats))))
    assert len(told) >= 0.7 * len(paths) > 7 and np.mean(np.abs(np.log(told)) < 0.1) >= 0.8
