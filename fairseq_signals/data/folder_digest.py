"""A digest of a prepared folder, by which what was made of it knows it again.

Subsets that were added to the folder are left out (`data/subset.py`): they take nothing away from what was there.
"""

import hashlib
import json
from pathlib import Path

from fairseq_signals.data.card import CARD_NAME, read_card
from fairseq_signals.data.subset import SUBSETS


def folder_digest(folder: str | Path) -> str:
    """SHA-256, in hexadecimal, of what `dataset.yaml` tells: facts and digests of all files but those of subsets.

    Raises:
        FileNotFoundError, ValueError: there is no card, or it is none of this format.
    """
    card = read_card(folder)
    if card is None:
        raise FileNotFoundError(f"folder must be a prepared one with {CARD_NAME}, got none in {folder}")
    subsets = {f"{name}.tsv" for name in card.get(SUBSETS, {})}
    told = {key: value for key, value in card.items() if key != SUBSETS}
    told["files"] = {name: digest for name, digest in card["files"].items() if name not in subsets}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def subset_digests(folder: str | Path) -> dict[str, str]:
    """SHA-256 of the manifest of each subset that the card tells of, by the subset's name; empty without a card."""
    card = read_card(folder) or {}
    return {name: card["files"][f"{name}.tsv"] for name in card.get(SUBSETS, {})}
