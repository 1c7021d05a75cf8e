import itertools

import numpy as np
import pytest

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.limb_leads import LIMB_LEADS, with_limb_leads
from fairseq_signals.data.record import Record


def _from_electrodes(length=300):
    """All six leads from the potentials of three electrodes, lead by lead as Einthoven and Goldberger define them."""
    right, left, foot = np.random.default_rng(1).normal(0, 1, (3, length))
    leads = {"I": left - right, "II": foot - right, "III": foot - left}
    return leads | {
        "aVR": right - (left + foot) / 2,
        "aVL": left - (right + foot) / 2,
        "aVF": foot - (right + left) / 2,
    }


def _record(leads, chest=("V2",)):
    signals = _from_electrodes() | {name: np.full(300, 9.0) for name in chest}
    names = tuple(lead for lead in STANDARD_LEADS if lead in (*leads, *chest))
    return Record(np.stack([signals[name] for name in names]).astype(np.float32), 500.0, names, "r", meta={"age": 3})


@pytest.mark.parametrize("pair", list(itertools.combinations(LIMB_LEADS, 2)))
def test_any_two_limb_leads_give_the_other_four(pair):
    truth, whole = _from_electrodes(), with_limb_leads(_record(pair))
    assert whole.leads == (*LIMB_LEADS, "V2")
    for lead in LIMB_LEADS:
        np.testing.assert_allclose(whole.signal[whole.leads.index(lead)], truth[lead], atol=2e-6)
    assert whole.meta == {"age": 3, "derived": tuple(lead for lead in LIMB_LEADS if lead not in pair)}
    assert (whole.signal[-1] == 9).all() and whole.signal.dtype == np.float32


def test_what_is_there_is_not_replaced():
    record = _record(("I", "II", "aVF"))
    record.signal[2] += 5  # an aVF that is wrong is not mended in silence
    whole = with_limb_leads(record)
    np.testing.assert_array_equal(whole.signal[whole.leads.index("aVF")], record.signal[2])
    assert whole.meta["derived"] == ("III", "aVR", "aVL")
    complete = _record(LIMB_LEADS)
    assert with_limb_leads(complete) is complete


def test_one_limb_lead_is_not_enough():
    record = _record(("I",))
    assert with_limb_leads(record) is record


def test_a_missing_sample_is_missing_in_what_follows_from_it():
    record = _record(("I", "III"))
    record.signal[1, 7] = np.nan
    whole = with_limb_leads(record)
    assert np.flatnonzero(~np.isfinite(whole.signal).all(axis=0)).tolist() == [7]
    assert not np.isfinite(whole.signal[[1, 3, 4, 5], 7]).any()
