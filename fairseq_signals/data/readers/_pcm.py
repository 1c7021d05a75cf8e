"""Samples of a WAV or FLAC file, as they are stored."""

from pathlib import Path

import numpy as np

_STORED = {  # subtype -> type to read as, bits per sample; libsndfile puts the bits at the top of the type
    "PCM_S8": ("int16", 8),
    "PCM_U8": ("int16", 8),
    "PCM_16": ("int16", 16),
    "PCM_24": ("int32", 24),
    "PCM_32": ("int32", 32),
    "FLOAT": ("float32", None),
    "DOUBLE": ("float64", None),
}
_BLOCK = 65536  # frames read at once: what a header claims is never allocated, only what is there


def read_pcm(path: Path) -> tuple[np.ndarray, int, int | None]:
    """The samples `[channels, T]` of an audio file without any scaling, its rate in Hz, and its bits per sample.

    Integer files come as digital values (int32), floating-point files as they are, with None for the bits.

    Raises:
        ValueError: the file cannot be decoded, ends early, or stores samples with loss (ADPCM, µ-law …).
    """
    import soundfile

    _check_size(path)
    try:
        with soundfile.SoundFile(path) as file:
            if file.subtype not in _STORED:
                raise ValueError(f"samples must be {', '.join(_STORED)}, got {file.subtype} ({path})")
            dtype, bits = _STORED[file.subtype]
            blocks = list(file.blocks(_BLOCK, dtype=dtype, always_2d=True))
            claimed, rate, channels = file.frames, file.samplerate, file.channels
    except soundfile.SoundFileError as error:
        raise ValueError(f"an audio file must be readable WAV or FLAC, got {error} ({path})") from error
    frames = np.concatenate([np.empty((0, channels), dtype), *blocks])
    if len(frames) != claimed:
        raise ValueError(f"an audio file must hold the {claimed} frames it claims, got {len(frames)} ({path})")
    if bits is not None:
        frames = frames.astype(np.int32) >> (np.dtype(dtype).itemsize * 8 - bits)
    return frames.T, rate, bits


def _check_size(path: Path) -> None:
    """Refuses a truncated WAV file, which libsndfile would read as a shorter recording without a word."""
    with path.open("rb") as file:
        head = file.read(28)
    field = {b"RIFF": head[4:8], b"RF64": head[20:28]}.get(head[:4], b"")
    claimed, size = int.from_bytes(field, "little") + 8, path.stat().st_size
    if field.strip(b"\xff") and size < claimed:  # a stream's length was not known when it was written: all ones
        raise ValueError(f"an audio file must hold the {claimed} bytes it claims, got {size} ({path})")
