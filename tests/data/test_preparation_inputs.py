"""What a preparation makes of its source's files: damaged, changing, incomplete, named or padded in odd ways."""

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from fairseq_signals.data import packing
from fairseq_signals.data.item import Item, Packing, Stated
from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.limb_leads import with_limb_leads
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.preparation import Arrangement, Source, Work, prepare, row_of
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.store import Store
from fairseq_signals.data.waveform_digest import waveform_digest

N = 9


def _electrodes(number: int) -> np.ndarray:
    """Twelve leads `[12, 500]` in µV whose limb leads obey Einthoven and Goldberger."""
    generator = np.random.default_rng(number)
    right, left, foot = (2 * generator.integers(-300, 300, 500) for _ in range(3))
    limb = [left - right, foot - right, foot - left]
    limb += [right - (left + foot) // 2, left - (right + foot) // 2, foot - (right + left) // 2]
    return np.stack([*limb, *generator.integers(-900, 900, (6, 500))])


def _write(folder: Path, name: str, microvolts: np.ndarray, leads=STANDARD_LEADS) -> None:
    count = len(leads)
    wfdb.wrsamp(
        name,
        fs=100,
        units=["mV"] * count,
        sig_name=list(leads),
        d_signal=microvolts.T,
        fmt=["16"] * count,
        adc_gain=[1000.0] * count,
        baseline=[0] * count,
        write_dir=str(folder),
    )


@pytest.fixture
def archive(tmp_path):
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(N):
        _write(folder, f"r{number}", _electrodes(number))
    return folder


def _arrange(packed):
    return Arrangement({"train": [row_of(one) for one in packed], "valid": [], "test": []}, {}, [], "by hand")


def _prepare(folder, dest, arrange=_arrange, packing=None, work=None, **source):
    packing = packing or Packing(per_shard=3, shortest_s=0.5)
    items = [Item(f"r{number}.hea", f"r{number}") for number in range(N)]
    return prepare(Source(**({"name": "t", "version": None, "root": folder, "items": items} | source)), dest, packing, arrange, work or Work())  # fmt: skip  # noqa: E501


def _bytes(dest: Path) -> dict[str, bytes]:
    return {path.relative_to(dest).as_posix(): path.read_bytes() for path in dest.rglob("*") if path.is_file()}


def _stop(packed):
    raise KeyboardInterrupt


@pytest.mark.slow
def test_a_cluster_makes_the_same_bytes_though_it_works_in_another_folder(archive, tmp_path, dask_cluster, monkeypatch):
    _prepare(archive, tmp_path / "here")
    monkeypatch.chdir(tmp_path)
    _prepare(Path("archive"), Path("there"), work=Work(dask=dask_cluster))
    assert _bytes(tmp_path / "here") == _bytes(tmp_path / "there")


def test_files_that_change_between_two_runs_are_packed_again(archive, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _prepare(archive, tmp_path / "out", _stop)
    _write(archive, "r4", _electrodes(77))
    (archive / "r8.dat").unlink()
    _prepare(archive, tmp_path / "out")
    _prepare(archive, tmp_path / "anew")
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "anew")
    assert "r8\tr8.hea\tmissing" in (tmp_path / "out" / "rejected.tsv").read_text()


@pytest.mark.parametrize("moment", ["while it is read", "after it was read"])
def test_files_that_change_meanwhile_stop_the_run_and_the_next_one_mends_it(archive, tmp_path, monkeypatch, moment):
    changing = {"while it is read": "r5", "after it was read": "r8"}[moment]

    def read(path, *rest):
        record = read_record(path, *rest)
        if path.stem == changing:
            _write(archive, "r5", _electrodes(77))
        return record

    monkeypatch.setattr(packing, "read_record", read)
    with pytest.raises(ValueError, match=r"files must stay as they are .* got 2 that changed, such as r5\.(hea|dat)"):
        _prepare(archive, tmp_path / "out")
    assert not (tmp_path / "out" / "dataset.yaml").exists()
    monkeypatch.undo()
    _prepare(archive, tmp_path / "out")
    _prepare(archive, tmp_path / "anew")
    assert _bytes(tmp_path / "out") == _bytes(tmp_path / "anew")


def test_what_is_not_as_published_is_rejected(archive, tmp_path):
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.name}" for path in sorted(archive.iterdir())]
    (archive / "SHA256SUMS.txt").write_text("\n".join(lines) + "\n")
    samples = bytearray((archive / "r2.dat").read_bytes())
    samples[100] ^= 1
    (archive / "r2.dat").write_bytes(samples)
    card = _prepare(archive, tmp_path / "out")
    assert card["counts"]["rejected"] == {"checksum": 1}
    assert (
        "r2\tr2.hea\tchecksum\tr2.dat must have the SHA-256 that SHA256SUMS.txt tells"
        in (tmp_path / "out" / "rejected.tsv").read_text()
    )


