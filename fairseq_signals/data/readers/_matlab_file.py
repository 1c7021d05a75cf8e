"""The variables of a MATLAB file of version 4 or 5 (what MATLAB's `-v4`, `-v6` and `-v7` write).

Only what a recording needs is understood: arrays of real numbers, texts, and structs of these. Objects, cells and
nested structs are passed over; nothing in a file is ever executed, and what is inflated is bounded by what was packed.

Source: The MathWorks, "MAT-File Format", https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf.

Differs: `scipy.io.loadmat` follows nested cells by recursion in C, so that a file of a few kilobytes with a hundred
thousand of them ends the process. Here every size must agree with the bytes it speaks of, and nesting is not followed.
"""

import math
import struct
import zlib
from collections.abc import Iterator

import numpy as np

from fairseq_signals.data.readers._claims import largest_claim

Value = np.ndarray | str | dict[str, "Value"]

_HEADER = 128  # bytes before the first element of version 5
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_STRUCT, _CHAR, _NUMERIC = 2, 4, range(6, 16)
_COMPLEX = 0x0800
_OF_VERSION_4 = ("f8", "f4", "i4", "i2", "u2", "u1")


def is_version_5(head: bytes) -> bool:
    """Whether a file begins as MATLAB files of version 5 do."""
    return head[124:128] in (b"\x00\x01IM", b"\x01\x00MI")


def is_version_4(head: bytes) -> bool:
    """Whether a file begins with the header of a variable as in version 4: it has no other sign."""
    try:
        _header_4(head, 0)
    except ValueError:
        return False
    return True


def variables(content: bytes) -> dict[str, Value]:
    """Variables by name: arrays in the shape that MATLAB shows, texts, and structs as dictionaries.

    Raises:
        ValueError: the bytes are no such file, are cut off, or claim more than they can hold.
    """
    pairs = _version_5(content) if is_version_5(content[:_HEADER]) else _version_4(content)
    return {name: value for name, value in pairs if name and value is not None}


def _version_4(content: bytes) -> Iterator[tuple[str, Value | None]]:
    position = 0
    while position < len(content):
        name, code, shape, parts, begin = _header_4(content, position)
        position = begin + math.prod(shape) * np.dtype(code).itemsize * parts
        if position > len(content):
            raise ValueError(f"variable {name} must fit the file, got {shape} in {len(content) - begin} bytes")
        values = np.frombuffer(content[begin:position], code).reshape(shape, order="F") if parts == 1 else None
        yield name, values


def _header_4(content: bytes, position: int) -> tuple[str, str, tuple[int, int], int, int]:
    """Name, type, shape, number of parts (2 where complex), and where the values begin.

    Texts and sparse matrices are told as what they are made of, under no name.
    """
    if len(content) < position + 20:
        raise ValueError(f"a variable's header must have 20 bytes, got {max(0, len(content) - position)}")
    order = "<" if struct.unpack_from("<I", content, position)[0] < 10000 else ">"
    kind, rows, columns, imaginary, length = struct.unpack_from(f"{order}5I", content, position)
    machine, zero, precision, form = kind // 1000, kind // 100 % 10, kind // 10 % 10, kind % 10
    wrong = machine != (order == ">") or zero or precision >= len(_OF_VERSION_4) or form > 2 or imaginary > 1
    text = content[position + 20 : position + 20 + min(length, 256)].decode("latin-1")
    if wrong or not 2 <= length <= 256 or not text.endswith("\0") or not text[:-1].isidentifier():
        raise ValueError(f"a variable's header must be one of MATLAB 4, got {kind}, {imaginary} and {length}")
    return (
        "" if form else text[:-1],
        f"{order}{_OF_VERSION_4[precision]}",
        (rows, columns),
        1 + imaginary,
        position + 20 + length,
    )


def _version_5(content: bytes) -> Iterator[tuple[str, Value | None]]:
    order = "<" if content[126:128] == b"IM" else ">"
    left = largest_claim(len(content))
    for kind, element in _elements(memoryview(content)[_HEADER:], order):
        if kind == _COMPRESSED:
            inflated = memoryview(_inflated(element, left))
            left -= len(inflated)
            kind, element = next(_elements(inflated, order), (0, inflated))
        if kind == _MATRIX:
            yield _matrix(element, order)


