from dataclasses import replace

import pytest

from fairseq_signals.data.checks.duplicates import judge_duplicates


def test_every_repetition_names_the_first(heart, packed_of):
    one, other = heart(0), heart(1)
    packed = [
        packed_of(one, "a", "p1"),
        packed_of(other, "b", "p2"),
        packed_of(one, "c", "p1"),
        packed_of(one, "d", "p3"),
    ]
    verdict = judge_duplicates(packed)
    assert verdict.warnings == {
        "c": ["holds the same signal as a"],
        "d": ["holds the same signal as a, which is of patient p1 and not p3"],
    }
    assert verdict.card == {"same signal as another's": 1}
    assert verdict.lines == ["recordings that hold the signal of an earlier one of another or an unknown patient: 1"]


def test_patients_of_the_files_count_where_the_source_has_none(heart, packed_of):
    same = [replace(packed_of(heart(0), name), patient="p") for name in "ab"]
    assert judge_duplicates(same).card == {} and list(judge_duplicates(same).warnings) == ["b"]


def test_nobody_knows_whether_unknown_patients_are_the_same(heart, packed_of):
    for patients in ((None, None), ("p", None), (None, "p")):
        packed = [packed_of(heart(0), name, patient) for name, patient in zip("ab", patients, strict=True)]
        verdict = judge_duplicates(packed)
        assert verdict.warnings == {"b": ["holds the same signal as a"]} and verdict.card


def test_different_signals_are_none(heart, packed_of):
    verdict = judge_duplicates([packed_of(heart(seed)) for seed in range(5)])
    assert not (verdict.warnings or verdict.card or verdict.lines)


@pytest.mark.real
def test_the_repetitions_among_real_recordings(real_ecgs, packed_of):
    """Version 1.0.1 of PTB-XL holds recordings twice, which 1.0.3 dropped; the challenge holds one twice, too."""
    import wfdb

    from fairseq_signals.data.readers import read_record

    again = {"00138": "00137", "00144": "00143", "00457": "00456", "00460": "00459", "00463": "00145"}
    hr = {f"{id}_hr": f"{first}_hr" for id, first in again.items()}
    for part, expected in (("cinc2021", {"E07510": "E07509"}), ("ptbxl500", hr)):
        paths = sorted(real_ecgs(part).rglob("*.hea"), key=lambda path: path.stem)
        verdict = judge_duplicates([packed_of(read_record(path), path.stem) for path in paths])
        assert verdict.warnings == {id: [f"holds the same signal as {first}"] for id, first in expected.items()}
    for id, first in expected.items():
        folder = next(path.parent for path in paths if path.stem == id)
        again, once = (wfdb.rdrecord(str(folder / name), physical=False).d_signal for name in (id, first))
        assert (again == once).all()
