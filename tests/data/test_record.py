import numpy as np
import pytest

from fairseq_signals.data.record import Record


def make(leads=("I", "II", "V1"), length=50, rate=500.0, dtype=np.float32):
    # Row r of the signal is constant r, so that a row tells where it came from.
    signal = np.repeat(np.arange(len(leads), dtype=dtype)[:, None], length, axis=1)
    return Record(signal, rate, leads, id="r1")


def test_duration_is_samples_over_rate():
    assert make(length=1250, rate=500.0).seconds == 2.5


def test_selected_rows_follow_their_leads():
    chosen = make().select(("V1", "I"))
    assert chosen.leads == ("I", "V1")
    assert chosen.signal[:, 0].tolist() == [0.0, 2.0]


def test_a_missing_lead_is_named():
    with pytest.raises(ValueError, match=r"r1 must have leads I, V6, got I, II, V1 \(missing V6\)"):
        make().select(("I", "V6"))


def test_a_model_must_have_one_of_its_leads_or_all_of_them():
    record = make(leads=("I", "V5"))
    record.require_leads(("I", "II"), every=False)
    record.require_leads(("I", "V5"), every=True)
    for leads, every in ((("II",), False), (("I", "II"), True), (("II", "III"), True)):
        with pytest.raises(ValueError, match=rf"must have leads of the model \({', '.join(leads)}; of 12.*got I, V5"):
            record.require_leads(leads, every)


def test_signals_in_another_type_are_refused():
    with pytest.raises(ValueError, match="must be float32"):
        make(dtype=np.float64)


def test_a_row_too_many_is_refused():
    with pytest.raises(ValueError, match=r"one row per lead \(2 leads\), got float32 \(3, 4\)"):
        Record(np.zeros((3, 4), np.float32), 500, ("I", "II"), id="r1")


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_a_rate_must_be_positive(rate):
    with pytest.raises(ValueError, match="rate of record r1 must be positive"):
        make(rate=rate)


@pytest.mark.parametrize("leads", [("II", "I", "V1"), ("I", "I", "V1"), ("I", "II", "X")])
def test_leads_out_of_order_twice_or_unknown_are_refused(leads):
    with pytest.raises(ValueError, match="must be in standard order"):
        make(leads=leads)
