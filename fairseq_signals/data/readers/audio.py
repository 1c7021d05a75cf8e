"""ECGs in multi-channel WAV or FLAC files, one lead per channel.

The sampling rate is the file's; leads and unit come from a sidecar (`_description.py` says how it looks) or are
passed. Samples are taken as stored, never rescaled to ±1: floating-point samples are amplitudes in `unit`; integer
samples are digital values, so the sidecar must then state `gain`, the digital steps per unit.
"""

from pathlib import Path

from fairseq_signals.data.readers._description import describe, with_sidecar
from fairseq_signals.data.readers._pcm import read_pcm
from fairseq_signals.data.readers.physionet import header_of
from fairseq_signals.data.record import Record

FORMAT = "WAV or FLAC (with a .json sidecar)"
files = with_sidecar


def recognises(path: Path, head: bytes) -> bool:
    """Whether the file is WAV or FLAC and not a WFDB record's signal file, which its header describes."""
    wave = head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"
    return (wave or head[:4] == b"fLaC") and header_of(path) is None


def read(
    path: Path, rate: float | None = None, leads: tuple[str, ...] | None = None, unit: str | None = None
) -> Record:
    """The recording in an audio file.

    Args:
        path: the file.
        rate: must agree with the file's, if given.
        leads: one name per channel, if there is no sidecar.
        unit: unit of the amplitudes, if there is no sidecar.

    Raises:
        ValueError: the file cannot be decoded, or its description is missing or does not fit; names the file.
    """
    samples, hertz, bits = read_pcm(path)
    description = describe(path, {"rate": hertz}, {"rate": rate, "leads": leads, "unit": unit})
    if len(description.leads) != len(samples):
        raise ValueError(f"each channel must have a lead's name, got {len(samples)} and {description.leads} ({path})")
    if bits is not None and description.gain is None:
        raise ValueError(f"integer samples must come with their gain (steps per unit) in a sidecar, got none ({path})")
    return description.record(samples)
