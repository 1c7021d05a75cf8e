"""A prepared folder opened for combining: its card, its manifests, and what its rows are called among others.

Conventions: a recording's id becomes `<part>/<id>`; its patient becomes `<namespace>/<patient>`. The namespace is the
row's column `source`, or the source that the card names, in small letters and digits only: so PTB-XL and the `ptb-xl`
of CinC 2021 name the same people, and patient 17 of two hospitals stays two people. A folder that is a combination
itself has such names already.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from fairseq_signals.data.card import CARD_NAME, MILLIVOLTS, file_digest, read_card
from fairseq_signals.data.combination.plan import Part
from fairseq_signals.data.destination import LISTS, SPLITS
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.row import Row
from fairseq_signals.data.table import STORE_FOLDER


def normalised(text: str) -> str:
    """Letters and digits of a name, in small letters."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


class Names:
    """How the rows of one folder are called among those of others.

    Attributes:
        known: by namespace, whether any row has a patient other than itself.
    """

    def __init__(self, card: dict[str, Any], namespace: str = "", without: Sequence[str] = ()):
        """Takes the names from a card.

        Args:
            card: `dataset.yaml` of the folder.
            namespace: instead of the rows' own.
            without: sources that are left out, and of whose patients nothing needs to be known.
        """
        self._source, self._given, self._without = card["source"], namespace, set(without)
        self._combined = "parts" in card
        self.known: dict[str, bool] = {}

    def patient(self, row: Row) -> str:
        """`<namespace>/<patient>`."""
        if self._combined:
            space, _, patient = row.patient.partition("/")
            own_id = row.id.partition("/")[2]
        else:
            space, patient, own_id = self._namespace(row), row.patient, row.id
        if self.source(row) not in self._without:
            self.known[space] = self.known.get(space, False) or patient != own_id
        return f"{space}/{patient}"

    def source(self, row: Row) -> str:
        """What the column `source` says, or else the card."""
        return row.extra.get("source") or self._source

    def _namespace(self, row: Row) -> str:
        name = self._given or self.source(row)
        space = normalised(name)
        if not space:
            raise ValueError(
                f"namespace of patients must have a letter or digit, got {name!r} (:namespace=… gives one)"
            )
        return space


class Prepared:
    """One part of a combination, opened.

    Attributes:
        part, card: as chosen, and `dataset.yaml`.
        manifests: by list, those whose rows make it up; of a part that is trained on whole, all splits make up both
            `train` and `pretrain`, and there are no other lists.
        names: what its rows are called.
    """

    def __init__(self, part: Part, allow_uncalibrated: bool = False):
        """Opens the folder and checks its manifests against the card.

        Raises:
            ValueError, FileNotFoundError: it is not prepared, its files are not what the card tells, or its numbers
                are no millivolts; or it is a combination and a namespace was given.
        """
        self.part, self.card = part, _card(part.folder)
        if part.namespace and "parts" in self.card:
            raise ValueError(
                f"namespace must be left out for a folder that is a combination itself, whose patients have theirs, "
                f"got {part.namespace!r} ({part.folder})"
            )
        self.names = Names(self.card, part.namespace, part.without)
        units = self.card["units"]
        if units != MILLIVOLTS and not allow_uncalibrated:
            raise ValueError(
                f"units must be {MILLIVOLTS}, got {units!r} ({part.folder}): its amplitudes mean something else than "
                f"the others'; --allow-uncalibrated takes it all the same"
            )
        listed = [name for name in LISTS if f"{name}.tsv" in self.card["files"]]
        for name in listed:
            self._check_file(f"{name}.tsv")
        opened = {name: Manifest(part.folder / f"{name}.tsv") for name in listed}
        for manifest in opened.values():
            if "waveform" not in manifest.columns:
                raise ValueError(
                    f"manifest must have the column waveform, by which copies of a recording are found, got none "
                    f"({manifest.path}); prepare the source again"
                )
        self.manifests = {name: [manifest] for name, manifest in opened.items()}
        if part.whole:
            every = [opened[name] for name in SPLITS if name in opened]
            self.manifests = {"train": every, "pretrain": every}

    @property
    def store(self) -> Path:
        """Folder of its shards."""
        return self.part.folder / STORE_FOLDER

    def _check_file(self, name: str) -> None:
        """Makes sure that a file is the one that the card was written for."""
        if self.card["files"].get(name) != file_digest(self.part.folder / name):
            raise ValueError(f"files must be as {CARD_NAME} tells, got other contents in {self.part.folder / name}")

    def rows(self, name: str) -> Iterator[Row]:
        """The rows of a list, which must lie in the store."""
        for manifest in self.manifests[name]:
            for row in manifest:
                if row.stored is None:
                    where = f"{manifest.path}, line {row.line}"
                    raise ValueError(f"ecg must be shard:row in the store, got {row.ecg!r} ({where})")
                yield row

    def sizes(self) -> dict[str, int]:
        """Number of rows by list."""
        return {name: sum(map(len, manifests)) for name, manifests in self.manifests.items()}

    @property
    def columns(self) -> list[str]:
        """Of all its manifests."""
        every = (manifest for manifests in self.manifests.values() for manifest in manifests)
        return list(dict.fromkeys(name for manifest in every for name in manifest.columns))


def same_people_known(known: dict[str, dict[str, bool]]) -> None:
    """Makes sure that wherever two sources name the same people, both know who they are.

    Args:
        known: by source, by namespace, whether patients are known there.

    Raises:
        ValueError: one has patient ids in a namespace in which another has only ids of recordings: the same person
            could be in two splits without anybody noticing.
    """
    for space in sorted({space for spaces in known.values() for space in spaces}):
        having = {source: spaces[space] for source, spaces in known.items() if space in spaces}
        if len(set(having.values())) > 1:
            sure = ", ".join(source for source, knows in having.items() if knows)
            unsure = ", ".join(source for source, knows in having.items() if not knows)
            raise ValueError(
                f"patients of {space} must be known wherever they occur, got patient ids in {sure} and none in "
                f"{unsure}: the same person could be on both sides of a split unnoticed; prepare {unsure} with patient "
                f"ids, leave that part out (:without=…), or, where they are other people, give it a :namespace=…"
            )


def _card(folder: Path) -> dict[str, Any]:
    card = read_card(folder)
    if card is None:
        raise FileNotFoundError(f"source must be a prepared folder with {CARD_NAME}, got none in {folder}")
    return card
