"""Sounds for the ear, all at 16 kHz in -1..1: what a room makes of a voice, and what nobody says."""

import numpy as np
import onnxruntime
import soxr

from agent.piper_voice import PiperConfig, PiperVoice

RATE = 16_000


async def spoken(*texts, pitch=1.0):
    """Say texts with the real voice, without silence around; another pitch is another talker, and faster.

    The same sound each time: the voice draws its noise anew otherwise.
    """
    onnxruntime.set_seed(1)
    voice = PiperVoice(PiperConfig(threads=1))
    try:
        pieces = [piece for text in texts async for piece in _pieces(voice, text)]
    finally:
        await voice.aclose()
    pcm = np.concatenate([piece.pcm for piece in pieces]) / 32768
    sound = soxr.resample(pcm, pieces[0].sample_rate_hz * pitch, RATE).astype(np.float32)
    loud = np.flatnonzero(np.abs(sound) > 0.02)
    sound = sound[loud[0] : loud[-1] + 1]
    return (0.1 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


async def _pieces(voice, text):
    async for piece in voice.speak(text):
        yield piece


def echo(played, *, delay_ms, db, seed=0):
    """Return what a microphone hears of it across a room that reverberates for 0.3 s, with a faint noise.

    Direct sound and reverberation are equally strong, which is two metres from the loudspeaker.
    """
    random = np.random.default_rng(seed)
    tail = random.normal(0, 1, round(0.3 * RATE)) * 10 ** (-3 * np.linspace(0, 1, round(0.3 * RATE)))
    way = tail / np.sqrt((tail**2).sum())
    way[0] = 1.0
    late = np.concatenate([np.zeros(delay_ms * RATE // 1000), played])
    heard = np.convolve(late, way)[: len(played)] * 10 ** (db / 20) / np.sqrt(2)
    return (heard + random.normal(0, 5e-4, len(heard))).astype(np.float32)


def keyboard(seconds=4.0, seed=1):
    """Return keys being struck: bursts of 8 ms, down and up, seven a second."""
    random = np.random.default_rng(seed)
    sound = random.normal(0, 5e-4, round(seconds * RATE))
    at_s = 0.1
    while at_s < seconds - 0.3:
        for start_s, strength in ((at_s, 0.4), (at_s + random.uniform(0.06, 0.1), 0.15)):
            t = np.arange(128) / RATE
            ring = np.sin(2 * np.pi * random.uniform(1000, 4000) * t) + random.normal(0, 1, 128)
            at = round(start_s * RATE)
            sound[at : at + 128] += strength * 0.5 * ring * np.exp(-t / 0.002)
        at_s += random.uniform(0.08, 0.2)
    return sound.astype(np.float32)


def music(seconds=4.0, seed=2):
    """Return chords that are struck twice a second and fade."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(t))
    for beat in np.arange(0, seconds, 0.5):
        root_hz = 220 * 2 ** (random.choice([0, 2, 5, 7]) / 12)
        fading = np.where(t >= beat, np.exp(-np.maximum(t - beat, 0) / 0.4), 0.0)
        for step in (0, 4, 7):
            for overtone in (1, 2, 3):
                hz = root_hz * 2 ** (step / 12) * overtone
                sound += fading * np.sin(2 * np.pi * hz * (t - beat)) / overtone**1.5
    return (0.05 * sound / np.sqrt(np.mean(sound**2))).astype(np.float32)


def cough(times=2, seed=3):
    """Return coughs: a burst of 40 ms, breath of 150 ms through an open throat, silence between them."""
    random = np.random.default_rng(seed)
    one = np.zeros(round(0.5 * RATE))
    for start_s, length_s, strength, fall_s in ((0.0, 0.06, 1.0, 0.015), (0.05, 0.2, 0.35, 0.07)):
        t = np.arange(round(length_s * RATE)) / RATE
        spectrum = np.fft.rfft(random.normal(0, 1, len(t)))
        hz = np.fft.rfftfreq(len(t), 1 / RATE)
        throat = sum(
            np.exp(-(((hz - centre) / width) ** 2))
            for centre, width in ((600, 300), (1500, 500), (3000, 900))
        )
        breath = np.fft.irfft(spectrum * throat, len(t)) * np.exp(-t / fall_s)
        at = round(start_s * RATE)
        one[at : at + len(t)] += strength * breath / np.abs(breath).max()
    sound = np.concatenate([np.zeros(RATE // 2), *[0.4 * one] * times])
    return (sound + random.normal(0, 5e-4, len(sound))).astype(np.float32)
