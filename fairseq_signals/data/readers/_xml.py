"""An XML file from a stranger as a tree, or a refusal: nothing is expanded, fetched or executed.

A DOCTYPE that only names a file (GE MUSE writes one) is skipped without opening that file; one that defines anything
is refused, and so are files too large, too deep, or of too many elements. Tags and attributes lose their namespace.

Exports are often not quite XML: a bare `&` or `<` in a statement, control characters, bytes that do not fit the
declared encoding. Those are mended where the mending can only change text, and noted. In a number or in Base64 it
leaves characters that do not belong there, so that the reader refuses the value instead of reading another.
"""

import codecs
import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from fairseq_signals.data.readers._libraries import vendor_library

LARGEST_FILE = 64 * 2**20  # bytes; a ten-second recording takes less than one mebibyte

_DEEPEST = 64
_MOST_ELEMENTS = 200_000  # and attributes
_MOST_MENDED = 10_000
_LONGEST_TAG = 2**16  # bytes between < and >, where a hostile file would hide millions of attributes
_PROLOGUE = 2**16  # bytes searched for the root

_DECLARATION = re.compile(r"\s*<\?xml\b[^>]*?\?>")
_DOCTYPE = re.compile(r"""<!DOCTYPE\s+[\w:.-]+(?:\s+(?:SYSTEM|PUBLIC)(?:\s+(?:"[^"<>]*"|'[^'<>]*')){1,2})?\s*>""")
_ENCODING = re.compile(rb"""^\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = re.compile(r"utf-8|ascii|iso8859-\d+|cp125\d|koi8-[ru]|shift_jis|euc_jp|euc_kr|big5|gb2312|gbk|gb18030")
_TAG = re.compile(rb"<[^!?<>][^<>]{%d}" % _LONGEST_TAG)
_ROOT = re.compile(r"<(?:[\w.-]+:)?([\w.-]+)[\s/>]")

# What makes a document ill-formed and yet is only a careless text.
_BARE_AMPERSAND = re.compile(r"&(?!(?:#\d{1,7}|#x[0-9A-Fa-f]{1,6}|amp|lt|gt|quot|apos);)")
_BARE_LESS = re.compile(r"<(?![A-Za-z_/!?])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def root_name(path: Path, head: bytes) -> str | None:
    """The name of an XML file's outermost element without its namespace, or None where the file is no XML.

    Args:
        path: the file, read on where comments hide the root from the head.
        head: its first bytes.
    """
    if not _markup(head).startswith("<"):
        return None
    name = _first_element(_markup(head))
    if name is None and path.is_file():
        with path.open("rb") as file:
            name = _first_element(_markup(file.read(_PROLOGUE)))
    return name


def read_xml(path: Path) -> tuple[Element, tuple[str, ...]]:
    """The root of an XML file, and notes on what had to be mended.

    Raises:
        ValueError: the file is too large, is not well-formed beyond mending, or declares entities; names the file.
        ImportError: defusedxml is not installed.
    """
    size = path.stat().st_size
    if size > LARGEST_FILE:
        raise ValueError(f"an XML file must be at most {LARGEST_FILE} bytes, got {size} ({path})")
    raw = path.read_bytes()
    if _TAG.search(raw):
        raise ValueError(f"a tag must be at most {_LONGEST_TAG} bytes long, got a longer one ({path})")
    text, notes = _decode(raw, path)
    text = _DOCTYPE.sub("", _DECLARATION.sub("", text, count=1), count=1).strip("\0\x1a \t\r\n")
    try:
        return _parse(text, path), notes
    except ParseError as error:
        mended = _mend(text)
        if mended == text:
            raise ValueError(f"an XML file must be well-formed, got {error} ({path})") from error
    try:
        return _parse(mended, path), (*notes, "text must be well-formed XML, got bare characters: mended")
    except ParseError as error:
        raise ValueError(f"an XML file must be well-formed, got {error} ({path})") from error


def part_of(element: Element, path: str) -> Element:
    """The first element at a path below another, or one that says nothing where there is none."""
    found = element.find(path)
    return Element("none") if found is None else found


class _Limited(TreeBuilder):
    """A tree without namespaces that refuses to grow out of proportion."""

    def __init__(self):
        super().__init__()
        self.depth = self.elements = 0

    def start(self, tag, attributes):
        self.depth += 1
        self.elements += 1 + len(attributes)
        if self.depth > _DEEPEST:
            raise ValueError(f"elements must be nested at most {_DEEPEST} deep, got more")
        if self.elements > _MOST_ELEMENTS:
            raise ValueError(f"an XML file must have at most {_MOST_ELEMENTS} elements and attributes, got more")
        return super().start(_local(tag), {_local(name): value for name, value in attributes.items()})

    def end(self, tag):
        self.depth -= 1
        return super().end(_local(tag))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _parse(text: str, path: Path) -> Element:
    defused = vendor_library("defusedxml.ElementTree", path)
    parser = defused.DefusedXMLParser(target=_Limited(), forbid_dtd=True)
    try:
        parser.feed(text)
        return parser.close()
    except ParseError:
        raise
    except ValueError as error:  # defusedxml's refusals and ours
        raise ValueError(f"an XML file must be plain data, got {error} ({path})") from error


def _mend(text: str) -> str:
    for pattern, right in ((_BARE_AMPERSAND, "&amp;"), (_BARE_LESS, "&lt;"), (_CONTROL, "\ufffd")):
        text = pattern.sub(right, text, count=_MOST_MENDED)
    return text


def _decode(raw: bytes, path: Path) -> tuple[str, tuple[str, ...]]:
    """The text of a file: a byte order mark decides, then the declared encoding, then UTF-8."""
    encoding = _marked(raw)
    if encoding is None:
        stated = _ENCODING.match(raw)
        encoding = _known(stated.group(1).decode(), path) if stated else "utf-8"
    try:
        return raw.decode(encoding), ()
    except UnicodeDecodeError:
        if encoding.startswith("utf-16"):
            raise ValueError(f"text must be whole UTF-16, got other bytes ({path})") from None
        return raw.decode("latin-1"), (f"text must be {encoding} as declared, got other bytes: read as ISO-8859-1",)


def _marked(raw: bytes) -> str | None:
    if raw.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}.get(raw[:2])


def _known(stated: str, path: Path) -> str:
    """Python's name of a declared encoding; without a mark, UTF-16 is a wrong declaration of what is UTF-8."""
    try:
        name = codecs.lookup(stated).name
    except LookupError:
        name = ""
    if name.startswith("utf-16"):
        return "utf-8"
    if not _ENCODINGS.fullmatch(name):
        raise ValueError(f"encoding must be one of text, got {stated!r} ({path})")
    return name


def _markup(head: bytes) -> str:
    """The head as text that is good enough to find tags in, whatever the encoding."""
    for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").decode("latin-1").lstrip()


def _first_element(text: str) -> str | None:
    place = 0
    while place >= 0:
        text = text[place:].lstrip()
        if text.startswith("<!--"):
            place = _after(text, "-->")
        elif text.startswith("<?"):
            place = _after(text, "?>")
        elif text.startswith("<!"):
            place = _after(text, ">")
        else:
            match = _ROOT.match(text)
            return match.group(1) if match else None
    return None


def _after(text: str, end: str) -> int:
    place = text.find(end)
    return place + len(end) if place >= 0 else -1
