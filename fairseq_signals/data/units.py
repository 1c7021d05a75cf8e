"""What the amplitudes of a data set are, and whether a model that was trained on others can be given them.

Conventions: units are a text. `mV` means millivolts; any other is what `dataset.yaml` says of numbers that are no
voltages, with the source, since such numbers compare with nothing but their own source's.
"""

from pathlib import Path
from typing import NamedTuple

from fairseq_signals.data.card import MILLIVOLTS, read_card

_SHAPE_ALONE = "the model brings every lead of a window to one scale, so that shape alone counts"


class Misfit(NamedTuple):
    """That amplitudes are not those of a model's training.

    Attributes:
        text: what differs.
        certain: whether the model's numbers mean nothing there; else they may.
    """

    text: str
    certain: bool


def units_of(folder: str | Path) -> str | None:
    """Units of a prepared folder's amplitudes, None where no `dataset.yaml` tells.

    Raises:
        ValueError: see `card.read_card`.
    """
    card = read_card(folder)
    if card is None or card["units"] == MILLIVOLTS:
        return None if card is None else MILLIVOLTS
    return f"{card['units']}, source {card['source']}"


def units_misfit(trained: str | None, given: str | None, scale_free: bool = False) -> Misfit | None:
    """How units differ from those of a training; None where they do not, or where neither tells of others than mV.

    Two data sets of which neither is in mV may have been made alike, and a combination of several units has some of
    either: that is told, and not certain.

    Args:
        trained: units of the training, None where nobody knows.
        given: units of what the model is given.
        scale_free: whether the model normalises each window.
    """
    if trained == given or {trained, given} <= {MILLIVOLTS, None}:
        return None
    both_told = None not in (trained, given)
    sure = both_told and (trained == MILLIVOLTS or (given == MILLIVOLTS and not _is_mixed(trained)))
    text = (
        f"units of the amplitudes ({given or 'not told'}) are not {'' if sure else 'known to be '}those of the model's "
        f"training ({trained or 'not told'})"
    )
    return Misfit(f"{text}; {_SHAPE_ALONE}", False) if scale_free else Misfit(text, sure)


def _is_mixed(units: str) -> bool:
    return MILLIVOLTS in units.replace(",", " ").split()  # among others, in a combination's card
