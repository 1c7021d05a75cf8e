"""Units, leads and durations of a cohort that are not the model's are told, with how many recordings have them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from fairseq_signals.data.card import write_card
from fairseq_signals.data.leads import STANDARD_LEADS, parse_leads
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.units import units_misfit
from fairseq_signals.evaluation.external_remarks import cohort_remarks

HEADER = "id\tecg\tstart\tlength\trate\tleads\tpatient\tlabels"
EIGHT = "I,II,V1,V2,V3,V4,V5,V6"


@dataclass
class Model:
    """What is asked of a trained model."""

    leads: tuple = STANDARD_LEADS
    units: str | None = "mV"
    scale_free: bool = False
    rate: float = 100.0
    window_seconds: float = 10.0
    checkpoint: Path = Path("model.pt")

    def misfit(self, units):
        return units_misfit(self.units, units, self.scale_free)


def cohort(folder, *rows, units="mV"):
    """A folder of recordings, each `leads:samples`, and the manifest."""
    folder.mkdir()
    cells = [row.split(":") for row in rows]
    lines = [f"{n}\ts:{n}\t0\t{samples}\t100\t{leads}\tp{n}\t" for n, (leads, samples) in enumerate(cells)]
    (folder / "test.tsv").write_text("\n".join([HEADER, *lines]) + "\n")
    card = {"source": "A", "version": "1", "counts": {}, "classes": [], "unannotated": [], "rate": 100, "split": "-"}
    write_card(folder, card | {"units": units}, [])
    return Manifest(folder / "test.tsv")


def test_nothing_is_said_of_a_cohort_like_the_training(tmp_path):
    training, like = cohort(tmp_path / "a", "12:1000"), cohort(tmp_path / "b", "12:1000", "12:5000")
    assert cohort_remarks(Model(), like) == cohort_remarks(Model(), like, training.path) == []
    (tmp_path / "other.tsv").write_text("id\n1\n")
    for path in ("gone.tsv", "other.tsv"):  # which tell nothing of the training's leads
        assert cohort_remarks(Model(units=None), like, tmp_path / path) == []
    assert cohort_remarks(Model(leads=parse_leads("2")), cohort(tmp_path / "c", f"{EIGHT}:1000")) == []


def test_other_units_are_refused_or_marked(tmp_path):
    given = cohort(tmp_path / "a", "12:1000", units="as given, not calibrated")
    with pytest.raises(
        ValueError, match=r"trained with, but .* source A\) are not those .*\(mV\) \(.*test.tsv, model.pt"
    ):
        cohort_remarks(Model(), given)
    (said,) = cohort_remarks(Model(), given, allowed=True)
    assert said.startswith("OTHER UNITS: units of the amplitudes (as given")
    (said,) = cohort_remarks(Model(scale_free=True), given)
    assert "shape alone counts" in said and "OTHER" not in said
    assert cohort_remarks(Model(units="as given, not calibrated, source A"), given) == []


def test_leads_that_are_lacking_are_counted_and_told_to_be_derivable(tmp_path):
    (said,) = cohort_remarks(Model(), cohort(tmp_path / "a", "12:1000", f"{EIGHT}:1000", "6:1000"))
    assert said.startswith(
        "2 of 3 recordings lack leads that the model takes: III, aVR, aVL, aVF, V1, V2, V3, V4, V5, V6"
    )
    assert "limb leads follow from any two" in said
    (said,) = cohort_remarks(Model(), cohort(tmp_path / "b", "6:1000", "I,V1:1000"))
    assert said.startswith("2 of 2 recordings lack") and "limb leads follow" not in said, "none can be derived"


def test_leads_are_measured_by_those_of_the_training_where_it_is_there(tmp_path):
    training = cohort(tmp_path / "a", f"{EIGHT}:1000").path
    assert cohort_remarks(Model(), cohort(tmp_path / "b", f"{EIGHT}:1000"), training) == []
    (said,) = cohort_remarks(Model(), cohort(tmp_path / "c", "12:1000", f"{EIGHT}:1000"), training)
    assert said == "1 of 2 recordings have leads that its training had not: III, aVR, aVL, aVF"


def test_recordings_that_do_not_fill_a_window_are_counted(tmp_path):
    given = cohort(tmp_path / "a", "12:1000", "12:999", "12:400")
    (said,) = cohort_remarks(Model(), given)
    assert said == "2 of 3 recordings are shorter than the model's windows of 10 s, the shortest 4 s: the rest is empty"
    assert cohort_remarks(Model(window_seconds=4.0), given) == []
