"""Generated recordings as files: read back by other software, the same bytes whoever writes them, never mixed."""

from dataclasses import replace

import numpy as np
import pytest
import wfdb

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.synthetic import generate_patient, make_example_data, write_wfdb
from fairseq_signals.data.synthetic.example import patient_folder


@pytest.mark.parametrize("rate, seconds", [(100.0, 10.0), (500.0, 7.3), (257.0, 12.0)])
def test_files_read_back_by_other_software_equal_the_signal(tmp_path, rate, seconds):
    records = generate_patient(7, 1, rate, seconds)
    for record, path in zip(records, write_wfdb(records, tmp_path), strict=True):
        other = wfdb.rdrecord(str(path.with_suffix("")))
        assert other.fs == rate and other.sig_name == list(STANDARD_LEADS) and set(other.units) == {"mV"}
        np.testing.assert_allclose(other.p_signal.T, record.signal, atol=0.001)
        digital = wfdb.rdrecord(str(path.with_suffix("")), physical=False)
        # wfdb counts the 16-bit sums from 0, headers write them with a sign
        assert [sum_ % 65536 for sum_ in digital.checksum] == digital.calc_checksum()
        assert f"Dx: {','.join(record.labels)}" in other.comments
        assert f"Patient: {record.patient}" in other.comments
        ours = read_record(path)
        np.testing.assert_array_equal(ours.signal, other.p_signal.T.astype(np.float32))
        assert (ours.id, ours.patient, ours.labels) == (record.id, record.patient, record.labels)
        assert (ours.meta["age"], ours.meta["sex"]) == (record.meta["age"], record.meta["sex"])


def _bytes(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.glob("g*/*"))}


def test_the_first_patients_of_many_are_the_same_bytes_with_any_number_of_workers(tmp_path):
    make_example_data(tmp_path / "few", 4, rate=100)
    make_example_data(tmp_path / "many", 9, rate=100, workers=2)
    few, many = _bytes(tmp_path / "few"), _bytes(tmp_path / "many")
    assert few and few == {path: many[path] for path in few}
    make_example_data(tmp_path / "other", 4, rate=100, seed=1)
    assert not set(few.values()) & set(_bytes(tmp_path / "other").values())


def test_a_stopped_run_goes_on_and_repairs_a_torn_file(tmp_path):
    make_example_data(tmp_path, 3, rate=100)
    whole = _bytes(tmp_path)
    paths = sorted((tmp_path / "g1").glob("*.dat"))
    paths[0].write_bytes(paths[0].read_bytes()[:1000])
    paths[2].with_suffix(".hea").unlink()
    kept = paths[-1].stat().st_mtime_ns
    make_example_data(tmp_path, 3, rate=100)
    assert _bytes(tmp_path) == whole
    assert paths[-1].stat().st_mtime_ns == kept


def test_a_folder_of_other_settings_is_refused(tmp_path):
    make_example_data(tmp_path, 1, rate=100)
    with pytest.raises(ValueError, match="settings must be those the folder was made with"):
        make_example_data(tmp_path, 1, rate=500)


def test_folders_hold_at_most_a_thousand_recordings():
    assert [patient_folder(number) for number in (0, 299, 300)] == ["g1", "g1", "g2"]
    assert max(len(generate_patient(number, rate=100, seconds=1)) for number in range(60)) == 3


def test_signals_beyond_sixteen_bits_are_refused(tmp_path):
    record = generate_patient(0, diagnoses=("NSR",))[0]
    with pytest.raises(ValueError, match=r"within ±32\.767 mV"):
        write_wfdb([replace(record, signal=record.signal * 100)], tmp_path)
    assert not list(tmp_path.iterdir())
