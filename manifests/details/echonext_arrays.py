"""Whether arrays of signals are what EchoNext's documentation says of them, as far as their numbers can tell.

The arrays tell neither rate nor leads nor unit. So a few hundred recordings of each are looked at before anything is
packed:

- Ten seconds at 250 Hz are 2,500 samples; another number means another rate, or other data.
- Z-scores over the whole data set have a standard deviation of 1. Of 200 recordings of PTB-XL it is 0.21 in mV.
- Each limb lead is a sum of I and II. Constants that were set lead by lead change the size of its two terms, but
  neither their signs nor how the ratios of the terms of III, aVR, aVL and aVF are to one another. In PTB-XL's
  recordings, median-filtered, clipped and scaled lead by lead, these agreed to within 11 %; of all 720 orders of six
  leads, no other passes. The order of the chest leads is judged when all are packed, as in every preparation.
"""

from pathlib import Path

import numpy as np

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.limb_leads import LIMB_LEADS, factors

SAMPLES = 2500
_RECORDINGS = 200  # of each array
_DEVIATION = (0.5, 2.0)
_APART = 1.4  # between ratios that should be equal; exchanged leads make them 2 apart, or turn a sign


def check_shape(path: Path) -> None:
    """Makes sure that an array holds 2,500 samples of twelve leads per recording.

    Raises:
        ValueError: it does not; names the file.
    """
    shape = np.load(path, mmap_mode="r", allow_pickle=False).shape
    if sorted(size for size in shape[1:] if size != 1) != [len(STANDARD_LEADS), SAMPLES]:
        raise ValueError(
            f"recordings of {path.name} must have {SAMPLES:,} samples of {len(STANDARD_LEADS)} leads, 10 s at 250 Hz, "
            f"got an array of {' x '.join(map(str, shape))} ({path})"
        )


def odd_numbers(path: Path) -> list[str]:
    """Why an array's numbers cannot be z-scores of leads in standard order; empty where they can.

    Args:
        path: of an array that `check_shape` has passed.
    """
    signals = _some(path)
    if not len(signals):
        return []
    found, deviation = [], float(signals.std())
    if not _DEVIATION[0] <= deviation <= _DEVIATION[1]:
        found.append(
            f"numbers of {path.name} must be z-scores, with a standard deviation of about 1, got {deviation:.3g} (that "
            f"of millivolts is about 0.2)"
        )
    if not _in_standard_order(signals[:, : len(LIMB_LEADS)]):
        found.append(
            f"leads of {path.name} must stand in the order {', '.join(STANDARD_LEADS)}, got limb leads that are not "
            f"those sums of I and II (III = II - I and the like)"
        )
    return found


def _some(path: Path) -> np.ndarray:
    """Recordings from the whole of an array, those with numbers that are not finite left out: `[N, L, T]`."""
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    rows = np.unique(np.linspace(0, len(array) - 1, min(_RECORDINGS, len(array))).astype(int))
    signals = (
        np.stack([np.squeeze(array[row]) for row in rows]).astype(np.float64) if len(rows) else np.empty((0, 1, 1))
    )
    signals = signals[np.isfinite(signals).all(axis=(1, 2))]
    return signals if signals.shape[1] == len(STANDARD_LEADS) else signals.transpose(0, 2, 1)


def _in_standard_order(limb: np.ndarray) -> bool:
    """Whether III, aVR, aVL and aVF are made of I and II as they should be, each lead in a scale of its own."""
    limb = limb - limb.mean(axis=2, keepdims=True)
    products = limb @ limb.transpose(0, 2, 1)  # [N, 6, 6]
    power = np.trace(products, axis1=1, axis2=2)
    if not (power > 0).any():
        return True
    gram = (products[power > 0] / power[power > 0, None, None]).sum(axis=0)
    terms = np.linalg.lstsq(gram[:2, :2], gram[:2, 2:], rcond=None)[0].T  # [4, 2]
    beside = terms / factors(LIMB_LEADS[2:], LIMB_LEADS[:2])
    if not (beside > 0).all():
        return False
    ratios = beside[:, 0] / beside[:, 1]
    return bool(ratios.max() <= _APART * ratios.min())