def _inflated(packed: memoryview, at_most: int) -> bytes:
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(packed, at_most + 1)
    except zlib.error as error:
        raise ValueError(f"a compressed variable must be whole, got {error}") from error
    if len(content) > at_most:
        raise ValueError(f"a compressed variable must fit its {len(packed)} packed bytes, got more than {at_most}")
    if not stream.eof:
        raise ValueError(f"a compressed variable must be whole, got {len(packed)} bytes of it")
    return content


def _elements(content: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Type and bytes of one element after the other."""
    position = 0
    while position < len(content):
        if len(content) - position < 8:
            raise ValueError(f"an element must have 8 bytes or more, got {len(content) - position}")
        kind, size = struct.unpack_from(f"{order}2I", content, position)
        begin = position + 8
        if kind >> 16:  # up to 4 bytes fit into the element's own tag
            kind, size, begin = kind & 0xFFFF, kind >> 16, position + 4
        if begin + size > len(content) or (begin == position + 4 and size > 4):
            raise ValueError(f"an element must fit the file, got {size} bytes of {len(content) - begin}")
        yield kind, content[begin : begin + size]
        padding = 0 if kind == _COMPRESSED else -size % 8
        position = position + 8 if begin == position + 4 else begin + size + padding


def _matrix(content: memoryview, order: str, may_be_struct: bool = True) -> tuple[str, Value | None]:
    """Name and value; the value is None where it is of a kind that is passed over."""
    parts = _elements(content, order)
    flags = _integers(_next(parts), order)
    shape = tuple(_integers(_next(parts), order))
    name = bytes(_next(parts)[1]).decode("latin-1")
    if not flags or len(shape) < 2 or min(shape) < 0:
        raise ValueError(f"variable {name!r} must have a class and a shape, got {flags} and {shape}")
    kind = flags[0] & 0xFF
    if kind in _NUMERIC and not flags[0] & _COMPLEX:
        return name, _numbers(_next(parts), shape, order)
    if kind == _CHAR:
        return name, _text(_next(parts), order)
    if kind == _STRUCT and may_be_struct and math.prod(shape) == 1:
        return name, _fields(parts, order)
    return name, None


def _next(parts: Iterator[tuple[int, memoryview]]) -> tuple[int, memoryview]:
    part = next(parts, None)
    if part is None:
        raise ValueError("a variable must be whole, got a part of it")
    return part


def _integers(part: tuple[int, memoryview], order: str) -> list[int]:
    kind, content = part
    if kind not in (5, 6) or len(content) > 4 * 32:
        raise ValueError(f"a variable's class and shape must be integers of 4 bytes, got type {kind}")
    return np.frombuffer(content, f"{order}{_NUMBERS[kind]}").tolist()


def _numbers(part: tuple[int, memoryview], shape: tuple[int, ...], order: str) -> np.ndarray:
    kind, content = part
    if kind not in _NUMBERS:
        raise ValueError(f"an array's values must be numbers, got type {kind}")
    values = np.frombuffer(content, f"{order}{_NUMBERS[kind]}")
    if math.prod(shape) != len(values):
        raise ValueError(f"an array must hold as many values as its shape {shape} tells, got {len(values)}")
    return values.reshape(shape, order="F")


def _text(part: tuple[int, memoryview], order: str) -> str:
    kind, content = part
    encoding = _TEXTS.get(kind, "latin-1")
    ending = {"<": "-le", ">": "-be"}[order] if encoding in ("utf-16", "utf-32") else ""
    return bytes(content).decode(encoding + ending, "replace")


def _fields(parts: Iterator[tuple[int, memoryview]], order: str) -> dict[str, Value]:
    length = (_integers(_next(parts), order) or [0])[0]
    names = bytes(_next(parts)[1])
    if length < 1 or len(names) % length:
        raise ValueError(f"a struct's names must have one length, got {len(names)} bytes of {length} each")
    fields = {}
    for begin in range(0, len(names), length):
        kind, content = _next(parts)
        value = _matrix(content, order, may_be_struct=False)[1] if kind == _MATRIX and len(content) else None
        if value is not None:
            fields[names[begin : begin + length].split(b"\0")[0].decode("latin-1")] = value
    return fields
