from collections import Counter
from dataclasses import replace

import numpy as np

from fairseq_signals.data.pairs import gallery_probe, halves, without_patients_of
from fairseq_signals.data.row import Row


def _row(name, patient, length=1000, start=0, rate=100.0):
    return Row(name, f"s:{name}", start, length, rate, ("I",), patient, ("AF",), extra={"age": "7"})


def _rows(n_patients=400):
    generator = np.random.default_rng(0)
    return [_row(f"{p}-{n}", f"p{p}", start=7) for p in range(n_patients) for n in range(generator.integers(1, 5))]


def test_each_patient_with_two_recordings_is_once_in_gallery_and_probe():
    rows = _rows()
    gallery, probe = gallery_probe(rows, 5.0, seed=1)
    repeated = {patient for patient, number in Counter(row.patient for row in rows).items() if number > 1}
    assert [row.patient for row in gallery] == [row.patient for row in probe] == sorted(repeated)
    whole = {row.id: row for row in rows}
    for one, other in zip(gallery, probe, strict=True):
        assert one.id != other.id
        for crop in (one, other):
            full = whole[crop.id]
            assert crop.length == 500 and full.start <= crop.start and crop.start + 500 <= full.start + full.length
            assert (crop.ecg, crop.patient, crop.labels, crop.extra) == (
                full.ecg,
                full.patient,
                full.labels,
                full.extra,
            )


def test_crops_and_recordings_are_drawn_evenly():
    rows = [row for p in range(3000) for row in (_row(f"{p}-{n}", f"p{p}") for n in range(4))]
    gallery, probe = gallery_probe(rows, 5.0, seed=1)
    starts = np.array([row.start for row in gallery + probe])
    assert starts.min() == 0 and starts.max() == 500  # both ends occur among 6,000 draws of 501
    counts = np.histogram(starts, 5, (0, 500))[0]
    assert abs(counts - 1200).max() < 5 * np.sqrt(1200 * 0.8)
    ordered = Counter((row.id[-1], other.id[-1]) for row, other in zip(gallery, probe, strict=True))
    assert len(ordered) == 12 and max(abs(number - 250) for number in ordered.values()) < 5 * np.sqrt(250)


def test_draws_depend_on_seed_and_patient_only():
    rows = _rows()
    gallery, probe = gallery_probe(rows, 5.0, seed=1)
    assert gallery_probe(rows[::-1], 5.0, seed=1) == (gallery, probe)
    half = [row for row in rows if int(row.patient[1:]) % 2]
    assert gallery_probe(half, 5.0, seed=1)[0] == [row for row in gallery if int(row.patient[1:]) % 2]
    other, _ = gallery_probe(rows, 5.0, seed=2)
    assert np.mean([one.start != two.start for one, two in zip(gallery, other, strict=True)]) > 0.9


def test_recordings_shorter_than_the_crop_are_no_pair():
    rows = [_row("1", "a"), _row("2", "a", length=499), _row("3", "b", length=500), _row("4", "b", 2500, rate=500.0)]
    gallery, probe = gallery_probe(rows, 5.0)
    assert [row.patient for row in gallery] == ["b"]
    assert sorted((row.id, row.start, row.length) for row in gallery + probe) == [("3", 0, 500), ("4", 0, 2500)]


def test_halves_do_not_overlap_and_reach_both_ends():
    rows = [_row("2", "a", 1300, start=10), _row("1", "b"), _row("0", "c", 999), _row("3", "a")]
    gallery, probe = halves(rows, 5.0)
    assert [(row.id, row.start, row.length) for row in gallery] == [("2", 10, 500), ("1", 0, 500)]
    assert [(row.id, row.start, row.length) for row in probe] == [("2", 810, 500), ("1", 500, 500)]


def test_pretraining_rows_are_without_the_patients_of_the_pairs():
    rows = _rows(50)
    kept = without_patients_of(rows, rows[:3], rows[10:12])
    gone = {row.patient for row in rows[:3] + rows[10:12]}
    assert kept == [row for row in rows if row.patient not in gone] and len(kept) < len(rows)


def test_a_copy_is_no_second_recording():
    def row(name, patient, waveform):
        return replace(_row(name, patient), extra={"waveform": waveform})

    rows = [
        row("c", "p1", "w1"),
        row("a", "p1", "w1"),
        row("x", "p2", "w2"),
        row("y", "p2", "w3"),
        row("z", "p2", "w2"),
    ]
    gallery, probe = gallery_probe(rows)
    assert [one.patient for one in gallery] == ["p2"]
    assert {gallery[0].id, probe[0].id} == {"x", "y"}
