"""Digital samples of a WFDB record, each file's size compared with the header before anything is read.

Byte-aligned formats and format 212 are a view of the file and are read here, which also serves headers that the
wfdb package refuses; FLAC goes through soundfile; the rare formats 8, 310 and 311 through the wfdb package.
Source: PhysioNet, "signal(5)", https://physionet.org/physiotools/wag/signal-5.htm.
"""

from fractions import Fraction
from pathlib import Path

import numpy as np

from fairseq_signals.data.readers._pcm import read_pcm
from fairseq_signals.data.readers._wfdb_header import Header, SignalLine, path_beside

_ALIGNED = {"16": "<i2", "32": "<i4", "61": ">i2", "80": "u1", "160": "<u2"}
_ZERO = {"80": 128, "160": 32768}  # offset binary: the stored value of digital 0
_BYTES = {format: Fraction(np.dtype(dtype).itemsize) for format, dtype in _ALIGNED.items()}
_BYTES |= {"24": Fraction(3), "212": Fraction(3, 2)}
_RARE = {"8": Fraction(1), "310": Fraction(4, 3), "311": Fraction(4, 3)}
_FLAC = ("508", "516", "524")
FORMATS = (*_BYTES, *_RARE, *_FLAC)

INVALID = {"16": -(2**15), "61": -(2**15), "160": -(2**15), "516": -(2**15), "212": -(2**11), "80": -(2**7)}
INVALID |= {"508": -(2**7), "24": -(2**23), "524": -(2**23), "32": -(2**31), "310": -(2**9), "311": -(2**9)}
"""The digital value that marks a sample as invalid, by format; differences (format 8) have none."""


