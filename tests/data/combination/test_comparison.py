"""Who is of a prepared folder, one way at a time, on recordings of which exactly that way can tell."""

import pytest

from fairseq_signals.data.card import read_card, write_card
from fairseq_signals.data.combination.comparison import Offered, compare
from fairseq_signals.data.combination.prepared import Prepared
from fairseq_signals.data.combination.recordings import Recordings

KNOWN_RATE, RESAMPLED = {"options": {"rate": None}}, {"options": {"rate": 100.0}}


def _source_of(name):
    return {"HR": "ptb-xl", "E": "georgia"}.get(name.rstrip("0123456789"))


def _offered(part):
    opened = Prepared(part)
    return Offered(Recordings([opened]), [opened], _source_of)


def _found(compared, offered):
    return {way: [offered.recordings.ids[n] for n in found.nonzero()[0]] for way, found in compared.found.items()}


@pytest.fixture
def reference(prepared, made):
    """PTB-XL: recordings 1 and 2, of patients 7 and 8, with waveforms 11 and 12."""
    recordings = [made("1", "7", wave=11), made("2", "8", "test", wave=12)]
    return prepared("ptbxl", recordings, source="PTB-XL", card=KNOWN_RATE)


def test_each_way_finds_its_own(prepared, made, reference):
    recordings = [
        made("x1", "a", source="PTB_XL"),
        made("HR00009", "b", source="georgia"),
        made("x3", "7", source="ptb-xl"),
        made("x4", "7", source="georgia"),
        made("E00005", "c", "valid", wave=12, source="georgia"),
        made("E00006", "d", "test", source="georgia"),
    ]
    part = prepared("cinc", recordings, card=KNOWN_RATE)
    offered = _offered(part)
    compared = compare(reference.folder, offered, _source_of)
    assert _found(compared, offered) == {
        "source": ["cinc/x1", "cinc/x3"],
        "name": ["cinc/HR00009"],
        "patient": ["cinc/x3"],
        "waveform": ["cinc/E00005"],
    }, "patient 7 of georgia is another person than that of PTB-XL"
    assert (compared.total, compared.rates) == (2, (100.0,))


def test_a_name_counts_where_it_agrees_with_the_source(prepared, made, reference):
    """SPH's A00001 would be CPSC's: a form of names says nothing of those who do not use it."""
    recordings = [made("E1", "a", source="georgia"), made("E2", "b", source="SPH"), made("MUSE_1", "c", source="x")]
    offered = _offered(prepared("some", recordings))
    assert offered.named.tolist() == ["georgia", "georgia", ""]
    assert compare(reference.folder, offered, _source_of).told["name"].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("ours", "theirs", "rate", "comparable"),
    [
        (KNOWN_RATE, KNOWN_RATE, 100.0, True),
        (KNOWN_RATE, KNOWN_RATE, 500.0, False),
        (RESAMPLED, KNOWN_RATE, 100.0, False),
        (KNOWN_RATE, RESAMPLED, 100.0, False),
        ({}, KNOWN_RATE, 100.0, False),
        (KNOWN_RATE | {"parts": []}, KNOWN_RATE, 100.0, False),
    ],
)
def test_waveforms_tell_only_between_recordings_known_to_be_recorded_at_one_rate(
    prepared, made, ours, theirs, rate, comparable
):
    reference = prepared("reference", [made("1", "reference/1")], card=theirs)
    offered = _offered(prepared("some", [made("a", "some/a"), made("b", "some/b")], rate=rate, card=ours))
    assert compare(reference.folder, offered).told["waveform"].tolist() == [comparable] * 2


def test_recordings_without_waveforms_are_neither_found_nor_compared_by_them(prepared, made):
    reference = prepared("reference", [made("1", "7", wave=0), made("2", "8", wave=11)], card=KNOWN_RATE)
    offered = _offered(prepared("some", [made("a", "1", wave=0), made("b", "2", wave=11)], card=KNOWN_RATE))
    compared = compare(reference.folder, offered)
    assert compared.told["waveform"].tolist() == [False, True]
    assert compared.found["waveform"].tolist() == [False, True]


def _emptied(part):
    """The folder without a row."""
    card = read_card(part.folder)
    for name in ("train", "pretrain"):
        header = (part.folder / f"{name}.tsv").read_text().partition("\n")[0]
        (part.folder / f"{name}.tsv").write_text(f"{header}\n")
    lists = [f"{name}.tsv" for name in ("train", "pretrain")]
    write_card(part.folder, card, lists)
    return part.folder


def test_a_folder_to_compare_with_must_be_prepared_and_hold_something(prepared, made, tmp_path):
    offered = _offered(prepared("some", [made("a", "1")]))
    with pytest.raises(FileNotFoundError, match=r"source must be a prepared folder with dataset\.yaml, got none in"):
        compare(tmp_path / "none", offered)
    with pytest.raises(ValueError, match="folder to be apart from must have recordings, got none"):
        compare(_emptied(prepared("empty", [made("a", "1")])), offered)
