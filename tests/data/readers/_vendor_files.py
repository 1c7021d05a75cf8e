"""Vendors' files in their original forms, written from the formats' descriptions and by no library under test.

Signals are whole numbers `[12, T]`, the twelve standard leads in standard order, with the limb leads' sums exact.
"""

import base64
import struct
import zlib

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
EIGHT = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")


def steps(n_samples=600, seed=0, largest=700):
    """Twelve leads of which the six limb leads satisfy Einthoven and Goldberger exactly."""
    draw = np.random.default_rng(seed)
    free = np.cumsum(draw.integers(-9, 10, (8, n_samples)), axis=1) * 2
    free = np.clip(free, -largest, largest) // 2 * 2
    one, two = free[:2]
    limbs = [one, two, two - one, -(one + two) // 2, one - two // 2, two - one // 2]
    return np.array([*limbs, *free[2:]])


def part(signal, names):
    return [signal[LEADS.index(name)] for name in names]


# GE MUSE


def muse_lead(name, samples, **changed):
    raw = np.asarray(samples, "<i2").tobytes()
    fields = {
        "LeadByteCountTotal": len(raw),
        "LeadTimeOffset": 0,
        "LeadSampleCountTotal": len(raw) // 2,
        "LeadAmplitudeUnitsPerBit": 4.88,
        "LeadAmplitudeUnits": "MICROVOLTS",
        "LeadHighLimit": 32767,
        "LeadLowLimit": -32768,
        "LeadID": name,
        "LeadOffsetFirstSample": 0,
        "FirstSampleBaseline": 0,
        "LeadSampleSize": 2,
        "LeadOff": "FALSE",
        "LeadDataCRC32": zlib.crc32(raw),
        "WaveFormData": "\n".join(base64.encodebytes(raw).decode().split()),
    } | changed
    return "<LeadData>" + "".join(f"<{k}>{v}</{k}>" for k, v in fields.items() if v is not None) + "</LeadData>"


def muse_waveform(leads, kind="Rhythm", base=500, exponent=0, n_leads=None):
    return (
        f"<Waveform><WaveformType>{kind}</WaveformType><WaveformStartTime>0</WaveformStartTime>"
        f"<NumberofLeads>{len(leads) if n_leads is None else n_leads}</NumberofLeads>"
        f"<SampleType>CONTINUOUS_SAMPLES</SampleType><SampleBase>{base}</SampleBase>"
        f"<SampleExponent>{exponent}</SampleExponent>{''.join(leads)}</Waveform>"
    )


MUSE_HEAD = '<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE RestingECG SYSTEM "restecg.dtd">\n'
MUSE_PATIENT = (
    "<PatientDemographics><PatientID>P1</PatientID><PatientAge>63</PatientAge><AgeUnits>YEARS</AgeUnits>"
    "<DateofBirth>01-02-1950</DateofBirth><Gender>FEMALE</Gender></PatientDemographics>"
)
MUSE_TEST = (
    "<TestDemographics><AcquisitionDevice>MAC55</AcquisitionDevice>"
    "<AcquisitionTime>08:59:50</AcquisitionTime><AcquisitionDate>07-02-2015</AcquisitionDate></TestDemographics>"
)
MUSE_DIAGNOSIS = (
    "<Diagnosis><Modality>RESTING</Modality>"
    "<DiagnosisStatement><StmtText>Sinus bradycardia</StmtText></DiagnosisStatement>"
    "<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>with block</StmtText></DiagnosisStatement>"
    "<DiagnosisStatement><StmtFlag>ENDSLINE</StmtFlag><StmtText>Abnormal ECG</StmtText></DiagnosisStatement>"
    "</Diagnosis>"
)


def muse(signal, names=EIGHT, waveforms=None, patient=MUSE_PATIENT, test=MUSE_TEST, diagnosis=MUSE_DIAGNOSIS, **lead):
    """A MUSE export; `waveforms` replaces the median beats and the rhythm, `lead` changes fields of every lead."""
    leads = [muse_lead(name, row, **lead) for name, row in zip(names, part(signal, names), strict=True)]
    beats = [muse_lead(name, np.full(60, 7777)) for name in names]
    waveforms = waveforms or [muse_waveform(beats, "Median"), muse_waveform(leads)]
    return f"{MUSE_HEAD}<RestingECG>{patient}{test}{diagnosis}{''.join(waveforms)}</RestingECG>".encode("latin-1")


# Philips Sierra


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


# SCP-ECG

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


# HL7 aECG


def aecg_lead(name, digits, scale=5, origin=0, unit="uV", kind="SLIST_PQ", origin_unit=None):
    stated = f' unit="{unit}"' if unit else ""
    origin_unit = unit if origin_unit is None else origin_unit
    return (
        f'<component><sequence><code code="{name if "_" in name else "MDC_ECG_LEAD_" + name.upper()}"/>'
        f'<value xsi:type="{kind}"><origin value="{origin}" unit="{origin_unit}"/><scale value="{scale}"{stated}/>'
        f"<digits>{' '.join(map(str, digits))}</digits></value></sequence></component>"
    )


def aecg_time(increment=0.002, unit="s", code="TIME_ABSOLUTE"):
    return (
        f'<component><sequence><code code="{code}"/><value xsi:type="GLIST_TS"><head value="20081223194446.000"/>'
        f'<increment value="{increment}" unit="{unit}"/></value></sequence></component>'
    )


def aecg_series(leads, time=None, code="RHYTHM", rest=""):
    time = aecg_time() if time is None else time
    sets = f"<component><sequenceSet>{time}{''.join(leads)}</sequenceSet></component>"
    return f'<component><series><code code="{code}"/>{sets}{rest}</series></component>'


AECG_STATEMENTS = (
    "<subjectOf><annotationSet><component><annotation><code code='MDC_ECG_INTERPRETATION'/><component><annotation>"
    "<code code='MDC_ECG_INTERPRETATION_STATEMENT'/><value xsi:type='ST'>Sinus rhythm</value></annotation></component>"
    "</annotation></component></annotationSet></subjectOf>"
)


XML_HEAD = "<?xml version='1.0' encoding='UTF-8'?>"


def aecg(signal, names=LEADS, series=None, head="", identity='root="61D1A24F-b47e-41aa-ae95-f8ac302f4eeb"', **lead):
    """An annotated ECG whose rhythm series comes after one with a representative beat."""
    beat = aecg_series([aecg_lead(name, [7777] * 900) for name in names], code="REPRESENTATIVE_BEAT")
    rows = [aecg_lead(name, row, **lead) for name, row in zip(names, part(signal, names), strict=True)]
    series = beat + aecg_series(rows, rest=AECG_STATEMENTS) if series is None else series
    return (
        f"{head or XML_HEAD}"
        "<!-- Sample --><AnnotatedECG xmlns='urn:hl7-org:v3' xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance'>"
        f"<id {identity}/><effectiveTime><low value='20081223194446.000'/></effectiveTime>"
        "<componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>"
        "<id extension='P4'/><subjectDemographicPerson><administrativeGenderCode code='F'/>"
        "<birthTime value='19760101'/></subjectDemographicPerson></trialSubject></subject></subjectAssignment>"
        f"</componentOf></timepointEvent></componentOf>{series}</AnnotatedECG>"
    ).encode()


# DICOM


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


WRITERS = {"muse": muse, "philips": philips, "scp": scp, "aecg": aecg, "dicom": dicom}
