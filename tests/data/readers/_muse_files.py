"""GE MUSE exports as public ones look, written by no library under test."""

import base64
import zlib

import numpy as np

from tests.data.readers._vendor_signals import EIGHT, part


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
