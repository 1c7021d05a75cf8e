#!/usr/bin/env python
"""Fetches a source's original files: resumed, several at a time, checksums verified, archives unpacked.

What each source is, where it lies and under which licence stands in manifests/origins/<source>.yaml.
"""

import argparse
import shlex
import sys
import textwrap
from pathlib import Path

from fairseq_signals.data.download.connection import Connection, Patience
from fairseq_signals.data.download.download import chosen_files, download
from fairseq_signals.data.download.listing import list_files
from fairseq_signals.data.download.origin import Origin, origin_files, read_origin

ORIGINS = Path(__file__).resolve().parent.parent / "manifests" / "origins"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=f"Stop it at any moment and start it again with the same command: it continues.\n\n{_overview()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("source", help="one of those below")
    add("--dest", type=Path, required=True, metavar="DIR", help="folder for the files; made where it is missing")
    add("--workers", type=int, default=8, metavar="N", help="files under way at the same time (8)")
    add("--only", action="append", default=[], metavar="PATTERN", help="only files whose path fits, such as 'records500/*'; may be given several times")  # fmt: skip  # noqa: E501
    add("--form", help="which form, of a source that is published in several")
    add("--mirror", action="store_true", help="take the files from the source's mirror; checksums still from the source")  # fmt: skip  # noqa: E501
    add("--list", action="store_true", help="show what would be fetched, and fetch none of it")
    add("--origins", type=Path, default=ORIGINS, metavar="DIR", help=argparse.SUPPRESS)
    return parser


def _overview() -> str:
    """The sources, for people."""
    lines = ["sources:"]
    for path in origin_files(ORIGINS).values():
        for form in read_origin(path).forms or (None,):
            origin = read_origin(path, form)
            name = f"{origin.source} --form {form}" if form else origin.source
            access = "must be signed for" if origin.kind == "sign" else "open"
            text = f"{origin.name} {origin.version}, {origin.recordings:,} recordings, {origin.size}; {origin.licence}"
            lines += [
                f"  {name} ({access})",
                *textwrap.wrap(text, 96, initial_indent="      ", subsequent_indent="      "),
            ]
    return "\n".join(lines)


def _show(origin: Origin, only: list[str], mirror: bool) -> None:
    files = chosen_files(list_files(origin, _connection(), mirror), only)
    for file in files:
        print(f"{file.path}\t{'size not told' if file.size is None else file.size}\t{file.digest or 'no checksum'}")
    known = [file.size for file in files if file.size is not None]
    size = f"{sum(known):,} bytes" if len(known) == len(files) else f"of unstated size ({origin.size} in all)"
    print(f"{origin.name} {origin.version}: {len(files)} files, {size}; nothing was fetched")
    print(f"Not verified when this was written: {origin.unverified}")


def _connection() -> Connection:
    """One that says what it waits for, beside what is asked for."""
    return Connection(Patience(tell=lambda sentence: print(sentence, file=sys.stderr, flush=True)))


def _next(origin: Origin, dest: Path) -> str:
    source = shlex.quote(str(dest / origin.folder))
    return f"python scripts/prepare.py {origin.source} --source {source} --dest data/{origin.source}"


def run(options: argparse.Namespace) -> None:
    """What the command line asks for."""
    origin = read_origin(options.origins / f"{options.source}.yaml", options.form)
    if origin.kind == "sign":
        text = textwrap.fill(f"{origin.name} {origin.version} must be signed for. {origin.sign}", 100)
        command = _next(origin, options.dest)
        sys.exit(f"{text}\nThe files then lie in a folder of yours, such as {options.dest}; next:\n  {command}")
    if options.list:
        _show(origin, options.only, options.mirror)
        return
    done = download(origin, options.dest, options.workers, options.only, options.mirror, _connection())
    unpacked = f", {done.unpacked} files unpacked (the archives may be deleted)" if done.unpacked else ""
    print(f"{origin.name} {origin.version}: {done.files} files whole in {options.dest}, {done.size:,} bytes, ", end="")
    print(f"{done.fetched} of them fetched now{unpacked}")
    print(f"Licence: {origin.licence} ({origin.page})\nPlease cite: {origin.citation}")
    print(f"Next: {_next(origin, options.dest)}")


def main(arguments: "list[str] | None" = None) -> None:
    """Parses the arguments and downloads; what goes wrong ends in one paragraph."""
    try:
        run(_parser().parse_args(arguments))
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command continues where this one ended")


if __name__ == "__main__":
    main()
