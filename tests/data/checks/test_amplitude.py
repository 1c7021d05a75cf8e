from dataclasses import replace

import numpy as np
import pytest

from fairseq_signals.data.checks.amplitude import extent, judge_amplitude
from fairseq_signals.data.record import Record
from fairseq_signals.data.self_test import examine

LEADS = ("I", "II", "V2")


def _stated(record, gain, true=1000.0):
    """The recording as read from a file whose samples are right at a gain of `true`, and which states another."""
    meta = {"gain": (gain,) * 12, "unit": ("mV",) * 12}
    return replace(record, signal=record.signal * np.float32(true / gain), meta=meta)


def test_the_amplitude_is_that_of_an_ordinary_beat():
    time = np.arange(1000) / 100
    size = np.array([[0.2], [0.8], [1.5]])
    signal = (size / 2 * np.cos(2 * np.pi * 5 * time)).astype(np.float32)  # peak to peak: `size`
    signal[1, 555] = 19.0
    record = Record(signal, 100.0, LEADS, "r")
    np.testing.assert_allclose(extent(record), size[:, 0], rtol=1e-3)
    assert examine(record)["amplitude"] == pytest.approx(size.mean(), rel=1e-3)


@pytest.mark.parametrize("samples", [1, 99, 100, 401])
def test_short_recordings_have_an_amplitude_too(samples):
    signal = np.zeros((3, samples), np.float32)
    signal[:, 0] = 1.0
    record = Record(signal, 100.0, LEADS, "r")
    assert examine(record).get("amplitude") == (None if samples == 1 else 1.0 if samples < 400 else 0.5)


def test_flat_leads_and_leads_that_are_not_finite_do_not_count(heart):
    record = heart()
    signal = record.signal.copy()
    signal[6], signal[7, 3] = 0.5, np.nan
    ten = np.delete(record.signal, [6, 7], axis=0)
    expected = np.mean([np.median([np.ptp(lead[k : k + 200]) for k in range(0, 1000, 200)]) for lead in ten])
    assert examine(replace(record, signal=signal))["amplitude"] == pytest.approx(expected, rel=1e-3)
    assert "amplitude" not in examine(replace(record, signal=np.zeros_like(signal)))


@pytest.mark.parametrize(
    ("gain", "unit", "per_millivolt"),
    [(1000.0, "mV", 1000.0), (1.0, "uV", 1000.0), (200.0, "mV", 200.0), (4.88, "uV", 4880.0), (1e6, "V", 1000.0)],
)
def test_gains_are_compared_in_steps_per_millivolt(heart, gain, unit, per_millivolt):
    record = replace(heart(), meta={"gain": (gain,) * 12, "unit": (unit,) * 12})
    assert examine(record)["gain"] == per_millivolt


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"gain": None},
        {"gain": (1.0,) * 12},
        {"gain": (1.0,) * 3, "unit": ("mV",) * 12},
        {"gain": 1000, "unit": "mV"},
        {"gain": (1.0,) * 12, "unit": ("mmHg",) * 12},
        {"gain": (0.0,) * 12, "unit": ("mV",) * 12},
        {"gain": (float("nan"),) * 12, "unit": ("mV",) * 12},
    ],
)
def test_where_no_gain_is_stated_none_is_compared(heart, meta):
    assert "gain" not in examine(replace(heart(), meta=meta))


def _usual(heart, packed_of, count=40, gain=1000.0, **extra):
    return [packed_of(_stated(heart(seed), gain), **extra) for seed in range(count)]


@pytest.mark.parametrize("gain", [4880.0, 200.0, 1e6])
def test_a_gain_that_makes_the_amplitude_unlike_the_others_is_rejected(heart, packed_of, gain):
    group = _usual(heart, packed_of)
    middle = np.median([one.facts["amplitude"] for one in group])
    verdict = judge_amplitude([*group, packed_of(_stated(heart(50), gain, true=1000.0), "wrong")])
    (reject,) = verdict.rejects
    right, wrong = (examine(_stated(heart(50), gain))["amplitude"] for gain in (1000.0, gain))
    assert wrong == pytest.approx(right * 1000 / gain, rel=1e-3)
    assert (reject.item.id, reject.fault) == ("wrong", "wrong unit")
    assert reject.message == (
        f"gain must fit the amplitude, got {gain:g} steps per mV (1000 in 40 of 41 recordings) and {wrong:.3g} mV "
        f"({middle:.3g} in the median; with the others' gain it would be {right:.3g} mV)"
    )
    assert not verdict.warnings and verdict.refusal is None


def test_another_gain_with_an_amplitude_like_the_others_is_only_odd(heart, packed_of):
    verdict = judge_amplitude([*_usual(heart, packed_of), packed_of(_stated(heart(50), 200.0, true=200.0), "odd")])
    assert not verdict.rejects
    assert verdict.warnings == {"odd": ["gain is 200 steps per mV, and 1000 in 40 of 41 recordings"]}


@pytest.mark.parametrize("true", [800.0, 1600.0])
def test_a_gain_of_its_own_is_not_wrong_because_theirs_would_fit_too(heart, packed_of, true):
    group = _usual(heart, packed_of)
    middle = np.median([one.facts["amplitude"] for one in group])
    own = _stated(heart(50), true, true)
    own = replace(own, signal=own.signal * np.float32(middle / examine(own)["amplitude"] * 1000 / true))
    verdict = judge_amplitude([*group, packed_of(own, "own")])
    assert not verdict.rejects and list(verdict.warnings) == ["own"], "with their gain it would be the median itself"


