"""A sound file's bytes, in any format FFmpeg reads, as mono speech."""

import io
from typing import Final

import av
import numpy as np
from av.error import FFmpegError

from engine.packets import MEDIA_RATE_HZ
from streaming.contract import SpeechPiece
from streaming.microphone import mono

FORMATS: Final = ("wav", "mp3", "ogg", "flac", "matroska", "mov", "aac")
"""Demuxers that may look at what strangers send: no playlists that lead elsewhere."""


class SoundFileError(ValueError):
    """The bytes are no sound that can be said; the message says why."""


def read_sound(data: bytes, longest_s: float) -> SpeechPiece:
    """Decode a file to mono at `MEDIA_RATE_HZ`; takes up to seconds, so call it in a thread.

    Raises:
        SoundFileError: when it is no sound file, holds no sound, or more than `longest_s`.
    """
    blocks: list[np.ndarray] = []
    resampler = av.AudioResampler(format="s16", layout="mono", rate=MEDIA_RATE_HZ)
    length = 0
    try:
        with _opened(data) as container:
            for frame in container.decode(audio=0):
                for even in resampler.resample(frame):
                    blocks.append(mono(even))
                    length += len(blocks[-1])
                if length > longest_s * MEDIA_RATE_HZ:
                    raise SoundFileError(f"the sound is longer than {longest_s:g} s")
            blocks += [mono(even) for even in resampler.resample(None)]
    except (FFmpegError, IndexError) as error:
        raise SoundFileError("the bytes are no sound file that could be read") from error
    if not length:
        raise SoundFileError("the file holds no sound")
    return SpeechPiece(np.concatenate(blocks), MEDIA_RATE_HZ)


def _opened(data: bytes) -> av.container.InputContainer:
    """Open the bytes with the first of `FORMATS` that takes them."""
    for name in FORMATS:
        try:
            return av.open(io.BytesIO(data), "r", format=name)
        except FFmpegError:
            continue
    raise SoundFileError(f"the bytes are none of {', '.join(FORMATS)}")
