import pytest

from fairseq_signals.data.leads import LEAD_SETS, STANDARD_LEADS, canonical_lead, lead_indices, parse_leads

# Written out by hand from the sources: PTB-XL's, MIMIC's and PTB's own headers, and common habits.
SPELLINGS = {
    "I": "I", "i": "I", " II ": "II", "AVR": "aVR", "avl": "aVL", "aVF": "aVF", "Lead aVR": "aVR",
    "ECG II": "II", "lead_V1": "V1", "v6": "V6", "vx": "X", "VY": "Y", "z": "Z", "V3R": "V3R",
}  # fmt: skip


@pytest.mark.parametrize(("written", "lead"), SPELLINGS.items())
def test_spellings_of_real_files_are_known(written, lead):
    assert canonical_lead(written) == lead


@pytest.mark.parametrize("written", ["", "IV", "V10", "V0", "MLII", "RESP", "ABP", "aV", "lead", "1", "I-II"])
def test_what_is_no_lead_is_not_guessed(written):
    assert canonical_lead(written) is None


def test_the_standard_order_is_the_one_on_ecg_paper():
    assert ",".join(STANDARD_LEADS) == "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"


@pytest.mark.parametrize("name", LEAD_SETS)
def test_lead_sets_have_as_many_leads_as_their_name_says(name):
    assert len(parse_leads(name)) == int(name) == len(set(parse_leads(int(name))))


def test_leads_by_name_come_in_standard_order():
    assert parse_leads("V2, avr,I") == parse_leads(["V2", "AVR", "i"]) == ("I", "aVR", "V2")


def test_positions_are_those_among_the_twelve():
    assert lead_indices(("I", "aVF", "V6")) == [0, 5, 11]


@pytest.mark.parametrize(
    ("spec", "message"), [("I,Q", "got 'Q'"), ("X", "got 'X'"), ("I,i", "once each"), ("", "at least one")]
)
def test_wrong_leads_are_named(spec, message):
    with pytest.raises(ValueError, match=message):
        parse_leads(spec)


@pytest.mark.parametrize(
    ("name", "lead"),
    [("DI", "I"), ("DII", "II"), ("diii", "III"), ("lead DII", "II"), ("C3", None), ("D1", None), ("DV1", None)],
)
def test_names_of_other_languages_and_those_that_mean_something_else(name, lead):
    assert canonical_lead(name) == lead
