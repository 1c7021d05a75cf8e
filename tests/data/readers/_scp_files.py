"""SCP-ECG files written from EN 1064, with an encoder of each of its compressions."""

import struct

import numpy as np

from tests.data.readers._vendor_signals import LEADS, part

SCP_CODES = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))


def crc(data):
    """CRC-CCITT with all ones at the start, bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021) & 0xFFFF if value & 0x8000 else value << 1
    return value


def scp_section(number, body, reserved=b"\0" * 6, version=20):
    body += b"\0" * (len(body) % 2)
    rest = struct.pack("<HIBB", number, len(body) + 16, version, version) + reserved + body
    return struct.pack("<H", crc(rest)) + rest


def scp_file(bodies, mark=b"SCPECG", version=20):
    """The file of section bodies by number."""
    n_pointers = 12
    place, pointers, sections = 7 + 16 + 10 * n_pointers, [(0, 16 + 10 * n_pointers, 7)], []
    for number in range(1, n_pointers):
        section = scp_section(number, bodies[number], version=version) if number in bodies else b""
        pointers.append((number, len(section), place if section else 0))
        sections.append(section)
        place += len(section)
    first = scp_section(0, b"".join(struct.pack("<HII", *one) for one in pointers), mark, version)
    rest = struct.pack("<I", 6 + len(first) + sum(map(len, sections))) + first + b"".join(sections)
    return struct.pack("<H", crc(rest)) + rest


def scp_differences(row, order):
    row = np.asarray(row, np.int64)
    return np.concatenate([row[:order], np.diff(row, order)]) if order else row


def scp_huffman(values):
    """The standard's default code: short codes up to 8, then 8 or 16 bits after an escape."""
    text = ""
    for value in map(int, values):
        if value == 0:
            text += "0"
        elif abs(value) <= 8:
            text += "1" * abs(value) + "0" + "01"[value < 0]
        elif -128 <= value < 128:
            text += "1111111110" + f"{value & 0xFF:08b}"
        else:
            text += "1111111111" + f"{value & 0xFFFF:016b}"
    text += "0" * (-len(text) % 8)
    return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:] if text else b""


def scp_leads(rows, order, huffman, multiplier, interval, flag=0):
    """The body of section 5 or 6."""
    coded = [scp_differences(row, order) for row in rows]
    coded = [scp_huffman(row) if huffman else row.astype("<i2").tobytes() for row in coded]
    coded = [data + b"\0" * (len(data) % 2) for data in coded]
    head = struct.pack("<HHBB", multiplier, interval, order, flag)
    return head + b"".join(struct.pack("<H", len(data)) for data in coded) + b"".join(coded)


def scp_tag(number, value):
    return struct.pack("<BH", number, len(value)) + value


SCP_PATIENT = b"".join(
    [
        scp_tag(2, b"P3\0"),
        scp_tag(5, struct.pack("<HBB", 1960, 1, 2)),
        scp_tag(8, b"\x02"),
        scp_tag(25, struct.pack("<HBB", 2010, 7, 2)),
        scp_tag(26, bytes([9, 8, 7])),
        scp_tag(255, b""),
    ]
)


def scp(signal, names=LEADS, order=0, huffman=False, multiplier=2500, interval=2000, flag=0, ranges=None, beat=None, version=20, **changed):  # fmt: skip  # noqa: E501
    """An SCP-ECG file; `beat` = (reference beats `[L, B]`, its fiducial point, those in the rhythm), all from 1."""
    rows = [np.asarray(row, np.int64).copy() for row in part(signal, names)]
    ranges = ranges or [(1, len(row)) for row in rows]
    bodies = {1: SCP_PATIENT}
    if huffman:
        bodies[2] = struct.pack("<H", 19999)
    simultaneous = 4 | len(names) << 3
    if beat:
        beats, fiducial, places = beat
        n_beat = beats.shape[1]
        zones = [(place - fiducial + 1, place - fiducial + n_beat) for place in places]
        for row, reference in zip(rows, beats, strict=True):
            for start, end in zones:
                row[start - 1 : end] -= reference
        bodies[4] = struct.pack("<HHH", n_beat * interval // 1000, fiducial, len(places))
        bodies[4] += b"".join(struct.pack("<HIII", 0, a, p, b) for (a, b), p in zip(zones, places, strict=True))
        bodies[4] += b"".join(struct.pack("<II", a, b) for a, b in zones)
        bodies[5] = scp_leads(beats, order, huffman, multiplier, interval)
        simultaneous |= 1
    bodies[3] = struct.pack("<BB", len(names), simultaneous & 0xFF)
    for name, (first, last) in zip(names, ranges, strict=True):
        bodies[3] += struct.pack("<IIB", first, last, SCP_CODES.get(name, 0))
    bodies[6] = scp_leads(rows, order, huffman, multiplier, interval, flag)
    return scp_file({key: value for key, value in (bodies | changed.get("bodies", {})).items() if value is not None}, version=version)  # fmt: skip  # noqa: E501
