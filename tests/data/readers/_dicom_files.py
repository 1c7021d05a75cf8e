"""DICOM waveform files written byte by byte."""

import struct

import numpy as np

from tests.data.readers._vendor_signals import LEADS, part


def dicom_element(group, number, kind, value):
    """An element, little-endian with explicit types; a list is a sequence of items."""
    if kind == "SQ":
        value = b"".join(struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item for item in value)
    elif isinstance(value, str):
        value = value.encode("latin-1")
        value += (b"\0" if kind == "UI" else b" ") * (len(value) % 2)
    elif isinstance(value, int):
        value = value.to_bytes({"US": 2, "UL": 4}[kind], "little")
    head = struct.pack("<HH", group, number) + kind.encode()
    long = kind in ("SQ", "OB", "OW", "UT")
    return head + (struct.pack("<HI", 0, len(value)) if long else struct.pack("<H", len(value))) + value


def dicom_code(value, scheme, meaning):
    parts = ((0x100, "SH", value), (0x102, "SH", scheme), (0x104, "LO", meaning))
    return b"".join(dicom_element(8, number, kind, text) for number, kind, text in parts)


MDC = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))


def dicom_channel(name, code=None, scheme="SCPECG", meaning=None, **changed):
    fields = {"sensitivity": "2.5", "unit": "uV", "correction": "1", "baseline": "0", "skew": "0"} | changed
    code = f"5.6.3-9-{MDC.get(name, 0)}" if code is None else code
    meaning = f"Lead {name}" if meaning is None else meaning
    body = dicom_element(0x3A, 0x208, "SQ", [dicom_code(code, scheme, meaning)])
    if fields["sensitivity"] is not None:
        body += dicom_element(0x3A, 0x210, "DS", fields["sensitivity"])
    if fields["unit"] is not None:
        body += dicom_element(0x3A, 0x211, "SQ", [dicom_code(fields["unit"], "UCUM", "unit")])
    for number, key in ((0x212, "correction"), (0x213, "baseline"), (0x215, "skew")):
        if fields[key] is not None:
            body += dicom_element(0x3A, number, "DS", fields[key])
    return body


def dicom_group(samples, channels, label="RHYTHM", originality="ORIGINAL", rate="500", dtype="<i2", **changed):
    """A multiplex group of `[channels, T]`."""
    samples = np.asarray(samples)
    dtype = np.dtype(dtype)
    bits, kind = dtype.itemsize * 8, {("i", 2): "SS", ("u", 2): "US", ("i", 4): "SL"}[dtype.kind, dtype.itemsize]
    fields = {"n_samples": samples.shape[1], "n_channels": len(samples), "bits": bits, "kind": kind} | changed
    data = changed.get("data", samples.T.astype(dtype).tobytes())
    body = dicom_element(0x3A, 4, "CS", originality) + dicom_element(0x3A, 5, "US", fields["n_channels"])
    body += dicom_element(0x3A, 0x10, "UL", fields["n_samples"]) + dicom_element(0x3A, 0x1A, "DS", rate)
    body += dicom_element(0x3A, 0x20, "SH", label) + dicom_element(0x3A, 0x200, "SQ", channels)
    body += dicom_element(0x5400, 0x1004, "US", fields["bits"]) + dicom_element(0x5400, 0x1006, "CS", fields["kind"])
    if "padding" in changed:
        body += dicom_element(0x5400, 0x100A, "OW", np.asarray(changed["padding"], dtype).tobytes())
    return body + dicom_element(0x5400, 0x1010, "OW", data)


def dicom_file(groups, sop="1.2.840.10008.5.1.4.1.1.9.1.1", syntax="1.2.840.10008.1.2.1", age="042Y"):
    uid = "1.2.3.4.5"
    meta = dicom_element(2, 2, "UI", sop) + dicom_element(2, 3, "UI", uid) + dicom_element(2, 0x10, "UI", syntax)
    body = dicom_element(8, 0x16, "UI", sop) + dicom_element(8, 0x18, "UI", uid)
    body += dicom_element(8, 0x2A, "DT", "20130125105919.123") + dicom_element(8, 0x60, "CS", "ECG")
    body += dicom_element(8, 0x70, "LO", "Mortara") + dicom_element(8, 0x1090, "LO", "el250")
    body += dicom_element(0x10, 0x20, "LO", "P5") + dicom_element(0x10, 0x30, "DA", "19710123")
    body += dicom_element(0x10, 0x40, "CS", "F") + dicom_element(0x10, 0x1010, "AS", age)
    annotation = dicom_element(0x70, 6, "ST", "RITMO SINUSALE")
    body += dicom_element(0x40, 0xB020, "SQ", [annotation]) + dicom_element(0x5400, 0x100, "SQ", groups)
    return b"\0" * 128 + b"DICM" + dicom_element(2, 0, "UL", len(meta)) + meta + body


def dicom(signal, names=LEADS, sop="1.2.840.10008.5.1.4.1.1.9.1.1", **group):
    """A twelve-lead waveform file whose first group is the median beat."""
    channels = [dicom_channel(name) for name in names]
    beat = dicom_group(np.full((len(names), 900), 7777), channels, "MEDIAN BEAT", "DERIVED")
    rhythm = dicom_group(np.array(part(signal, names)), group.pop("channels", channels), **group)
    return dicom_file([beat, rhythm], sop)
