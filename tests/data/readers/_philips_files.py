"""Philips Sierra XML in its original form, with an encoder of its compression."""

import base64
import struct

import numpy as np

from tests.data.readers._vendor_signals import LEADS


def lzw(data, bits=10):
    """LZW with codes of a fixed width, first bit highest; the table stops growing at its last code but one."""
    table = {bytes([value]): value for value in range(256)}
    codes, known = [], b""
    for value in data:
        longer = known + bytes([value])
        if longer in table:
            known = longer
            continue
        codes.append(table[known])
        if len(table) <= (1 << bits) - 2:
            table[longer] = len(table)
        known = bytes([value])
    codes += [table[known]] if known else []
    text = "".join(f"{code:0{bits}b}" for code in [*codes, (1 << bits) - 1])
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def xli(row):
    """One lead of an XLI stream: what the second differences lack of 64, delayed by one; high bytes, then low ones."""
    row = [int(value) for value in row]
    second = [row[i] - 2 * row[i - 1] + row[i - 2] for i in range(2, len(row))]
    first = -second[0] if second else 0
    codes = row[:2] + [64 - value for value in second[1:]] + [64]
    codes = np.array(codes[: len(row)], np.int64).astype(np.int16).view(np.uint16)
    packed = lzw((codes >> 8).astype(np.uint8).tobytes() + (codes & 255).astype(np.uint8).tobytes())
    return struct.pack("<iHh", len(packed), 1, first) + packed


def remainders(signal):
    """The twelve leads as a compressed file stores them: four limb leads as what is left of their prediction."""
    one, two, three, avr, avl, avf = signal[:6]
    return [
        one,
        two,
        two - one - three,
        np.floor(-avr - np.floor((one + two) / 2)).astype(int),
        np.floor((one - three) / 2).astype(int) - avl,
        np.floor((two + three) / 2).astype(int) - avf,
        *signal[6:],
    ]


PHILIPS_PATIENT = (
    "<patient><generalpatientdata><patientid>P2</patientid><age defaultage='50'><dateofbirth>1951-01-01</dateofbirth>"
    "</age><sex>Male</sex></generalpatientdata></patient>"
)


def philips(signal, version="1.04", compressed=True, labels=LEADS, signalling="", extra="", encoding="utf-16", **wave):
    """A Sierra XML; `wave` changes attributes of the waveform, `signalling` the acquisition's description."""
    n_samples = signal.shape[1]
    rows = remainders(signal) if compressed else list(signal)
    raw = b"".join(xli(row) for row in rows) if compressed else np.asarray(rows, "<i2").tobytes()
    if version == "1.03":
        stated = {"compressflag": str(compressed), "compressmethod": "XLI", "nbitspersample": 16}
        described = "<signalresolution>5</signalresolution>"
    else:
        stated = {"compression": "XLI" if compressed else "Uncompressed", "numberofleads": len(labels)}
        stated |= {"leadlabels": " ".join(labels), "samplespersecond": 500, "resolution": 5, "bitspersample": 16}
        described = "<resolution>5</resolution>"
    stated |= {"dataencoding": "Base64", "durationperchannel": n_samples * 2} | wave
    attributes = " ".join(f'{key}="{value}"' for key, value in stated.items() if value is not None)
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<restingecgdata xmlns="http://www3.medical.philips.com">'
        "<documentinfo><documentname>AD4D3D80-d165-11dd-4823-0161c6aa0029.xml</documentname>"
        f"<documenttype>PhilipsECG</documenttype><documentversion>{version}</documentversion></documentinfo>"
        f"{PHILIPS_PATIENT}<dataacquisition date='2010-07-02' time='15:19:22'><machine>PageWriter</machine>"
        f"<signalcharacteristics><samplingrate>500</samplingrate>{described}<acquisitiontype>STD-12</acquisitiontype>"
        f"<numberchannelsallocated>12</numberchannelsallocated>{signalling}</signalcharacteristics></dataacquisition>"
        "<interpretations><interpretation><statement><leftstatement>SINUS RHYTHM</leftstatement></statement>"
        "<statement><leftstatement>RaVL &amp; SV3 &gt; 280</leftstatement></statement></interpretation>"
        f"</interpretations><waveforms><parsedwaveforms {attributes}>{base64.encodebytes(raw).decode()}"
        f"</parsedwaveforms>{extra}</waveforms></restingecgdata>"
    )
    return text.encode(encoding)