def test_leads_that_are_absent_are_derived_and_said_to_be(archive, tmp_path):
    truth = _electrodes(1)
    eight = [lead for lead in STANDARD_LEADS if lead not in ("III", "aVR", "aVL", "aVF")]
    _write(archive, "r1", truth[[STANDARD_LEADS.index(lead) for lead in eight]], eight)
    _prepare(archive, tmp_path / "out")
    rows = {row.id: row for row in Manifest(tmp_path / "out" / "train.tsv")}
    assert len(rows) == N and rows["r1"].leads == STANDARD_LEADS
    assert {row.extra["derived"] for row in rows.values()} == {"", "III,aVR,aVL,aVF"}
    np.testing.assert_array_equal(Store(tmp_path / "out" / "store").read(*rows["r1"].stored), truth)
    assert rows["r1"].extra["waveform"] == waveform_digest(read_record(archive / "r1.hea"))


def test_a_waveform_has_one_digest_whatever_rate_and_leads_are_asked_for(archive, tmp_path):
    waveforms = []
    for choice in (Packing(shortest_s=0.5), Packing(rate=50.0, leads=("I", "V2"), shortest_s=0.5)):
        _prepare(archive, tmp_path / str(choice.rate), packing=choice)
        rows = Manifest(tmp_path / str(choice.rate) / "train.tsv")
        waveforms.append({row.id: row.extra["waveform"] for row in rows})
    assert waveforms[0] == waveforms[1] and len(set(waveforms[0].values())) == N


def test_two_limb_leads_are_not_derived_where_nobody_needs_them(archive, tmp_path):
    _write(archive, "r1", _electrodes(1)[:2], ("I", "II"))
    _prepare(archive, tmp_path / "out", packing=Packing(leads=("I",), shortest_s=0.5))
    assert "derived" not in Manifest(tmp_path / "out" / "train.tsv").columns


def test_channels_that_the_files_name_wrongly_get_their_right_names(archive, tmp_path):
    exchanged = ["I", "II", "III", "aVR", "aVF", "aVL", *STANDARD_LEADS[6:]]
    for number in range(N):
        _write(archive, f"r{number}", _electrodes(number), exchanged)
    pairs = (("aVL", "aVF"), ("aVF", "aVL"))
    _prepare(archive, tmp_path / "out", packing=Packing(shortest_s=0.5, relabel=pairs))
    for row in Manifest(tmp_path / "out" / "train.tsv"):
        samples = Store(tmp_path / "out" / "store").read(*row.stored)
        np.testing.assert_array_equal(samples, _electrodes(int(row.id[1:])))


def test_leads_derived_from_wrongly_named_channels_are_derived_anew(archive, tmp_path, monkeypatch):
    for number in range(N):  # two channels, of which a reader derives the rest
        truth = _electrodes(number)
        _write(archive, f"r{number}", truth[[0, 6]], ("I", "II"))
    monkeypatch.setattr(packing, "read_record", lambda path, *rest: with_limb_leads(read_record(path)))
    pairs = (("II", "aVL"),)  # the second channel really is aVL
    _prepare(archive, tmp_path / "out", packing=Packing(leads=("I", "II", "aVL"), shortest_s=0.5, relabel=pairs))
    for row in Manifest(tmp_path / "out" / "train.tsv"):
        one, two, left = Store(tmp_path / "out" / "store").read(*row.stored).astype(int)
        np.testing.assert_array_equal(left, _electrodes(int(row.id[1:]))[6])
        np.testing.assert_allclose(left, one - two / 2, atol=1)
        assert row.extra["derived"] == "II,III,aVR,aVF"


def test_a_library_that_lacks_is_no_fault_of_the_files(archive, tmp_path, monkeypatch):
    def read(path, *rest):
        raise ImportError("pydicom must be installed to read this format")

    monkeypatch.setattr(packing, "read_record", read)
    with pytest.raises(ImportError, match="must be installed"):
        _prepare(archive, tmp_path / "out")


def test_padding_is_cut_off_only_where_the_source_pads(archive, tmp_path):
    padded = np.pad(_electrodes(3)[:, :400], ((0, 0), (60, 40)))
    _write(archive, "r3", padded)
    lengths = {}
    for stated in (Stated(zero_padded=True), Stated()):
        _prepare(archive, tmp_path / str(stated.zero_padded), stated=stated)
        rows = {row.id: row for row in Manifest(tmp_path / str(stated.zero_padded) / "train.tsv")}
        lengths[stated.zero_padded] = (rows["r3"].length, rows["r4"].length)
    assert lengths == {True: (400, 500), False: (500, 500)}


def test_numbers_that_are_no_millivolts_are_kept_and_the_card_says_so(archive, tmp_path):
    _write(archive, "r3", _electrodes(3) * 20)  # up to 24, beyond any millivolts
    card = _prepare(archive, tmp_path / "given", stated=Stated(calibrated=False))
    assert (card["units"], card["counts"]["recordings"]) == ("as given, not calibrated", N)
    card = _prepare(archive, tmp_path / "volts")
    assert (card["units"], card["counts"]["rejected"]) == ("mV", {"implausible": 1})


