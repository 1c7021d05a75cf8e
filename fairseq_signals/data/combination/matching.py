"""Whom a list to exclude matches, and how much of it matches nobody."""

from collections.abc import Sequence

import numpy as np

from fairseq_signals.data.combination.exclusion import PATIENT, WAVEFORM, Exclusion
from fairseq_signals.data.combination.prepared import Prepared
from fairseq_signals.data.combination.recordings import NO_WAVEFORM, Recordings
from fairseq_signals.data.combination.selection import CHOSEN_BY, Selection
from fairseq_signals.data.destination import EXCLUDED

_MOSTLY = 0.5  # share of a list that is expected to match somebody


def exclude(selection: Selection, exclusion: Exclusion, parts: Sequence[Prepared]) -> str:
    """Takes a list's recordings out of everything a model sees before its test, and says how many it named.

    What it names and no part has goes to `selection.unmatched`, and what people must look at to `selection.checks`.

    Raises:
        ValueError: the list names recordings and matches none, or an id could be that of two sources.
    """
    recordings = selection.recordings
    by_id = np.zeros(len(recordings), bool)
    found_ids = [
        number for one in sorted(exclusion.ids) if (number := _recording(one, recordings, exclusion)) is not None
    ]
    by_id[found_ids] = True
    found_patients = [n for one in exclusion.patients if (n := recordings.patient_number(one)) is not None]
    by_patient = recordings.of_same_persons(np.isin(recordings.patient, found_patients))
    wanted = np.array(sorted(exclusion.waveforms), np.uint64)
    copied = recordings.waveform[by_id & (recordings.waveform != NO_WAVEFORM)]
    by_waveform = np.isin(recordings.waveform, np.union1d(wanted, copied))
    found_waveforms = np.isin(wanted, recordings.waveform).sum()
    if exclusion.whole_persons:
        by_patient |= recordings.of_same_persons(by_waveform)
    if not (by_id | by_patient | by_waveform).any():
        _check_meant(exclusion, recordings)
    reasons = (("recording", by_id), ("patient", by_patient), ("waveform", by_waveform))
    number = sum(selection.take_out(which, CHOSEN_BY, f"{exclusion.name}: {what}") for what, which in reasons)
    named = (
        (len(found_ids), len(exclusion.ids), "ids"),
        (len(found_patients), len(exclusion.patients), "patients"),
        (found_waveforms, len(exclusion.waveforms), "waveforms"),
    )
    _remark(selection, exclusion, parts, by_id | by_patient | by_waveform)
    found = ", ".join(f"{found} of {total} {what}" for found, total, what in named if total)
    return f"{exclusion.name}: {found} occur here, {number} recordings taken out of train, valid and pretrain"


def _recording(text: str, recordings: Recordings, exclusion: Exclusion) -> int | None:
    whole = recordings.number(text)
    if whole is not None:
        return whole
    found = [number for part in recordings.part_names if (number := recordings.number(f"{part}/{text}")) is not None]
    if len(found) > 1:
        known = ", ".join(recordings.ids[number] for number in found)
        raise ValueError(f"id must name one recording, got {text!r}, which could be {known} ({exclusion.name})")
    return found[0] if found else None


def _check_meant(exclusion: Exclusion, recordings: Recordings) -> None:
    # A manifest of people whom no source has is nothing to worry about; a list that matches nothing is a slip.
    spaces = {patient.partition("/")[0] for patient in recordings.patient_ids}
    theirs = {patient.partition("/")[0] for patient in exclusion.patients}
    if not exclusion.whole_persons or theirs & spaces:
        examples = ", ".join([*sorted(exclusion.ids), *sorted(exclusion.patients)][:3]) or "waveforms"
        raise ValueError(
            f"list to exclude must name somebody who is here, got {len(exclusion)} entries that match nothing, such as "
            f"{examples} ({exclusion.name}); ids here look like {recordings.ids[0]}, patients like "
            f"{recordings.patient_ids[0]}"
        )


def _remark(selection: Selection, exclusion: Exclusion, parts: Sequence[Prepared], concerned: np.ndarray) -> None:
    recordings = selection.recordings
    total, missing = _missing(exclusion, recordings)
    selection.unmatched += [(entry, f"{exclusion.name}: not here") for entry in missing]
    told = []
    if len(missing) > (1 - _MOSTLY) * total:
        told.append(f"only {total - len(missing):,} of {total:,} entries match (the others are in {EXCLUDED})")
    matched = np.bincount(recordings.part[concerned], minlength=len(parts))
    unsure = [
        part.part.name
        for part, count in zip(parts, matched, strict=True)
        if not count and not all(part.names.known.values())
    ]
    if unsure and exclusion.patients:
        told.append(
            f"nobody matches in {', '.join(unsure)}, where patients are not all known: people of the list could be "
            f"there, and would be found only by a recording that the list has too"
        )
    if told:
        selection.checks.append(f"{exclusion.name}: {'; '.join(told)}")


def _missing(exclusion: Exclusion, recordings: Recordings) -> tuple[int, list[str]]:
    """How many entries a list has, and those that match nothing; of a manifest, the patients."""
    here = set(recordings.waveform.tolist()) - {NO_WAVEFORM}
    patients = [
        f"{PATIENT}{one}"
        for one in sorted(exclusion.patients)
        if recordings.patient_number(one) is None and not exclusion.waveforms_of.get(one, set()) & here
    ]
    if exclusion.whole_persons:
        return len(exclusion.patients), patients
    ids = [one for one in sorted(exclusion.ids) if _recording(one, recordings, exclusion) is None]
    waveforms = [f"{WAVEFORM}{one:016x}" for one in sorted(exclusion.waveforms - here)]
    return len(exclusion), [*ids, *patients, *waveforms]
