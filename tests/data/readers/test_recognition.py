"""Every file is recognised by one reader and no other, whatever its name."""

import csv
import json

import numpy as np
import pytest
import soundfile

from fairseq_signals.data.readers import readers
from tests.data.readers._aecg_files import aecg
from tests.data.readers._dicom_files import dicom
from tests.data.readers._muse_files import muse
from tests.data.readers._philips_files import philips
from tests.data.readers._scp_files import scp
from tests.data.readers._vendor_files import WRITERS
from tests.data.readers._vendor_signals import steps

SIGNAL = steps(60)
VENDORS = tuple(WRITERS)
NAMES = ("a.xml", "a.dcm", "a.scp", "a.hea", "a.npy", "a.wav", "a.csv", "a.h5", "a.mat", "a")

FORMS = {
    "muse utf-16": ("muse", muse(SIGNAL).decode("latin-1").encode("utf-16")),
    "muse with a long comment": ("muse", b"<!--" + b"x" * 5000 + b"-->" + muse(SIGNAL).split(b"\n", 1)[1]),
    "philips 1.03": ("philips", philips(SIGNAL, "1.03", encoding="utf-8")),
    "philips without declaration": ("philips", philips(SIGNAL, encoding="utf-8").split(b"\n", 1)[1]),
    "aecg with a prefix": ("aecg", b"<hl7:AnnotatedECG xmlns:hl7='urn:hl7-org:v3'><hl7:id/></hl7:AnnotatedECG>"),
    "aecg": ("aecg", aecg(SIGNAL)),
    "scp without its mark": ("scp", scp(SIGNAL).replace(b"SCPECG", b"\0" * 6, 1)),
    "scp of version 3": ("scp", scp(SIGNAL, version=30)),
    "dicom image": ("dicom", dicom(SIGNAL, sop="1.2.840.10008.5.1.4.1.1.2")),
} | {name: (name, write(SIGNAL)) for name, write in WRITERS.items()}

FOREIGN = {
    "nothing": b"",
    "text": b"I,II\n1,2\n",
    "html": b"<!DOCTYPE html><html><body>RestingECG AnnotatedECG restingecgdata</body></html>",
    "other xml": b"<?xml version='1.0'?><ECG><RestingECG/></ECG>",
    "xml that mentions one": b"<?xml version='1.0'?><!-- <RestingECG> --><a b='AnnotatedECG'/>",
    "zeros": b"\0" * 600,
    "dicom without its mark": dicom(SIGNAL)[132:],
    "zip": b"PK\x03\x04" + b"\0" * 300,
    "noise": np.random.default_rng(0).bytes(2000),
}


def recognisers(path):
    with path.open("rb") as file:
        head = file.read(512)
    return [module.__name__.rpartition(".")[2] for module in readers() if module.recognises(path, head)]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_a_vendors_file_is_recognised_by_its_content_under_any_name(tmp_path, form, name):
    owner, content = FORMS[form]
    path = tmp_path / name
    path.write_bytes(content)
    found = recognisers(path)
    # WFDB headers are text with a fixed ending; a vendor's text file so named may be recognised twice, but ours first.
    assert found[0] == owner and found in ([owner], [owner, "physionet"] if name.endswith(".hea") else [owner])


@pytest.mark.parametrize("name", ["a.xml", "a.dcm", "a.scp", "a"])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_no_vendors_reader_claims_what_is_not_its_own(tmp_path, foreign, name):
    path = tmp_path / name
    path.write_bytes(FOREIGN[foreign])
    assert not {*recognisers(path)} & {*VENDORS}


def test_no_vendors_reader_claims_the_other_formats(tmp_path):
    signal = np.ones((2, 40), np.float32)
    np.save(tmp_path / "a.npy", signal)
    np.savez(tmp_path / "a.npz", signal=signal)
    soundfile.write(tmp_path / "a.wav", signal.T, 500, subtype="FLOAT")
    soundfile.write(tmp_path / "b.flac", signal[0].astype(np.int16), 500)
    (tmp_path / "r.hea").write_text("r 1 500 40\nr.dat 16 200/mV 16 0 1 40 0 I\n")
    np.ones(40, "<i2").tofile(tmp_path / "r.dat")
    (tmp_path / "a.json").write_text(json.dumps({"rate": 500}))
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["I", "II"], *signal.T.tolist()])
    try:
        import h5py
    except ImportError:
        pass
    else:
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["tracings"] = np.ones((1, 40, 12))
    from scipy.io import savemat

    savemat(tmp_path / "a.mat", {"val": signal})
    for path in sorted(tmp_path.iterdir()):
        assert not {*recognisers(path)} & {*VENDORS}, path.name
    for name in ("a.npy", "a.npz", "a.wav", "b.flac", "r.hea", "r.dat"):
        assert len(recognisers(tmp_path / name)) == 1, name


@pytest.mark.parametrize("path", ["gone.xml", "gone", "."])
def test_what_is_not_there_is_no_vendors_file(tmp_path, path):
    for module in readers():
        assert module.__name__.rpartition(".")[2] not in VENDORS or not module.recognises(tmp_path / path, b"")
