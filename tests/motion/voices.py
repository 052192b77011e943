"""Voices for tests: a sentence of phones, and the sound a buzzer makes of them."""

import numpy as np

from models.motion.stage import SAMPLES_PER_FRAME, SPEECH_RATE_HZ, Phone, Presence, SpeechChunk
from models.speech.words import is_vowel

SENTENCE = "SIL B IH1 G W EY1 V Z SIL M UW1 V F AH0 S T SIL P IY1 P AH0 L K AH1 M HH OW1 M SIL"


def sentence(times: int = 1, phone_s: float = 0.09, pause_s: float = 0.3) -> tuple[Phone, ...]:
    phones, at_s = [], 0.0
    for symbol in SENTENCE.split() * times:
        stress = int(symbol[-1]) if symbol[-1].isdigit() else 0
        end_s = at_s + (pause_s if symbol == "SIL" else phone_s)
        phones.append(Phone(symbol.rstrip("012"), at_s, end_s, stress))
        at_s = end_s
    return tuple(phones)


def buzz(phones: tuple[Phone, ...], pitch_hz: float = 120.0) -> np.ndarray:
    """A pulse train, loud on vowels, soft on consonants, silent on pauses; whole frames."""
    frames = -(-round(phones[-1].end_s * SPEECH_RATE_HZ) // SAMPLES_PER_FRAME)
    times = np.arange(frames * SAMPLES_PER_FRAME) / SPEECH_RATE_HZ
    loudness = np.zeros_like(times)
    for phone in phones:
        inside = (times >= phone.start_s) & (times < phone.end_s)
        loudness[inside] = 0.0 if phone.symbol == "SIL" else 0.3 if is_vowel(phone.symbol) else 0.05
    tone = sum(np.sin(2 * np.pi * pitch_hz * k * times) / k for k in range(1, 12))
    return (0.5 * loudness * tone).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * 25) * SAMPLES_PER_FRAME, np.float32)


def speak(motion, state, pcm, phones, sizes=(4,), segment=1, first=0, last=None):
    """Feed an utterance in chunks of the given sizes, over and over; `phones` may be a function of time."""
    frames, at, turn = [], first, 0
    end = len(pcm) // SAMPLES_PER_FRAME if last is None else last
    while at < end:
        to = min(at + sizes[turn % len(sizes)], end)
        known = phones(at / 25) if callable(phones) else phones
        chunk = SpeechChunk(
            pcm[at * SAMPLES_PER_FRAME : to * SAMPLES_PER_FRAME], Presence.SPEAKING,
            pcm[to * SAMPLES_PER_FRAME :], segment, at / 25, known,
        )  # fmt: skip
        made, state = motion.step(chunk, state)
        frames += made
        at, turn = to, turn + 1
    return frames, state


def rest(motion, state, presence, seconds, sizes=(4,)):
    frames, left, turn = [], round(seconds * 25), 0
    while left:
        n = min(sizes[turn % len(sizes)], left)
        made, state = motion.step(SpeechChunk(np.zeros(n * SAMPLES_PER_FRAME, np.float32), presence), state)
        frames += made
        left, turn = left - n, turn + 1
    return frames, state


def vectors(frames) -> np.ndarray:
    return np.array([frame.vector() for frame in frames])
