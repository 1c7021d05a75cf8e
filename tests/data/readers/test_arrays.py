import io
import json
import zipfile

import numpy as np
import pytest

from fairseq_signals.data.readers import arrays, read_record

LEADS = ["V1", "I", "II"]
SIGNAL = np.random.default_rng(0).normal(size=(3, 80)).astype(np.float32)
PASSED = {"rate": 250, "leads": LEADS, "unit": "mV"}


def describe(path, **sidecar):
    path.with_suffix(".json").write_text(json.dumps(sidecar))
    return path


def save(path, array=SIGNAL, **others):
    (np.savez(path, signal=array, **others) if path.suffix == ".npz" else np.save(path, array))
    return path


@pytest.mark.parametrize("array", [SIGNAL, SIGNAL.T, np.asfortranarray(SIGNAL), SIGNAL.astype(">f8"), SIGNAL[:, :1]])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_either_axis_order_and_any_real_type(tmp_path, array, ending):
    record = read_record(save(tmp_path / f"a.{ending}", array), **PASSED)
    np.testing.assert_array_equal(record.signal, SIGNAL[[1, 2, 0], : record.signal.shape[1]])
    assert (record.rate, record.leads, record.id) == (250.0, ("I", "II", "V1"), "a")


def test_a_sidecar_describes_the_array(tmp_path):
    path = describe(
        save(tmp_path / "a.npy"), rate=500, leads=LEADS, unit="uV", id="x", patient=7, labels=["b", "a", "b"], age=61.5
    )
    record = read_record(path)
    np.testing.assert_allclose(record.signal, SIGNAL[[1, 2, 0]] / 1000)
    assert (record.rate, record.id, record.patient, record.labels) == (500.0, "x", "7", ("b", "a"))
    assert record.meta["age"] == 61.5


def test_an_npz_describes_itself(tmp_path):
    record = read_record(save(tmp_path / "a.npz", rate=100, leads=LEADS, unit="V", id="q", sex="female"))
    np.testing.assert_allclose(record.signal, SIGNAL[[1, 2, 0]] * 1000, rtol=1e-6)
    assert (record.rate, record.id, record.meta["sex"]) == (100.0, "q", "female")


def test_digital_values_have_a_gain_and_a_baseline(tmp_path):
    path = describe(
        save(tmp_path / "a.npy", np.full((1, 5), 1524, np.int16)), rate=5, leads=["I"], unit="mV", gain=500, baseline=24
    )
    np.testing.assert_array_equal(read_record(path).signal, 3.0)


def test_missing_samples_are_read(tmp_path):
    array = SIGNAL.copy()
    array[0, 3] = np.nan
    assert np.argwhere(np.isnan(read_record(save(tmp_path / "a.npy", array), **PASSED).signal)).tolist() == [[2, 3]]


@pytest.mark.parametrize("lacking", ["rate", "leads", "unit"])
def test_what_is_missing_is_named(tmp_path, lacking):
    passed = {key: value for key, value in PASSED.items() if key != lacking}
    with pytest.raises(ValueError, match=rf"stated in a.json beside the file or passed, got no {lacking} \(.*a\.npy\)"):
        read_record(save(tmp_path / "a.npy"), **passed)


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_pickled_code_is_refused_and_not_run(tmp_path, monkeypatch, ending):
    monkeypatch.chdir(tmp_path)
    path = save(tmp_path / f"a.{ending}", np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match=rf"loadable without unpickling.*a\.{ending}"):
        read_record(path, **PASSED)
    assert not (tmp_path / "exploded").exists()