def test_an_amplitude_that_others_have_too_is_not_wrong(heart, packed_of):
    sizes = np.geomspace(1 / 3, 3, 40).astype(np.float32)
    records = [_stated(heart(n), 1000.0) for n in range(40)]
    group = [packed_of(replace(one, signal=one.signal * size)) for one, size in zip(records, sizes, strict=True)]
    own = _stated(heart(50), 2500.0)  # 2.5 times smaller than most, as some are
    verdict = judge_amplitude([*group, packed_of(own, "own")])
    assert not verdict.rejects and list(verdict.warnings) == ["own"]


def test_a_gain_is_not_wrong_where_theirs_would_not_fit_either(heart, packed_of):
    verdict = judge_amplitude([*_usual(heart, packed_of), packed_of(_stated(heart(50), 4880.0, true=50.0), "odd")])
    assert not verdict.rejects and len(verdict.warnings["odd"]) == 2, "both are told"


def test_an_amplitude_unlike_the_others_at_the_same_gain_is_only_odd(heart, packed_of):
    loud = replace(_stated(heart(50), 1000.0), signal=heart(50).signal * 5)
    verdict = judge_amplitude([*_usual(heart, packed_of), packed_of(loud, "loud")])
    assert not verdict.rejects and list(verdict.warnings) == ["loud"]
    assert "amplitude is" in verdict.warnings["loud"][0] and "in the median of all" in verdict.warnings["loud"][0]


def test_a_gain_whose_recordings_are_wrong_on_the_whole_is_wrong_for_each(heart, packed_of):
    """One of them alone, loud by nature, would pass."""
    loud = replace(heart(50), signal=heart(50).signal * 3)
    wrong = [packed_of(_stated(record, 4880.0), f"w{n}") for n, record in enumerate((heart(51), heart(52), loud))]
    verdict = judge_amplitude([*_usual(heart, packed_of), *wrong])
    assert [reject.item.id for reject in verdict.rejects] == ["w0", "w1", "w2"]


def test_many_gains_tell_nothing(heart, packed_of):
    half = [packed_of(_stated(heart(seed), 200.0, true=200.0), f"h{seed}") for seed in range(40)]
    verdict = judge_amplitude([*_usual(heart, packed_of), *half])
    assert not verdict.rejects and not verdict.warnings


@pytest.mark.parametrize("column", ["source", "folder"])
def test_sub_sources_have_gains_of_their_own(heart, packed_of, column):
    own = [packed_of(_stated(heart(s), 200.0, true=200.0), f"o{s}", **{column: "other"}) for s in range(20)]
    most = _usual(heart, packed_of, 200, **{column: "most"})
    assert not judge_amplitude([*most, *own]).warnings
    few = judge_amplitude([*most, *own[:5]])
    assert sorted(few.warnings) == [f"o{s}" for s in range(5)], "too few to have a usual gain of their own"


def test_a_small_source_tells_nothing_of_gains(heart, packed_of):
    verdict = judge_amplitude([*_usual(heart, packed_of, 15), packed_of(_stated(heart(50), 4880.0), "wrong")])
    assert not verdict.rejects


@pytest.mark.parametrize(
    ("factor", "told"),
    [(1000.0, "too large"), (4.88, "too large"), (1 / 4.88, "too small"), (0.001, "too small")],
)
def test_a_source_that_is_not_in_millivolts_is_refused(heart, packed_of, factor, told):
    def packed(count, factor):
        records = [heart(seed) for seed in range(count)]
        return [packed_of(replace(record, signal=record.signal * np.float32(factor))) for record in records]

    ordinary = 1.2 / np.median([one.facts["amplitude"] for one in packed(20, 1.0)])
    assert judge_amplitude(packed(20, ordinary)).refusal is None
    refusal = judge_amplitude(packed(20, factor * ordinary)).refusal
    assert "amplitudes must be millivolts" in refusal and told in refusal
    times = float(refusal.split("about ")[2].split(" times")[0])
    assert times == pytest.approx(max(factor, 1 / factor), rel=0.1)
    assert judge_amplitude(packed(19, factor * ordinary)).refusal is None, "too few to judge"


def test_a_sub_source_that_is_not_in_millivolts_is_told(heart, packed_of):
    small = [packed_of(_stated(heart(seed), 4880.0), f"s{seed}", source="georgia") for seed in range(20)]
    most = _usual(heart, packed_of, 60, source="most")
    refusal = judge_amplitude([*most, *small]).refusal
    assert "in 20 recordings of georgia, about" in refusal and "too small" in refusal
    assert judge_amplitude(most).refusal is None


def test_the_median_stands_on_the_card(heart, packed_of):
    group = _usual(heart, packed_of, 3)
    middle = sorted(one.facts["amplitude"] for one in group)[1]
    verdict = judge_amplitude(group)
    assert verdict.card == {"median amplitude, mV": round(middle, 3)}
    assert verdict.lines == [f"median amplitude (peak to peak, mean of the leads) {middle:.2f} mV"]
    assert judge_amplitude([]).lines == ()


@pytest.mark.real
def test_exactly_the_legacy_headers_of_the_221_are_rejected(real_ecgs, packed_of):
    from fairseq_signals.data.readers import read_record

    folder = real_ecgs("cinc2021") / "cinc2021-mixed"
    paths = sorted(folder.rglob("*.hea"))
    verdict = judge_amplitude([packed_of(read_record(path), path.stem, source=path.parent.name) for path in paths])
    legacy = sorted(path.stem for path in (folder / "legacy-gain-headers").glob("*.hea"))
    assert len(paths) == 221 and sorted(reject.item.id for reject in verdict.rejects) == legacy
    assert list(verdict.warnings) == ["JS23463"] and verdict.refusal is None
