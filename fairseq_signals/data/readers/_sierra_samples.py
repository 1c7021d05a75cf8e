"""The samples in a Philips Sierra XML: 16-bit integers in Base64, lead after lead, plain or compressed.

Compressed (XLI: LZW over second differences), the leads III, aVR, aVL and aVF are stored as what is left of them after
they were predicted from I and II; they are rebuilt.

Two libraries read this format. `sierraecg` gives the right leads for compressed files, but as numbers without their
resolution, rebuilds by position whatever the labels say, and cannot read plain ones; `ecgdatakit` leaves remainders
standing as leads where the labels come in another order. Both unpack without bound. So only ecgdatakit's decoders are
used here, bounded by the stated duration, and leads in another order are refused.
"""

from itertools import islice
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from fairseq_signals.data.leads import canonical_lead
from fairseq_signals.data.limb_leads import LIMB_LEADS
from fairseq_signals.data.readers._libraries import vendor_library
from fairseq_signals.data.readers._numbers import MOST_SAMPLES, from_base64

_CHUNK_HEADER = 8  # bytes
_CODE_BITS = 10


def samples_of(wave: Element, names: list[str], n_samples: int, path: Path) -> list[np.ndarray]:
    """The samples of each lead, `[T]` each, in steps of the file's resolution.

    Args:
        wave: `parsedwaveforms`.
        names: of its leads.
        n_samples: of each lead, as the stated duration tells.
        path: the file.

    Raises:
        ValueError: there are more or fewer samples, or they are packed in a way that cannot be undone with certainty.
    """
    raw = from_base64(wave.text, path)
    method = _compression(wave)
    if method == "XLI":
        return _rebuilt(_unpacked(raw, len(names), n_samples, path), names, path)
    if method:
        raise ValueError(f"compression must be XLI or none, got {method[:40]!r} ({path})")
    if len(raw) != 2 * n_samples * len(names):
        expected = f"{len(names)} leads of {n_samples} samples"
        raise ValueError(f"samples must be {expected} of 2 bytes each, got {len(raw)} bytes ({path})")
    return list(np.frombuffer(raw, "<i2").reshape(len(names), n_samples))


def _compression(wave: Element) -> str:
    flag = (wave.get("compressflag") or "").strip().lower()
    method = (wave.get("compression") or wave.get("compressmethod") or "").strip()
    return "" if flag == "false" or method.lower() in ("uncompressed", "none") else method.upper()


def _unpacked(raw: bytes, n_leads: int, n_samples: int, path: Path) -> list[np.ndarray]:
    """The first leads of an XLI stream; streams may hold more channels than are leads."""
    codecs = vendor_library("ecgdatakit.parsing.codecs.xli", path)
    if n_samples * n_leads > MOST_SAMPLES:
        raise ValueError(f"samples must be at most {MOST_SAMPLES}, got {n_leads} × {n_samples} claimed ({path})")
    leads, place = [], 0
    while len(leads) < n_leads:
        size = int.from_bytes(raw[place : place + 4], "little", signed=True)
        first = int.from_bytes(raw[place + 6 : place + _CHUNK_HEADER], "little", signed=True)
        place += _CHUNK_HEADER
        if place > len(raw) or not 0 < size <= len(raw) - place:
            raise ValueError(f"samples must be of {n_leads} leads, got {len(leads)} whole ones ({path})")
        try:
            decoder = codecs.LzwDecoder(raw[place : place + size], bits=_CODE_BITS)
            # A few kilobytes may unpack to megabytes, so no more is taken than the stated duration needs.
            packed = bytes(islice(iter(decoder.read, -1), 2 * n_samples + 1))
        except Exception as error:
            raise ValueError(f"lead {len(leads) + 1} must be in LZW codes, got {error} ({path})") from error
        if len(packed) != 2 * n_samples or n_samples < 2:
            got = "more" if len(packed) > 2 * n_samples else f"{len(packed)} bytes"
            raise ValueError(f"lead {len(leads) + 1} must have {n_samples} samples of 2 bytes, got {got} ({path})")
        leads.append(codecs.xli_decode_deltas(packed, first))
        place += size
    return leads


def _rebuilt(stored: list[np.ndarray], names: list[str], path: Path) -> list[np.ndarray]:
    """The leads of a compressed file, of which four limb leads are stored as remainders (integer arithmetic)."""
    if tuple(canonical_lead(name) for name in names[:6]) != LIMB_LEADS:
        raise ValueError(f"compressed leads must begin with {', '.join(LIMB_LEADS)}, got {names[:6]} ({path})")
    one, two = stored[:2]
    three = two - one - stored[2]
    avr = -((one + two) // 2) - stored[3]
    avl = (one - three) // 2 - stored[4]
    avf = (two + three) // 2 - stored[5]
    return [one, two, three, avr, avl, avf, *stored[6:]]
