"""Who must not be trained on: lists of recordings, patients and waveforms, as manifests or as plain text.

A manifest excludes its rows, all recordings of their patients, and every copy of their waveforms. A text file has one
line each: `<source>/<id>` (or the id alone where only one source has it) excludes a recording and its copies,
`patient:<namespace>/<patient>` all recordings of a person, `waveform:<16 digits>` a waveform; `#` begins a comment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fairseq_signals.data.card import CARD_NAME, file_digest, read_card
from fairseq_signals.data.combination.prepared import Names, Prepared
from fairseq_signals.data.combination.recordings import NO_WAVEFORM, Recordings, waveform_number, waveform_of
from fairseq_signals.data.combination.selection import CHOSEN_BY, Selection
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.row import COLUMNS

_PATIENT, _WAVEFORM = "patient:", "waveform:"


@dataclass
class Exclusion:
    """One list.

    Attributes:
        name: folder and file, for messages.
        ids: as the list writes them.
        patients: `<namespace>/<patient>`.
        waveforms: digests as numbers.
        whole_persons: whether a waveform stands for everything of its person.
        known: by namespace, whether patients are known (for `prepared.same_people_known`).
    """

    name: str
    ids: set[str] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    waveforms: set[int] = field(default_factory=set)
    whole_persons: bool = False
    known: dict[str, bool] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids) + len(self.patients) + len(self.waveforms)


def digests_of(path: Path) -> list[str]:
    """Digests of a list and of the card beside it, which says whose patients they are.

    Raises:
        FileNotFoundError: there is no such list.
    """
    _check_there(path)
    card = path.parent / CARD_NAME
    return [file_digest(path), file_digest(card) if card.is_file() else ""]


def read_exclusion(path: Path, parts: Sequence[Prepared]) -> Exclusion:
    """The list in a file.

    Raises:
        ValueError, FileNotFoundError: the file is missing, empty, or a line of it is not what it must be.
    """
    _check_there(path)
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        header = file.readline().rstrip("\r\n").split("\t")
    exclusion = _of_manifest(path, parts) if set(COLUMNS) <= set(header) else _of_text(path)
    if not len(exclusion):
        raise ValueError(f"list to exclude must name somebody, got no line that does ({path})")
    return exclusion


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"list to exclude must be a file, got none at {path} (--exclude)")


def display_name(path: Path) -> str:
    """Folder and file: what tells `a/test.tsv` from `b/test.tsv` without a path of this machine."""
    return "/".join(path.parts[-2:]).lstrip("/")


def _of_manifest(path: Path, parts: Sequence[Prepared]) -> Exclusion:
    manifest = Manifest(path)
    home = next((part for part in parts if part.part.folder.resolve() == path.resolve().parent), None)
    card = home.card if home else read_card(path.parent)
    if "waveform" not in manifest.columns or (card is None and "source" not in manifest.columns):
        raise ValueError(
            f"manifest to exclude must have the column waveform, and a dataset.yaml beside it that names the source, "
            f"got columns {', '.join(manifest.columns)} ({path}); prepare it again, or list ids and patients as text"
        )
    names = Names(card or {"source": ""}, home.part.namespace if home else "")
    # What is known of a part's people is known from the whole of it, and not from one of its lists.
    exclusion = Exclusion(display_name(path), whole_persons=True, known={} if home else names.known)
    for row in manifest:
        exclusion.patients.add(names.patient(row))
        exclusion.waveforms.add(waveform_of(row))
        if home:
            exclusion.ids.add(f"{home.part.name}/{row.id}")
    exclusion.waveforms.discard(NO_WAVEFORM)
    return exclusion


def _of_text(path: Path) -> Exclusion:
    exclusion = Exclusion(display_name(path))
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"list to exclude must be a manifest or UTF-8 text, got {error} ({path})") from error
    for number, line in enumerate(lines, start=1):
        where = f"{path}, line {number}"
        text = line.partition("#")[0].strip()
        if "\t" in text or "," in text:
            raise ValueError(
                f"line must be one id, patient:… or waveform:…, got {line!r} ({where}); a table of "
                f"recordings must be a manifest with the columns {', '.join(COLUMNS)}"
            )
        if text.startswith(_PATIENT):
            exclusion.patients.add(text.removeprefix(_PATIENT).strip())
        elif text.startswith(_WAVEFORM):
            exclusion.waveforms.add(waveform_number(text.removeprefix(_WAVEFORM).strip(), where))
        elif text:
            exclusion.ids.add(text)
    return exclusion


def exclude(selection: Selection, exclusion: Exclusion) -> str:
    """Takes a list's recordings out of everything a model sees before its test, and says how many it named.

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
