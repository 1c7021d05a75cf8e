from dataclasses import replace

import numpy as np
import pytest

from fairseq_signals.data.checks.dead_leads import dead_facts, judge_dead_leads


def _changed(record, change):
    signal = record.signal.copy()
    change(signal)
    return replace(record, signal=signal)


def test_constant_leads_are_named(heart, packed_of):
    def flat(signal):
        signal[7], signal[10] = 0.0, -1.5

    record = _changed(heart(), flat)
    assert dead_facts(record) == {"flat": ["V2", "V5"]}
    verdict = judge_dead_leads([packed_of(record), packed_of(heart(1))])
    assert verdict.warnings == {"r0": ["constant: V2, V5"]} and verdict.card == {"with a constant lead": 1}
    assert verdict.lines == ["with a constant lead: 1"] and not verdict.rejects
    assert not judge_dead_leads([packed_of(record, leads=("I", "V1"))]).warnings, "those are not stored"


@pytest.mark.parametrize("side", [1, -1])
def test_a_lead_at_a_rail_is_named_with_its_share_of_the_samples(heart, packed_of, side):
    def saturate(signal):
        signal[8, 300:320] = side * 5.0

    record = _changed(heart(), saturate)
    assert dead_facts(record) == {"rail": {"V3": 0.02}}
    verdict = judge_dead_leads([packed_of(record)])
    assert verdict.warnings == {"r0": ["samples at one extreme value: V3 2.0%"]}
    assert verdict.card == {"with a lead at a rail": 1}


def test_a_sound_recording_has_neither(heart, packed_of):
    for step in (0.001, 0.00488):
        assert dead_facts(heart(step=step)) == {}
    verdict = judge_dead_leads([packed_of(heart())])
    assert (verdict.warnings, verdict.card, verdict.lines) == ({}, {}, [])


def test_a_still_baseline_is_no_rail_although_it_is_the_lowest_value(heart):
    def still(signal):
        signal[2] = 0
        signal[2, 50::100] = np.linspace(1, 2, 10)

    assert dead_facts(_changed(heart(), still)) == {}


@pytest.mark.real
def test_these_real_recordings_have_constant_leads(real_ecgs, packed_of):
    import wfdb

    from fairseq_signals.data.readers import read_record

    paths = sorted((real_ecgs("cinc2021") / "cinc2021-mixed" / "chapman_ningbo").glob("*.hea"))
    verdict = judge_dead_leads([packed_of(read_record(path), path.stem) for path in paths])
    flat = {}
    for path in paths:
        record = wfdb.rdrecord(str(path.with_suffix("")), physical=False)
        constant = [name for name, lead in zip(record.sig_name, record.d_signal.T, strict=True) if len(set(lead)) == 1]
        if constant:
            flat[path.stem] = [f"constant: {', '.join(constant)}"]
    assert verdict.warnings == flat and len(flat) == 6
