from fairseq_signals.data.item import Item, Packed
from fairseq_signals.data.patients import with_patients
from fairseq_signals.data.source import row_of


def _packed(name, patient=None, file_patient=None):
    return Packed(Item("r.hea", name, patient), "s:0", 100, 100.0, ("I",), file_patient, (), {}, "0" * 16)


def test_a_recording_of_nobody_known_does_not_become_somebody_elses():
    packed = [_packed("14"), _packed("34", "14"), _packed("7", None, "15"), _packed("15"), _packed("16")]
    rows = [row_of(one) for one in with_patients(packed)]
    assert [row.patient for row in rows] == ["recording 14", "14", "15", "recording 15", "16"]
    assert len({row.patient for row in rows}) == 5


def test_a_recording_named_like_its_own_patient_stays():
    packed = [_packed("P1", "P1"), _packed("P1b", "P1")]
    assert with_patients(packed) == packed
