import numpy as np
import pytest

from fairseq_signals.data.dower import (
    DOWER,
    INDEPENDENT_LEADS,
    INVERSE_DOWER,
    INVERSES,
    leads_from_independent,
    leads_from_vcg,
    vcg_from_leads,
)
from fairseq_signals.data.leads import STANDARD_LEADS

# As G. D. Clifford prints them in his notes on the inverse Dower transform (ecgtools, 2006): V1 to V6, I, II.
CLIFFORD = """-0.515 0.157 -0.917; 0.044 0.164 -1.387; 0.882 0.098 -1.277; 1.213 0.127 -0.601; 1.125 0.127 -0.086;
0.831 0.076 0.230; 0.632 -0.235 0.059; 0.235 1.066 -0.132"""
# The derived limb leads as tables of the twelve leads print them, to three decimals: III, aVR, aVL, aVF.
DERIVED = [[-0.397, 1.301, -0.191], [-0.434, -0.415, 0.037], [0.515, -0.768, 0.125], [-0.081, 1.184, -0.162]]


def test_the_lead_matrix_is_the_published_one():
    order = ["V1", "V2", "V3", "V4", "V5", "V6", "I", "II"]
    printed = np.array([row.split() for row in CLIFFORD.split(";")], dtype=float)
    assert INDEPENDENT_LEADS == ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
    assert np.array_equal(DOWER[[INDEPENDENT_LEADS.index(lead) for lead in order]], printed)
    assert np.array_equal(leads_from_vcg(tuple(order)), printed)


def test_the_derived_limb_leads_are_those_of_printed_tables():
    assert abs(leads_from_vcg(("III", "aVR", "aVL", "aVF")) - DERIVED).max() <= 0.0005 + 1e-9


def test_the_printed_inverse_is_the_pseudo_inverse_to_three_decimals():
    # Least squares per lead, not NumPy's pinv: a dipole is found from what the eight leads see of it.
    solved = np.linalg.lstsq(DOWER, np.eye(8), rcond=None)[0]
    assert np.allclose(INVERSES["pseudo"], solved, atol=1e-12)
    assert abs(INVERSE_DOWER - solved).max() < 0.0005
    assert abs(INVERSE_DOWER @ DOWER - np.eye(3)).max() < 0.0007


@pytest.mark.parametrize("inverse", ["dower", "pseudo"])
@pytest.mark.parametrize("reverse", [False, True])
def test_a_dipole_comes_back_from_the_leads_that_see_it_in_any_order(inverse, reverse):
    leads = STANDARD_LEADS[::-1] if reverse else STANDARD_LEADS
    dipole = np.random.default_rng(0).normal(size=(3, 50))
    seen = leads_from_vcg(leads) @ dipole
    assert abs(vcg_from_leads(leads, inverse) @ seen - dipole).max() < (0.01 if inverse == "dower" else 1e-12)
    assert np.allclose(leads_from_independent(leads) @ seen, seen)


def test_derived_leads_count_for_nothing_and_follow_from_i_and_ii():
    signal = dict(zip(STANDARD_LEADS, np.random.default_rng(1).normal(size=(12, 5)), strict=True))
    one, two = signal["I"], signal["II"]
    expected = signal | {"III": two - one, "aVR": -(one + two) / 2, "aVL": one - two / 2, "aVF": two - one / 2}
    out = leads_from_independent(STANDARD_LEADS) @ np.stack(list(signal.values()))
    assert np.allclose(out, np.stack(list(expected.values())))
    assert not vcg_from_leads(STANDARD_LEADS)[:, 2:6].any()


@pytest.mark.parametrize("leads", [("I", "II"), STANDARD_LEADS[:6], STANDARD_LEADS[:11]])
def test_fewer_leads_than_the_eight_are_refused(leads):
    with pytest.raises(ValueError, match=r"must include I, II and V1 to V6, .*three dimensions, got I, II"):
        vcg_from_leads(leads)
    with pytest.raises(ValueError, match="must include I, II and V1 to V6"):
        leads_from_independent(leads)


def test_an_unknown_inverse_is_refused():
    with pytest.raises(ValueError, match="inverse of Dower's matrix must be one of dower, pseudo, got 'kors'"):
        vcg_from_leads(STANDARD_LEADS, "kors")