def claim(shape):
    """The bytes of an .npy that claims a shape and holds 240 values."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue() + SIGNAL.tobytes()


@pytest.mark.parametrize("shape", [(3, 10**12), (3, 81)])
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_an_array_that_claims_too_many_samples_is_refused(tmp_path, shape, ending):
    path = tmp_path / f"a.{ending}"
    if ending == "npy":
        path.write_bytes(claim(shape))
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("signal.npy", claim(shape))
    early = {("npz", (3, 10**12)): "must fit its [0-9]+ packed bytes, got 12000000000000"}  # before it is unpacked
    message = early.get((ending, shape), "loadable without unpickling")
    with pytest.raises(ValueError, match=rf"{message}.*a\.{ending}"):
        read_record(path, **PASSED)


@pytest.mark.parametrize("ending", ["npy", "npz"])
@pytest.mark.parametrize("kept", [30, 100, 200, 300])
def test_a_truncated_file_is_refused(tmp_path, ending, kept):
    path = save(tmp_path / f"a.{ending}")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=rf"a\.{ending}"):
        read_record(path, **PASSED)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (SIGNAL[:2], r"\[L, T\] or \[T, L\] with 3 leads, got \(2, 80\)"),
        (SIGNAL[:, :3], r"axes must differ in length to be told apart, got \(3, 3\)"),
        (SIGNAL[0], r"with 3 leads, got \(80,\)"),
        (SIGNAL[None, None, None], r"at most 4 axes, got \(1, 1, 1, 3, 80\)"),
        (SIGNAL.astype(complex), "must hold real numbers, got complex"),
        (SIGNAL > 0, "must hold real numbers, got bool"),
        (SIGNAL.astype(str), "must hold real numbers, got <U"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, array, message):
    with pytest.raises(ValueError, match=message + r".*a\.npy"):
        read_record(save(tmp_path / "a.npy", array), **PASSED)


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        ("{", "a sidecar must be a JSON object"),
        ("[1]", "a sidecar must be a JSON object, got a list"),
        ("[" * 100_000, "a sidecar must be a JSON object"),
        ('{"rate": 500}', r"rate must be the same wherever it is stated, got 500 and 250 \("),
        ('{"unit": "uV"}', "unit must be the same wherever it is stated, got uV and mV"),
        ('{"leads": ["I", "V1", "II"]}', "leads must be the same wherever it is stated"),
        ('{"leads": "V1,I,II"}', "leads must be the same wherever it is stated"),
        ('{"rate": "fast"}', "rate must be the same wherever it is stated"),
        ('{"gain": 0}', "gain not 0"),
        ('{"gain": [1, 2]}', "one number or one for each of 3 leads"),
        ('{"gain": "x"}', "one number or one for each of 3 leads"),
        ('{"labels": 5}', "labels must be a list of texts, got 5"),
    ],
)
def test_sidecars_that_do_not_fit_are_refused(tmp_path, sidecar, message):
    path = save(tmp_path / "a.npy")
    path.with_suffix(".json").write_text(sidecar)
    with pytest.raises(ValueError, match=message):
        read_record(path, **PASSED)


def test_sidecar_and_caller_may_spell_alike_things_differently(tmp_path):
    path = describe(save(tmp_path / "a.npy"), rate=250.0, leads=["v1", "lead i", "II"], unit="millivolt")
    assert read_record(path, **PASSED).leads == ("I", "II", "V1")


@pytest.mark.parametrize("rate", [0, -5, float("nan"), float("inf")])
def test_a_rate_must_be_a_positive_number(tmp_path, rate):
    with pytest.raises(ValueError, match=r"rate must be a positive number \(Hz\).*a\.npy"):
        read_record(save(tmp_path / "a.npy"), rate=rate, leads=LEADS, unit="mV")


def test_an_npz_needs_an_array_named_signal(tmp_path):
    np.savez(tmp_path / "a.npz", ecg=SIGNAL)
    with pytest.raises(ValueError, match=r"an array named signal, got ecg \(.*a\.npz\)"):
        read_record(tmp_path / "a.npz", **PASSED)


def test_a_sidecars_rate_must_be_a_positive_number(tmp_path):
    path = describe(save(tmp_path / "a.npy"), rate="fast", leads=LEADS, unit="mV")
    with pytest.raises(ValueError, match=r"rate must be a positive number \(Hz\), got 'fast' \(.*a\.npy\)"):
        read_record(path)


def test_leads_as_one_text_are_refused(tmp_path):
    with pytest.raises(ValueError, match="leads must be a sequence of names, got the text '12'"):
        read_record(save(tmp_path / "a.npy"), rate=250, leads="12", unit="mV")


MANY = np.random.default_rng(3).normal(size=(5, 3, 80)).astype(np.float32)  # [N, L, T]


@pytest.mark.parametrize(
    "array",
    [MANY, MANY.transpose(0, 2, 1), MANY.transpose(0, 2, 1)[:, None], MANY[:, None], MANY[..., None]],
    ids=["[N, L, T]", "[N, T, L]", "[N, 1, T, L]", "[N, 1, L, T]", "[N, L, T, 1]"],
)
def test_an_array_of_many_recordings(tmp_path, array):
    path = save(tmp_path / "a.npy", array)
    assert arrays.rows(path) == 5
    for row in range(5):
        record = read_record(path, **PASSED, row=row)
        np.testing.assert_array_equal(record.signal, MANY[row, [1, 2, 0]])
        assert record.id == f"a-{row}"


def test_an_array_of_one_recording_needs_no_row(tmp_path):
    assert arrays.rows(save(tmp_path / "a.npy")) == 1
    np.testing.assert_array_equal(read_record(save(tmp_path / "b.npy", MANY[:1]), **PASSED).signal, MANY[0, [1, 2, 0]])
    assert read_record(tmp_path / "a.npy", **PASSED, row=0).id == "a"


@pytest.mark.parametrize(
    ("row", "message"), [(None, "row must be given for a file of 5"), (5, "got 5"), (-1, "got -1")]
)
def test_a_row_must_be_one_of_the_files(tmp_path, row, message):
    with pytest.raises(ValueError, match=message + r".*a\.npy"):
        read_record(save(tmp_path / "a.npy", MANY), **PASSED, row=row)


def test_four_axes_of_which_none_is_single_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one of four axes must have length 1, .*, got \(1, 5, 3, 80\)"):
        read_record(save(tmp_path / "a.npy", MANY[None]), **PASSED)


def test_only_the_row_of_a_large_array_is_read(tmp_path):
    """A terabyte that is a hole in the file, but for one row."""
    shape = (10**9, 3, 80)
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        begin = file.tell()
        file.seek(begin + 999_999_999 * MANY[0].nbytes)
        file.write(MANY[0].tobytes())
    np.testing.assert_array_equal(read_record(tmp_path / "a.npy", **PASSED, row=10**9 - 1).signal, MANY[0, [1, 2, 0]])


def test_many_recordings_in_an_npz_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"many recordings must be in an \.npy, .* got an \.npz \(.*a\.npz\)"):
        read_record(save(tmp_path / "a.npz", MANY), **PASSED, row=0)
