"""Names of ECG leads, their standard order, and the lead sets that papers use.

Conventions: the standard order is I, II, III, aVR, aVL, aVF, V1 to V6, everywhere. Leads are found by name,
never by position, because sources differ in order and in spelling (PTB-XL writes AVR, MIMIC stores aVF
before aVL).
"""

STANDARD_LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")

LEAD_SETS = {
    "12": STANDARD_LEADS,
    "6": ("I", "II", "III", "aVR", "aVL", "aVF"),
    "4": ("I", "II", "III", "V2"),
    "3": ("I", "II", "V2"),
    "2": ("I", "II"),
    "1": ("I",),
}
"""The lead combinations of the PhysioNet/CinC Challenge 2021, and the single lead I of Oh et al. 2022."""

# Frank's orthogonal leads and the extra chest leads are known names without a place among the twelve.
OTHER_LEADS = ("X", "Y", "Z", "V7", "V8", "V9", "V3R", "V4R", "V5R", "V6R")

_CANONICAL = {name.lower(): name for name in STANDARD_LEADS + OTHER_LEADS}
_CANONICAL |= {f"v{axis}": axis.upper() for axis in "xyz"}  # PTB names Frank's leads vx, vy, vz
# D for "derivation", as Romance languages write it. The chest electrodes' names C1 to C6 are those of an EEG, too.
_CANONICAL |= {f"d{name.lower()}": name for name in ("I", "II", "III")}


def canonical_lead(name: str) -> str | None:
    """The standard spelling of a lead's name, or None where the name is not a known lead.

    Case, surrounding blanks and the words "lead" and "ECG" are ignored: "AVR", "avr", "Lead aVR" are all aVR.
    """
    key = name.strip().lower()
    for word in ("lead", "ecg"):
        key = key.removeprefix(word).removesuffix(word).strip(" _-")
    return _CANONICAL.get(key)


def common_name(name: str) -> str:
    """The standard spelling of a lead's name, or the name as it is: equal for two names of one channel."""
    return canonical_lead(name) or name


def parse_leads(spec: "str | int | list[str] | tuple[str, ...]") -> tuple[str, ...]:
    """Standard lead names, in standard order, from a set's name ("12", "6", …) or a list of names.

    Args:
        spec: the name of a lead set, one comma-separated text, or a sequence of names.

    Raises:
        ValueError: a name is no standard lead, appears twice, or none is given.
    """
    if isinstance(spec, (str, int)):
        if str(spec).strip() in LEAD_SETS:
            return LEAD_SETS[str(spec).strip()]
        spec = [part for part in str(spec).split(",") if part.strip()]
    names = [canonical_lead(str(part)) for part in spec]
    for given, name in zip(spec, names, strict=True):
        if name not in STANDARD_LEADS:
            raise ValueError(
                f"leads must be one of the sets {', '.join(LEAD_SETS)} or names among "
                f"{', '.join(STANDARD_LEADS)}, got {given!r}"
            )
    if not names or len(set(names)) != len(names):
        raise ValueError(f"leads must be given once each and at least one, got {list(spec)!r}")
    return tuple(sorted(names, key=STANDARD_LEADS.index))


def model_leads(spec: "str | int | list[str] | tuple[str, ...]", drop_leads: bool) -> tuple[str, ...]:
    """Names of the leads that a model is built for: the twelve, unless those that are not available are dropped."""
    leads = parse_leads(spec)
    return leads if drop_leads else STANDARD_LEADS


def lead_indices(leads: tuple[str, ...]) -> list[int]:
    """Position of each standard lead among the twelve."""
    return [STANDARD_LEADS.index(lead) for lead in leads]
