"""What the rows of a manifest are known by beside those of other folders, read as columns: 200,000 rows in a second.

Conventions: as in combinations, a recording and a patient are known by their name within their source (column `source`,
else the card, in small letters and digits), and a waveform by its digest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fairseq_signals.data.card import read_card
from fairseq_signals.data.combination.prepared import normalised
from fairseq_signals.data.destination import LISTS
from fairseq_signals.data.manifest import Manifest

_EXAMPLES = 3


@dataclass(frozen=True)
class Rows:
    """The rows of a manifest, in its order; what is wrong with it is raised when a column is asked for."""

    path: Path

    @cached_property
    def _manifest(self) -> Manifest:
        return Manifest(self.path)

    @cached_property
    def _card(self) -> dict:
        return read_card(self.path.parent) or {}

    @cached_property
    def ids(self) -> list[str]:
        """As the manifest spells them."""
        return self._manifest.column("id")

    @property
    def has_waveforms(self) -> bool:
        """Whether the manifest has digests of waveforms."""
        return "waveform" in self._manifest.columns

    @cached_property
    def waveforms(self) -> list[str]:
        """Digests, in small letters."""
        if not self.has_waveforms:
            raise ValueError(
                f"manifest must have the column waveform, by which copies of a recording are found, got none "
                f"({self.path}); prepare the source again"
            )
        return [digest.lower() for digest in self._manifest.column("waveform")]

    @cached_property
    def recordings(self) -> list[tuple[str, str]]:
        """Source and id."""
        if "parts" in self._card:  # a combination, whose ids are <part>/<id>
            return list(zip(self._sources, [name.partition("/")[2] for name in self.ids], strict=True))
        return list(zip(self._sources, self.ids, strict=True))

    @cached_property
    def patients(self) -> list[tuple[str, str]]:
        """Source and patient, which is the id where nobody knows."""
        cells = self._manifest.column("patient")
        if "parts" in self._card:
            cells = [name.partition("/")[2] for name in cells]
        return list(zip(self._sources, cells, strict=True))

    @cached_property
    def _sources(self) -> list[str]:
        if "parts" in self._card:  # whose patients are <namespace>/<patient>
            return [name.partition("/")[0] for name in self._manifest.column("patient")]
        if "source" not in self._manifest.columns:
            return [self._named("")] * len(self._manifest)
        cells, places = self._manifest.distinct("source")
        names = [self._named(cell) for cell in cells]
        return [names[place] for place in places.tolist()]

    def _named(self, cell: str) -> str:
        name = normalised(cell or self._card.get("source", ""))
        if not name:
            raise ValueError(
                f"source of recordings must be told by dataset.yaml or a column source, got none ({self.path})"
            )
        return name


@dataclass(frozen=True)
class Common:
    """Rows of one manifest that another has as well.

    Attributes:
        rows: their places, ascending.
        how: how many by what, such as "12 by id, 3 by waveform".
        first: ids of the first few.
    """

    rows: list[int]
    how: str
    first: str


def common_rows(mine: Rows, theirs: Rows, need_digests: bool = True) -> Common:
    """The rows of `mine` whose recording, waveform or patient stands in `theirs`.

    Args:
        mine: whose rows are named.
        theirs: what they are compared with.
        need_digests: whether both must have digests of waveforms; else ids and patients alone tell where one has none.

    Raises:
        ValueError: digests are needed and missing, or a manifest does not name its source.
    """
    digests = need_digests or (mine.has_waveforms and theirs.has_waveforms)
    by = {
        "id": _rows_in(mine.recordings, theirs.recordings),
        "waveform": _rows_in(mine.waveforms, set(theirs.waveforms) - {""}) if digests else [],
        "patient": _rows_in(mine.patients, theirs.patients),
    }
    rows = sorted(set().union(*by.values()))
    how = ", ".join(f"{len(some):,} by {what}" for what, some in by.items() if some)
    return Common(rows, how, ", ".join(mine.ids[row] for row in rows[:_EXAMPLES]))


def _rows_in(keys: list, others: Iterable) -> list[int]:
    common = set(others).intersection(keys)
    return [row for row, key in enumerate(keys) if key in common] if common else []


def people_known(folder: Path) -> dict[str, bool]:
    """By source, whether patients are known in a folder: whether any of them is called otherwise than a recording."""
    known: dict[str, bool] = {}
    for name in LISTS:
        if (folder / f"{name}.tsv").is_file():
            listed = Rows(folder / f"{name}.tsv")
            known |= dict.fromkeys({source for source, _ in listed.recordings} - known.keys(), False)
            called = zip(listed.patients, listed.recordings, strict=True)
            known |= dict.fromkeys({patient[0] for patient, recording in called if patient != recording}, True)
    return known
