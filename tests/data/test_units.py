"""Which units a folder tells, and when a model's numbers mean nothing in others."""

import pytest

from fairseq_signals.data.card import write_card
from fairseq_signals.data.units import units_misfit, units_of

OWN, THEIRS = "as given, not calibrated, source A", "as given, not calibrated, source B"
MIXED = "each source has its own: as given, not calibrated, mV, source A + B"


def test_units_come_from_the_card_and_belong_to_their_source(tmp_path):
    card = {"source": "A", "version": "1", "counts": {}, "classes": [], "unannotated": [], "rate": 100, "split": "-"}
    assert units_of(tmp_path) is None
    write_card(tmp_path, card, [])
    assert units_of(tmp_path) == "mV"
    write_card(tmp_path, card | {"units": "as given, not calibrated"}, [])
    assert units_of(tmp_path) == OWN


@pytest.mark.parametrize(
    ("trained", "given", "certain"),
    [
        ("mV", "mV", None),
        (OWN, OWN, None),
        ("mV", None, None),  # folders without a card, and older checkpoints
        (None, "mV", None),
        (None, None, None),
        ("mV", OWN, True),
        (OWN, "mV", True),
        ("mV", MIXED, True),  # some of it
        (MIXED, "mV", False),
        (OWN, THEIRS, False),
        (None, OWN, False),
        (OWN, None, False),
    ],
)
def test_only_millivolts_against_others_is_certain(trained, given, certain):
    found, scale_free = units_misfit(trained, given), units_misfit(trained, given, scale_free=True)
    assert (found and found.certain) is certain
    if found:
        assert f"({given or 'not told'}) are not" in found.text and found.text.endswith(f"({trained or 'not told'})")
        assert ("not known to be" in found.text) is not certain
        assert not scale_free.certain and "shape alone counts" in scale_free.text
    else:
        assert scale_free is None
