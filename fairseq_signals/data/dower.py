"""Dower's matrices: twelve leads from a vectorcardiogram, and a vectorcardiogram from twelve leads.

Conventions: a vectorcardiogram (VCG) holds the heart's dipole along x (to the patient's left), y (to the feet) and z
(to the back), a right-handed system, in millivolts like the leads. Eight leads are independent, I, II and V1 to V6;
III, aVR, aVL and aVF follow from I and II and carry nothing of their own.
"""

import numpy as np

from fairseq_signals.data.limb_leads import LIMB_LEADS, factors

INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")

DOWER = np.array(
    [
        [0.632, -0.235, 0.059],  # I
        [0.235, 1.066, -0.132],  # II
        [-0.515, 0.157, -0.917],  # V1
        [0.044, 0.164, -1.387],  # V2
        [0.882, 0.098, -1.277],  # V3
        [1.213, 0.127, -0.601],  # V4
        [1.125, 0.127, -0.086],  # V5
        [0.831, 0.076, 0.230],  # V6
    ]
)
"""Lead matrix of Dower, Machado and Osborne 1980 (https://doi.org/10.1002/clc.4960030406): leads from x, y, z."""

INVERSE_DOWER = np.array(
    [
        [0.156, -0.010, -0.172, -0.074, 0.122, 0.231, 0.239, 0.194],  # x
        [-0.227, 0.887, 0.057, -0.019, -0.106, -0.022, 0.041, 0.048],  # y
        [0.022, 0.102, -0.229, -0.310, -0.246, -0.063, 0.055, 0.108],  # z
    ]
)
"""x, y, z from the independent leads, as Edenbrandt and Pahlm 1988 (https://doi.org/10.1016/0022-0736(88)90113-6)
print it: the pseudo-inverse of `DOWER`, each coefficient to three decimals."""

INVERSES = {"dower": INVERSE_DOWER, "pseudo": np.linalg.pinv(DOWER)}
"""Ways from leads to x, y, z: `dower` as printed, `pseudo` the Moore-Penrose inverse unrounded."""


def vcg_from_leads(leads: tuple[str, ...], inverse: str = "dower") -> np.ndarray:
    """x, y, z from these leads, `[3, L]`: zero for the leads that carry nothing of their own.

    Raises:
        ValueError: one of the independent leads is not among them, or no such inverse.
    """
    if inverse not in INVERSES:
        raise ValueError(f"inverse of Dower's matrix must be one of {', '.join(INVERSES)}, got {inverse!r}")
    return INVERSES[inverse] @ _independent(leads)


def leads_from_vcg(leads: tuple[str, ...]) -> np.ndarray:
    """These leads from x, y, z, `[L, 3]`; the derived limb leads from I and II."""
    return _of_independent(leads) @ DOWER


def leads_from_independent(leads: tuple[str, ...]) -> np.ndarray:
    """These leads from themselves, `[L, L]`: the independent ones unchanged, the derived ones from I and II.

    Raises:
        ValueError: one of the independent leads is not among them.
    """
    return _of_independent(leads) @ _independent(leads)


def _independent(leads: tuple[str, ...]) -> np.ndarray:
    """Picks the independent leads, `[8, L]`."""
    if not set(INDEPENDENT_LEADS) <= set(leads):
        raise ValueError(
            "leads of a vectorcardiogram must include I, II and V1 to V6, since fewer do not fix a heart's dipole in "
            f"three dimensions, got {', '.join(leads)}"
        )
    return np.array([[float(lead == wanted) for lead in leads] for wanted in INDEPENDENT_LEADS])


def _of_independent(leads: tuple[str, ...]) -> np.ndarray:
    """Each lead as a sum of the independent ones, `[L, 8]`."""
    rows = np.array([[float(lead == known) for known in INDEPENDENT_LEADS] for lead in leads])
    limb = [place for place, lead in enumerate(leads) if lead in LIMB_LEADS]
    rows[limb, :2] = factors([leads[place] for place in limb], ["I", "II"])
    return rows
