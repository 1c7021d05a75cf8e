"""HL7 annotated ECGs as public ones look."""

from tests.data.readers._vendor_signals import LEADS, part


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
