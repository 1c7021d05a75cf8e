"""Who must not be trained on: lists of recordings, patients and waveforms, as manifests or as plain text.

A manifest excludes its rows, all recordings of their patients, and every copy of their waveforms. A text file has one
line each: `<source>/<id>` (or the id alone where only one source has it) excludes a recording and its copies,
`patient:<namespace>/<patient>` all recordings of a person, `waveform:<16 digits>` a waveform; `#` begins a comment.

What a list names and no part has stands in `excluded.tsv` as `not here`, and people are told where that is most of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fairseq_signals.data.card import CARD_NAME, file_digest, read_card
from fairseq_signals.data.combination.prepared import Names, Prepared, normalised
from fairseq_signals.data.combination.recordings import NO_WAVEFORM, waveform_number, waveform_of
from fairseq_signals.data.folder_digest import folder_digest
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.row import COLUMNS

PATIENT, WAVEFORM = "patient:", "waveform:"


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
        waveforms_of: of a manifest's patients, by which they may be found under other names.
    """

    name: str
    ids: set[str] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    waveforms: set[int] = field(default_factory=set)
    whole_persons: bool = False
    known: dict[str, bool] = field(default_factory=dict)
    waveforms_of: dict[str, set[int]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids) + len(self.patients) + len(self.waveforms)


def digests_of(path: Path) -> list[str]:
    """Digests of a list and of the card beside it, which says whose patients they are.

    Raises:
        FileNotFoundError: there is no such list.
    """
    _check_there(path)
    card = path.parent / CARD_NAME
    return [file_digest(path), folder_digest(path.parent) if card.is_file() else ""]


def read_exclusion(path: Path, parts: Sequence[Prepared]) -> Exclusion:
    """The list in a file.

    Raises:
        ValueError, FileNotFoundError: the file is missing, empty, or a line of it is not what it must be.
    """
    _check_there(path)
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        header = file.readline().rstrip("\r\n").split("\t")
    exclusion = _of_manifest(path, parts) if set(COLUMNS) <= set(header) else _of_text(path, parts)
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
        patient, waveform = names.patient(row), waveform_of(row)
        exclusion.patients.add(patient)
        exclusion.waveforms.add(waveform)
        exclusion.waveforms_of.setdefault(patient, set()).add(waveform)
        if home:
            exclusion.ids.add(f"{home.part.name}/{row.id}")
    exclusion.waveforms.discard(NO_WAVEFORM)
    return exclusion


def _of_text(path: Path, parts: Sequence[Prepared]) -> Exclusion:
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
        if text.startswith(PATIENT):
            exclusion.patients.add(_whole_patient(text.removeprefix(PATIENT).strip(), where, parts))
        elif text.startswith(WAVEFORM):
            exclusion.waveforms.add(waveform_number(text.removeprefix(WAVEFORM).strip(), where))
        elif text:
            exclusion.ids.add(text)
    return exclusion


def _whole_patient(patient: str, where: str, parts: Sequence[Prepared]) -> str:
    space, slash, _ = patient.partition("/")
    if slash and space:
        return patient
    spaces = sorted({normalised(part.part.namespace or part.card["source"]) for part in parts})
    raise ValueError(
        f"patient to exclude must be patient:<namespace>/<patient>, such as {PATIENT}{spaces[0]}/{patient or 17} (the "
        f"namespace is the source's name, here {', '.join(spaces)}, or what the column source says, in small letters "
        f"and digits), got {PATIENT}{patient} ({where})"
    )