def read_samples(header: Header) -> tuple[list[np.ndarray], list[str]]:
    """Digital samples of every signal of a single-segment record, skew not yet undone.

    Returns:
        The signals, integer arrays of `length * per_frame` samples, and the names of the files that hold whole
        frames beyond the length that the header states (an error, unless checksums prove the header right).

    Raises:
        FileNotFoundError: a signal file is missing.
        ValueError: a signal file is too short for what the header states, or its format is unknown.
    """
    groups: dict[str, list[int]] = {}
    for row, signal in enumerate(header.signals):
        groups.setdefault(signal.file, []).append(row)
    samples: list[np.ndarray] = [np.empty(0, np.int32)] * len(header.signals)
    longer = []
    for file, rows in groups.items():
        signals = [header.signals[row] for row in rows]
        found, surplus = _read_file(header, file, signals)
        longer += [file] if surplus else []
        for row, values in zip(rows, found, strict=True):
            samples[row] = values
    if len({len(values) // signal.per_frame for values, signal in zip(samples, header.signals, strict=True)}) > 1:
        raise ValueError(f"all signal files of a record must be equally long, got {list(groups)} ({header.path})")
    if any(signal.format in _RARE for signal in header.signals):
        samples = _read_rare(header, len(samples[0]) // header.signals[0].per_frame)
    return samples, longer


def _read_file(header: Header, file: str, signals: list[SignalLine]) -> tuple[list[np.ndarray], bool]:
    path = path_beside(header.path, file)
    if not path.is_file():
        raise FileNotFoundError(f"signal file {file} must be beside its header, got no such file ({header.path})")
    first = signals[0]
    if first.format not in FORMATS:
        raise ValueError(f"WFDB format must be among {', '.join(FORMATS)}, got {first.format} ({header.path})")
    if any((line.format, line.offset) != (first.format, first.offset) for line in signals):
        raise ValueError(f"signals of {file} must share one format and offset, got several ({header.path})")
    if min(line.per_frame for line in signals) < 1:
        raise ValueError(f"samples per frame must be at least 1, got 0 for {file} ({header.path})")
    if first.format in _FLAC:
        return _read_flac(header, path, signals)
    length, surplus = _length(header, path, signals)
    per_frame = [line.per_frame for line in signals]
    if first.format in _RARE:
        return [np.empty(length * count, np.int32) for count in per_frame], surplus
    frames = _decode(path, first.format, first.offset, length * sum(per_frame)).reshape(length, sum(per_frame))
    if set(per_frame) == {1}:
        return list(np.ascontiguousarray(frames.T)), surplus  # at once, as in nearly every record
    ends = np.cumsum(per_frame)
    return [frames[:, end - n : end].reshape(-1) for n, end in zip(per_frame, ends, strict=True)], surplus


def _length(header: Header, path: Path, signals: list[SignalLine]) -> tuple[int, bool]:
    """Frames to read from a file, and whether it holds more than the header states."""
    format, size, per_frame = signals[0].format, path.stat().st_size, sum(line.per_frame for line in signals)
    frame = (_BYTES | _RARE)[format] * per_frame  # bytes
    held = max(0, int((size - signals[0].offset) / frame))
    length = held if header.length is None else header.length
    needed = signals[0].offset + -int(-length * frame // 1)
    if size < needed:
        raise ValueError(
            f"signal file {path.name} must hold at least {needed} bytes ({length} samples of {len(signals)} signals in "
            f"format {format} from byte {signals[0].offset}), got {size} ({header.path})"
        )
    # Formats that pack samples fill their last block, so a spare frame is no surplus there.
    slack = 4 if frame.denominator > 1 or format in _RARE else 0
    return length, size - needed >= frame + slack


def _decode(path: Path, format: str, offset: int, count: int) -> np.ndarray:
    if format in _ALIGNED:
        stored = np.fromfile(path, _ALIGNED[format], count, offset=offset)
        return stored.astype(np.int32) - _ZERO[format] if format in _ZERO else stored
    raw = np.fromfile(path, np.uint8, -int(-count * _BYTES[format] // 1), offset=offset).astype(np.int32)
    if format == "24":
        value = raw[0::3] | raw[1::3] << 8 | raw[2::3] << 16
        return (value ^ 2**23) - 2**23  # the top bit is the sign
    raw = np.pad(raw, (0, -len(raw) % 3))  # 212: two samples of 12 bits in three bytes
    value = np.stack([raw[0::3] | (raw[1::3] & 15) << 8, raw[2::3] | (raw[1::3] >> 4) << 8], axis=1)
    return ((value.reshape(-1)[:count]) ^ 2**11) - 2**11


def _read_flac(header: Header, path: Path, signals: list[SignalLine]) -> tuple[list[np.ndarray], bool]:
    values, _, bits = read_pcm(path)
    most, start = int(signals[0].format) - 500, signals[0].offset
    if bits is None or bits > most or len(values) != len(signals):
        raise ValueError(
            f"signal file {path.name} must hold {len(signals)} channels of at most {most} bits, "
            f"got {len(values)} of {bits} ({header.path})"
        )
    if len({line.per_frame for line in signals}) > 1:
        raise ValueError(f"signals in one FLAC file must share a rate, got several in {path.name} ({header.path})")
    held = (values.shape[1] - start) // signals[0].per_frame
    length = max(0, held) if header.length is None else header.length
    if held < length:
        raise ValueError(
            f"signal file {path.name} must hold {length} samples after {start}, got {max(0, held)} ({header.path})"
        )
    return list(values[:, start : start + length * signals[0].per_frame]), held > length


def _read_rare(header: Header, length: int) -> list[np.ndarray]:
    """The whole record through the wfdb package."""
    import wfdb

    record = str(header.path.absolute().with_suffix(""))
    try:
        read = wfdb.rdrecord(record, sampto=length, physical=False, smooth_frames=False, ignore_skew=True)
    except Exception as error:  # the package raises whatever its parts raise
        raise ValueError(f"record must be readable by the wfdb package, got {error!r} ({header.path})") from error
    return [np.asarray(values, np.int32) for values in read.e_d_signal]