def test_an_incomplete_download_is_noticed(archive, tmp_path, capsys):
    card = _prepare(archive, tmp_path / "out", expected=N + 2)
    line = f"the source publishes {N + 2} recordings, got {N}: is the download complete?"
    assert line in card["checks"] and f"check: {line}" in capsys.readouterr().out
    assert not any("publishes" in line for line in _prepare(archive, tmp_path / "whole", expected=N)["checks"])


def test_what_a_sources_tables_show_stands_in_the_card_and_in_the_list_of_warnings(archive, tmp_path, capsys):
    def arrange(packed):
        return replace(_arrange(packed), remarks=["no pairs"])

    odd = {"r3": ["two sexes", "no age"], "nobody": ["never packed"]}
    card = _prepare(archive, tmp_path / "out", arrange, remarks=["7 ages unknown"], odd=odd)
    assert card["checks"][0] == "7 ages unknown" and card["checks"][-1] == "no pairs"
    assert "check: 7 ages unknown" in capsys.readouterr().out
    lines = (tmp_path / "out" / "warnings.tsv").read_text().splitlines()
    assert [line for line in lines[1:] if line.startswith("r3")] == ["r3\tr3.hea\ttwo sexes", "r3\tr3.hea\tno age"]
    assert "never packed" not in "".join(lines) and card["counts"]["with warnings"] == len(
        {line.split("\t")[0] for line in lines[1:]}
    )


def test_a_sources_own_splits_with_a_copy_on_both_sides_are_a_leak(archive, tmp_path):
    def arrange(packed):
        rows = [row_of(one) for one in packed]
        return Arrangement({"train": rows[:5], "valid": rows[5:8], "test": rows[8:]}, {}, [], "by hand")

    _prepare(archive, tmp_path / "sound", arrange)
    _write(archive, "r8", _electrodes(3))
    leak = "LEAK: a waveform must be in one split only, got 'r3' in train and the same samples as 'r8' in test"
    with pytest.raises(ValueError, match=leak):
        _prepare(archive, tmp_path / "leaking", arrange)
    kept = Packing(per_shard=3, shortest_s=0.5, keep_suspect=True)
    assert _prepare(archive, tmp_path / "kept", arrange, kept)["counts"]["rows"]["test"] == 1


def test_what_is_stated_fills_only_what_files_do_not_say(archive, tmp_path):
    np.savetxt(archive / "table.csv", _electrodes(40).T, delimiter=",", header=",".join(STANDARD_LEADS), comments="")
    items = [Item("r0.hea", "r0"), Item("table.csv", "csv")]
    stated = Stated(rate=250.0, unit="uV", where_missing=True)
    _prepare(archive, tmp_path / "out", items=items, stated=stated)
    rows = {row.id: row for row in Manifest(tmp_path / "out" / "train.tsv")}
    assert (rows["r0"].rate, rows["csv"].rate) == (100.0, 250.0)
    for name, number in (("r0", 0), ("csv", 40)):
        np.testing.assert_array_equal(Store(tmp_path / "out" / "store").read(*rows[name].stored), _electrodes(number))
    card = _prepare(archive, tmp_path / "strict", items=items, stated=Stated(rate=250.0, unit="uV"))
    assert card["counts"]["rejected"] == {"unreadable": 1}, "what every file must agree with"


def test_why_most_were_rejected_is_said(archive, tmp_path, capsys):
    for number in range(5):
        (archive / f"r{number}.dat").unlink()
    _prepare(archive, tmp_path / "out")
    assert "check: MANY REJECTED: 5 of 9; 5 missing, such as r0: signal file r0.dat must be" in capsys.readouterr().out
    for number in range(5, N):
        (archive / f"r{number}.dat").unlink()
    with pytest.raises(ValueError, match=r"must be usable, got none of 9; 9 missing, such as r0: signal file"):
        _prepare(archive, tmp_path / "none")


def test_where_the_source_lies_changes_no_byte(archive, tmp_path, monkeypatch):
    (archive / "r7.dat").unlink()
    _prepare(archive, tmp_path / "here")
    shutil.copytree(archive, tmp_path / "else" / "where")
    monkeypatch.chdir(tmp_path / "else")
    _prepare(Path("where"), tmp_path / "there")
    os.symlink(archive, tmp_path / "linked")
    _prepare(tmp_path / "linked", tmp_path / "through")
    assert _bytes(tmp_path / "here") == _bytes(tmp_path / "there") == _bytes(tmp_path / "through")


def test_who_works_is_no_part_of_the_plan(archive, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _prepare(archive, tmp_path / "out", _stop, work=Work(workers=2))
    assert _prepare(archive, tmp_path / "out", work=Work(workers=1))["counts"]["recordings"] == N
