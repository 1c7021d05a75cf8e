"""What rows of one folder are called among others, and folders that cannot be combined."""

import pytest

from fairseq_signals.data.card import read_card, write_card
from fairseq_signals.data.combination.prepared import Names, Prepared, normalised
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import write_manifest
from fairseq_signals.data.row import Row


def test_a_source_is_the_same_however_it_is_spelt():
    assert {normalised(name) for name in ("PTB-XL", "ptb-xl", "PTB_XL", "ptb xl", "ptbxl")} == {"ptbxl"}
    assert normalised("CODE-15%") == "code15" and normalised("Клиника 2") == "клиника2"
    assert normalised("PTB") != normalised("PTB-XL")


def _row(patient, source="", row_id="r"):
    return Row(row_id, "s:0", 0, 1, 1.0, (), patient, extra={"source": source} if source else {})


def test_patients_are_named_by_the_rows_source_else_by_the_cards():
    names = Names({"source": "CinC 2021"})
    assert names.patient(_row("17", "ptb-xl")) == "ptbxl/17" and names.patient(_row("r")) == "cinc2021/r"
    assert names.source(_row("17", "ptb-xl")) == "ptb-xl" and names.source(_row("17")) == "CinC 2021"
    assert names.known == {"ptbxl": True, "cinc2021": False}
    assert Names({"source": "x"}, "PTB-XL").patient(_row("17", "records500")) == "ptbxl/17"
    combined = Names({"source": "a + b", "parts": []})
    assert combined.patient(_row("ptbxl/17", "PTB-XL", "p/1")) == "ptbxl/17"
    assert combined.patient(_row("cpsc/Q1", "cpsc", "c/Q1")) == "cpsc/Q1"
    assert combined.known == {"ptbxl": True, "cpsc": False}
    with pytest.raises(ValueError, match="namespace of patients must have a letter or digit, got '--'"):
        names.patient(_row("17", "--"))


def _rewrite(part, rows, columns):
    """The folder with another train.tsv and a card that knows it."""
    write_manifest(part.folder / "train.tsv", rows, columns)
    card = read_card(part.folder)
    write_card(part.folder, card, list(card["files"]))


def test_manifests_without_waveforms_or_of_loose_files_are_refused(prepared, made):
    part = prepared("one", [made("a", "1")])
    row = Row("a", "a.mat", 0, 300, 100.0, STANDARD_LEADS, "1", extra={"waveform": "0123456789abcdef"})
    _rewrite(part, [row], ["waveform"])
    with pytest.raises(ValueError, match=r"ecg must be shard:row in the store, got 'a.mat' \(.*train.tsv, line 2\)"):
        list(Prepared(part).rows("train"))
    _rewrite(part, [row], [])
    with pytest.raises(ValueError, match=r"manifest must have the column waveform, .* prepare the source again"):
        Prepared(part)
