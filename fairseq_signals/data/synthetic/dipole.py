"""The heart as a dipole: Gaussian waves in three dimensions, and what the leads on the body see of them.

Conventions: x points to the patient's left, y to the feet, z to the back; millivolts and seconds. A wave is a
Gaussian bump along time with a fixed direction; several bumps that follow each other in different directions
trace a loop. The eight independent leads are I, II, V1 to V6; the other four follow from I and II.
"""

from dataclasses import dataclass, replace

import numpy as np

from fairseq_signals.data.dower import DOWER

ONSET = 2.3
"""A wave begins and ends where its Gaussian has fallen to 7 %, this many standard deviations from its peak."""

CHEST_SHARE = 0.4  # how much of a turn of the frontal axis the near chest electrodes see


@dataclass(frozen=True)
class Waves:
    """A group of Gaussian waves.

    Attributes:
        moment: `[W, 3]` dipole at the peak, mV along x, y, z.
        centre: `[W]` time of the peak after the beat's reference, s.
        rise: `[W]` standard deviation before the peak, s.
        fall: `[W]` standard deviation after the peak, s.
    """

    moment: np.ndarray
    centre: np.ndarray
    rise: np.ndarray
    fall: np.ndarray

    @classmethod
    def table(cls, *rows: tuple[float, ...]) -> "Waves":
        """Waves from rows of x, y, z (mV), centre and standard deviation (ms), optionally another after the peak."""
        full = np.array([row if len(row) == 6 else (*row, row[4]) for row in rows], dtype=float).reshape(-1, 6)
        return cls(full[:, :3], full[:, 3] / 1000, full[:, 4] / 1000, full[:, 5] / 1000)

    def __add__(self, other: "Waves") -> "Waves":
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Waves(*(np.concatenate(pair) for pair in pairs))

    def __len__(self) -> int:
        return len(self.centre)

    def stretched(self, factor: float) -> "Waves":
        """The same waves, slower by a factor."""
        return replace(self, centre=self.centre * factor, rise=self.rise * factor, fall=self.fall * factor)

    def scaled(self, factor: "float | np.ndarray") -> "Waves":
        """The same waves with every moment multiplied, by one number or by `[W, 1]` or `[W, 3]`."""
        return replace(self, moment=self.moment * factor)

    @property
    def onset(self) -> float:
        """Start of the first wave after the beat's reference, s."""
        return float(np.min(self.centre - ONSET * self.rise))

    @property
    def offset(self) -> float:
        """End of the last wave after the beat's reference, s."""
        return float(np.max(self.centre + ONSET * self.fall))

    @property
    def area(self) -> np.ndarray:
        """`[W]` integral of each wave of unit height, s."""
        return np.sqrt(np.pi / 2) * (self.rise + self.fall)


def project(moment: np.ndarray, turn: float = 0.0) -> np.ndarray:
    """What the eight independent leads see of dipole moments, mV.

    Args:
        moment: `[W, 3]` in mV.
        turn: degrees by which the heart's axis is turned in the frontal plane, clockwise as the electrical axis
            is counted (lead I 0, aVF +90). The limb leads see all of it, the chest electrodes, close to the
            heart, a part.

    Returns:
        `[W, 8]` for I, II, V1 to V6.
    """
    limb = _turn_limb(moment @ DOWER[:2].T, turn)
    to_frontal = np.array([DOWER[0, :2], (DOWER[1, :2] - DOWER[0, :2] / 2) * 2 / np.sqrt(3)])
    seen = moment.copy()
    seen[:, :2] = moment[:, :2] @ (np.linalg.inv(to_frontal) @ _rotation(CHEST_SHARE * turn) @ to_frontal).T
    return np.concatenate([limb, seen @ DOWER[2:].T], axis=1)


def electrical_axis(limb: np.ndarray) -> "float | np.ndarray":
    """Angle of the electrical axis in degrees from lead I and II (`[2]` or `[2, ...]`, net QRS areas or heights)."""
    height = (limb[1] - limb[0] / 2) * 2 / np.sqrt(3)
    return np.degrees(np.arctan2(height, limb[0]))


def twelve_leads(independent: np.ndarray) -> np.ndarray:
    """`[12, T]` in standard order from `[8, T]` (I, II, V1 to V6), by Einthoven's and Goldberger's relations."""
    one, two = independent[:2]
    derived = [two - one, -(one + two) / 2, one - two / 2, two - one / 2]
    return np.concatenate([independent[:2], np.stack(derived), independent[2:]])


def _rotation(degrees: float) -> np.ndarray:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])


def _turn_limb(limb: np.ndarray, turn: float) -> np.ndarray:
    """Leads I and II `[W, 2]` of the same moments after turning them in the plane of I and aVF."""
    height = (limb[:, 1] - limb[:, 0] / 2) * 2 / np.sqrt(3)
    one, height = _rotation(turn) @ np.stack([limb[:, 0], height])
    return np.stack([one, height * np.sqrt(3) / 2 + one / 2], axis=1)
