"""Which recording a command is about: a file, or a row of a manifest."""

import argparse
from pathlib import Path

from fairseq_signals.data.leads import STANDARD_LEADS
from fairseq_signals.data.manifest import Manifest
from fairseq_signals.data.readers import read_record
from fairseq_signals.data.record import Record
from fairseq_signals.data.stored_record import place_of_id, record_of_row
from fairseq_signals.data.units import MILLIVOLTS, units_of

_SPLITS = ("train", "valid", "test", "pretrain")


def add_recording(command: argparse.ArgumentParser, name: str = "file") -> None:
    """Adds the arguments that say which recording is meant."""
    command.add_argument(name, type=Path, help="a recording in any format, WFDB records also without extension; or a manifest (.tsv)")  # fmt: skip  # noqa: E501
    command.add_argument("--id", help="which row of the manifest; the first without it")
    command.add_argument("--rate", type=float, metavar="HZ", help="sampling rate of a file that does not state it")
    command.add_argument("--unit", help="V, mV or uV, for a file that does not state it")
    command.add_argument("--leads", type=_channels, metavar="NAMES", help="names of the file's channels in the file's order, such as I,II,V1, or 12 (standard order), where it does not state them")  # fmt: skip  # noqa: E501
    command.add_argument("--row", type=int, metavar="N", help="which recording of a file that holds many, from 0")


def names(text: str) -> tuple[str, ...]:
    """The parts of a text between commas."""
    return tuple(part.strip() for part in text.split(","))


def _channels(text: str) -> tuple[str, ...]:
    return STANDARD_LEADS if text.strip() == "12" else names(text)


def checked_file(path: Path, what: str) -> Path:
    """The path, unless it is a folder that a data set was prepared into."""
    if path.is_dir() and not Path(f"{path}.hea").is_file():
        manifests = [path / f"{name}.tsv" for name in _SPLITS if (path / f"{name}.tsv").is_file()]
        hint = f"; the manifest in it is {manifests[0]}" if manifests else ""
        raise ValueError(f"{what} must be a file, got the folder {path}{hint}")
    return path


def recording(options: argparse.Namespace) -> Record:
    """The recording that the arguments of `add_recording` name, in the units of `recording_units`."""
    path = checked_file(options.file, "recording")
    stated = {"rate": options.rate, "leads": options.leads, "unit": options.unit, "row": options.row}
    if path.suffix != ".tsv":
        if options.id is not None:
            raise ValueError(f"--id must come with a manifest (.tsv), got the file {path}")
        try:
            return read_record(path, **stated)
        except ValueError as error:
            more = "; here by --rate, --leads and --unit" if str(error).find("passed,") > 0 else ""
            raise ValueError(f"{error}{more}") from error
    if given := [f"--{name}" for name, value in stated.items() if value is not None]:
        raise ValueError(f"{', '.join(given)} must come with a recording's file, got the manifest {path}")
    manifest, id = Manifest(path), options.id
    if not len(manifest):
        raise ValueError(f"manifest must have at least one row, got none ({path})")
    return record_of_row(manifest, manifest[0 if id is None else place_of_id(manifest, id)])


def recording_units(options: argparse.Namespace) -> str | None:
    """Units of that recording, see `data.units`: its folder's, or the millivolts that readers give."""
    return units_of(options.file.parent) if options.file.suffix == ".tsv" else MILLIVOLTS
