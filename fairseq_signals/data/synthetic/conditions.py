"""Which diagnoses a synthetic patient has, and their SNOMED CT codes.

Abbreviations and codes are those of the PhysioNet/CinC Challenge 2021 (https://moody-challenge.physionet.org/2021/);
STD, ST depression, is one of its unscored diagnoses. The shares are chosen so that a thousand patients show each
diagnosis often enough to be learnt; they are not the shares of any population.
"""

import numpy as np

CODES = {
    "AF": "164889003",  # atrial fibrillation
    "AFL": "164890007",  # atrial flutter
    "IAVB": "270492004",  # first-degree atrioventricular block
    "IRBBB": "713426002",  # incomplete right bundle branch block
    "LAD": "39732003",  # left axis deviation
    "LAnFB": "445118002",  # left anterior fascicular block
    "LBBB": "164909002",  # left bundle branch block
    "LQRSV": "251146004",  # low QRS voltages
    "LQT": "111975006",  # prolonged QT interval
    "NSIVCB": "698252002",  # nonspecific intraventricular conduction disorder
    "NSR": "426783006",  # sinus rhythm, 60 to 100 beats per minute
    "PAC": "284470004",  # premature atrial contraction
    "PR": "10370003",  # pacing rhythm
    "PRWP": "365413008",  # poor R wave progression
    "PVC": "427172004",  # premature ventricular contractions
    "QAb": "164917005",  # Q wave abnormal
    "RAD": "47665007",  # right axis deviation
    "RBBB": "59118001",  # right bundle branch block
    "SA": "427393009",  # sinus arrhythmia
    "SB": "426177001",  # sinus bradycardia
    "STD": "429622005",  # ST depression
    "STach": "427084000",  # sinus tachycardia
    "TAb": "164934002",  # T wave abnormal
    "TInv": "59931005",  # T wave inversion
}

RHYTHMS = {"NSR": 0.47, "SB": 0.12, "STach": 0.11, "SA": 0.06, "AF": 0.14, "AFL": 0.05, "PR": 0.05}
CONDUCTION = {None: 0.60, "LBBB": 0.09, "RBBB": 0.10, "IRBBB": 0.08, "LAnFB": 0.07, "NSIVCB": 0.06}
AXES = {None: 0.80, "LAD": 0.11, "RAD": 0.09}
REPOLARISATION = {None: 0.68, "TInv": 0.10, "TAb": 0.11, "STD": 0.11}
ECTOPY = {None: 0.76, "PVC": 0.13, "PAC": 0.11}
ALONE = {"IAVB": 0.10, "LQRSV": 0.07, "LQT": 0.09, "QAb": 0.08, "PRWP": 0.06}

SINUS = ("NSR", "SB", "STach", "SA")

_EXCLUDED = {  # what cannot be seen, or does not exist, beside another
    "PR": ("LBBB", "RBBB", "IRBBB", "LAnFB", "NSIVCB", "LAD", "RAD", "TInv", "TAb", "STD", "PVC", "PAC", *ALONE),
    "AF": ("IAVB", "PAC"),
    "AFL": ("IAVB", "PAC", "PVC", "STD", "TAb", "TInv", "LQT"),
    "SA": ("PVC", "PAC"),
    "STach": ("IAVB", "PVC", "PAC", "LQT"),
    "LBBB": ("RAD", "TInv", "TAb", "STD", "QAb", "PRWP", "LQRSV", "LQT"),
    "RBBB": ("LQRSV", "PRWP", "RAD"),
    "IRBBB": ("LQRSV", "PRWP"),
    "NSIVCB": ("LQRSV",),
    "LAnFB": ("LAD", "RAD", "LQRSV", "QAb"),
    "QAb": ("LQRSV", "PRWP"),
}


def draw_conditions(generator: np.random.Generator) -> frozenset[str]:
    """The diagnoses of one patient, by abbreviation; exactly one of them is a rhythm."""
    drawn = [_choose(generator, shares) for shares in (RHYTHMS, CONDUCTION, AXES, REPOLARISATION, ECTOPY)]
    drawn += [name if generator.random() < share else None for name, share in ALONE.items()]
    return without_excluded(name for name in drawn if name)


def without_excluded(names) -> frozenset[str]:
    """The given abbreviations less those that another of them, named before, excludes."""
    kept: list[str] = []
    for name in names:
        if not any(name in _EXCLUDED.get(other, ()) for other in kept):
            kept.append(name)
    return frozenset(kept)


def check_conditions(names) -> frozenset[str]:
    """A set of diagnoses asked for by name, with sinus rhythm added where no rhythm is named.

    Raises:
        ValueError: a name is unknown, two rhythms are named, or two diagnoses exclude each other.
    """
    names = tuple(names)
    unknown = [name for name in names if name not in CODES]
    if unknown:
        raise ValueError(f"diagnoses must be among {', '.join(CODES)}, got {', '.join(map(str, unknown))}")
    groups = (RHYTHMS, CONDUCTION, AXES, REPOLARISATION, ECTOPY)
    asked = frozenset(names) if any(name in RHYTHMS for name in names) else frozenset(("NSR", *names))
    order = [name for group in (*groups, ALONE) for name in group if name in asked]
    if without_excluded(order) != asked or any(len(asked & set(group)) > 1 for group in groups):
        raise ValueError(f"diagnoses must be able to stand beside each other, got {', '.join(names)}")
    return asked


def _choose(generator: np.random.Generator, shares: dict) -> str | None:
    edges = np.cumsum(list(shares.values()))
    return list(shares)[int(np.searchsorted(edges, generator.random() * edges[-1], side="right"))]
