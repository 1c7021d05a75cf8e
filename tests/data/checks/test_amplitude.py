from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtri

from fairseq_signals.data.checks.amplitude import judge_amplitude
from fairseq_signals.data.checks.amplitude_facts import extent
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
        {"gain": (None,) * 12},
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


def test_a_gain_that_a_header_leaves_out_is_that_of_the_wfdb_standard(heart):
    assert examine(replace(heart(), meta={"gain": (None,) * 12, "unit": (None,) * 12}))["gain"] == 200.0


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
    verdict = judge_amplitude([*_usual(heart, packed_of), packed_of(_stated(heart(50), 200.0, true=3000.0), "odd")])
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


@pytest.mark.parametrize("factor", [1 / 25, 25.0, 0.001, 1000.0])
def test_an_amplitude_that_is_impossible_beside_the_others_is_rejected_at_any_gain(heart, packed_of, factor):
    far = [replace(heart(s), signal=heart(s).signal * np.float32(factor)) for s in (50, 51)]
    wrong = [packed_of(_stated(far[0], 1000.0), "same gain"), packed_of(far[1], "no gain")]
    group = _usual(heart, packed_of)
    middle = np.median([one.facts["amplitude"] for one in (*group, *wrong)])
    verdict = judge_amplitude([*group, *wrong])
    assert [(reject.item.id, reject.fault) for reject in verdict.rejects] == [
        ("same gain", "wrong unit"),
        ("no gain", "wrong unit"),
    ]
    told = verdict.rejects[0].message
    assert told.startswith("amplitude must be within a factor of 20 of the others', got ")
    assert f"got {examine(far[0])['amplitude']:.3g} mV, and {middle:.3g} in their median" in told
    assert not verdict.warnings and verdict.refusal is None


def test_a_few_of_a_wrong_gain_are_rejected_where_only_most_have_the_usual_one(heart, packed_of):
    """Gains: 60 of 1000 and 35 of 500, both right; five state 200 and are 1000."""
    half = [packed_of(_stated(heart(s), 500.0, true=500.0), f"h{s}") for s in range(35)]
    wrong = [packed_of(_stated(heart(s), 200.0), f"w{s}") for s in range(70, 75)]
    verdict = judge_amplitude([*_usual(heart, packed_of, 60), *half, *wrong])
    assert sorted(reject.item.id for reject in verdict.rejects) == [f"w{s}" for s in range(70, 75)]
    assert verdict.refusal is None and not set(verdict.warnings) & {one.item.id for one in half}


@pytest.mark.parametrize("gain", [200.0, 5000.0, 300.0])
def test_two_large_groups_of_which_one_has_a_wrong_gain_refuse_the_source(heart, packed_of, gain):
    wrong = [packed_of(_stated(heart(s), gain), f"w{s}") for s in range(70, 100)]
    refusal = judge_amplitude([*_usual(heart, packed_of, 70), *wrong]).refusal
    low, high = (np.median([one.facts["amplitude"] for one in some]) for some in (wrong, _usual(heart, packed_of, 70)))
    assert f"{low:.3g} mV in the median of 30 recordings (such as w70) and {high:.3g} mV in that of 70" in refusal
    assert f"the ratio of the gains that they state, {gain:g} and 1000 steps per mV" in refusal
    ten = [packed_of(_stated(heart(s), gain), f"w{s}") for s in range(70, 78)]
    few = judge_amplitude([*_usual(heart, packed_of, 72), *ten])
    assert few.refusal is None and len(few.rejects) == 8, "a tenth or less is rejected"


@pytest.mark.parametrize(("first", "second"), [(20, 20), (20, 16), (14, 22), (88, 12)])
@pytest.mark.parametrize("factor", [0.001, 0.01, 10.0, 1000.0])
def test_two_large_groups_a_power_of_ten_apart_refuse_the_source(heart, packed_of, first, second, factor):
    right = [packed_of(heart(s), f"r{s}") for s in range(first)]
    other = [heart(first + s) for s in range(second)]
    wrong = [packed_of(replace(one, signal=one.signal * np.float32(factor)), f"w{one.id}") for one in other]
    refusal = judge_amplitude([*right, *wrong]).refusal
    assert f"median of {first} recordings (such as r" in refusal or f"that of {first} (such as r" in refusal
    assert f"median of {second} recordings (such as wr" in refusal or f"that of {second} (such as wr" in refusal
    times = float(refusal.split("they are ")[1].split(" times")[0])
    assert times == pytest.approx(max(factor, 1 / factor), rel=0.1)
    assert "nearly a power of ten" in refusal and "prepare the two groups apart" in refusal


def test_a_wide_spread_is_no_second_unit(packed_of, heart):
    """Log-normal, and so wide that its two halves are a factor of ten apart."""
    base, sizes = packed_of(heart()), 1.2 * 10 ** (0.74 * ndtri((np.arange(200) + 0.5) / 200))
    assert np.median(sizes[100:]) / np.median(sizes[:100]) == pytest.approx(10, rel=0.1)
    group = [
        replace(base, item=replace(base.item, id=f"r{n}"), facts={"amplitude": one}) for n, one in enumerate(sizes)
    ]
    assert judge_amplitude(group).refusal is None


def test_half_of_a_few_that_contradict_each_other_are_not_kept(heart, packed_of):
    tiny = [packed_of(replace(heart(s), signal=heart(s).signal / 1000), f"w{s}") for s in range(8)]
    verdict = judge_amplitude([*_usual(heart, packed_of, 8), *tiny])
    assert sorted(reject.item.id for reject in verdict.rejects) == [f"w{s}" for s in range(8)]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("gains", [(1000.0, 1000.0), (1000.0, 400.0), (200.0, 1000.0), (1000.0, 200.0)])
def test_a_ward_beside_telehealth_is_no_contradiction(packed_of, heart, share, gains):
    """Medians of 1.8 and 4.3 mV, each with a spread as in PTB-XL (log-normal, a factor of 1.5)."""
    drawn, base, spread = np.random.default_rng(3), packed_of(heart()), np.log(1.5)
    count = round(200 * share)
    sizes = np.concatenate([drawn.lognormal(np.log(m), spread, n) for m, n in ((1.8, 200 - count), (4.3, count))])
    facts = [{"amplitude": size, "gain": gains[n >= 200 - count]} for n, size in enumerate(sizes)]
    group = [replace(base, item=replace(base.item, id=f"r{n}"), facts=one) for n, one in enumerate(facts)]
    verdict = judge_amplitude(group)
    assert verdict.refusal is None and len(verdict.rejects) <= (20 if share == 0.1 and gains[1] == 400 else 0)


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
    few = judge_amplitude(packed(19, factor * ordinary)).refusal
    assert (few is None) == (1 / 20 < factor < 20), "of few, only what is far from all millivolts can be judged"


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
