"""How often a pause within a sentence is taken for the end of a turn, and an end for a pause.

Run with `visavis bench turn_end --json`. Sentences that the configured voice speaks are heard whole,
and cut off after a third, two thirds and all but one of their words; recordings (a folder of wav or
flac files, each of whole sentences) are heard whole, and cut at their pauses. The configured recogniser
writes down what it heard, and `agent.turn_end` judges it.

    whole    share taken for complete: these are answered soon
    cut      share taken for complete: these would be interrupted, if the pause were long enough
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile
import soxr
from jaxtyping import Float32

from agent.asr import Asr, WhisperAsr
from agent.config import Config, load_config
from agent.piper_voice import PiperVoice
from agent.turn_end import WordsTurnEnd
from agent.voice import Voice
from agent.words import Words
from models.motion.stage import SPEECH_RATE_HZ

SENTENCES: Final = (
    "Could you please tell me what the weather will be like tomorrow?",
    "I would like to know more about the history of this town.",
    "My sister lives in a small house near the sea.",
    "What is the best way to learn a new language?",
    "I think we should leave early because the traffic is terrible.",
    "Can you recommend a good book about space travel?",
    "Yesterday I went to the market and bought some apples.",
    "Do you know where I can find a cheap hotel?",
    "The last time we met you told me about your family.",
    "I am not sure whether I should take the train or the bus.",
)
SILENCE: Final = np.zeros(SPEECH_RATE_HZ // 10, np.float32)
"""What `agent.hearing` keeps after the last word."""
LONGEST: Final = 20 * SPEECH_RATE_HZ
PAUSE_STEPS: Final = 10
"""Steps of 20 ms that make a pause."""
QUIET: Final = 0.12
"""Part of a recording's root mean square below which a step is quiet."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that was said, up to a pause."""

    source: str
    whole: bool
    pcm: Float32[np.ndarray, "samples"]


async def spoken(voice: Voice) -> AsyncIterator[Heard]:
    """Yield the sentences, whole and cut."""
    for sentence in SENTENCES:
        pieces = [piece async for piece in voice.speak(sentence)]
        sound = np.concatenate([piece.pcm for piece in pieces]) / 32768
        pcm = soxr.resample(sound, pieces[0].sample_rate_hz, SPEECH_RATE_HZ).astype(np.float32)
        yield Heard("voice", True, pcm)
        words = pieces[0].words
        for count in sorted({len(words) // 3, 2 * len(words) // 3, len(words) - 1}):
            yield Heard("voice", False, pcm[: round(words[count - 1].end_s * SPEECH_RATE_HZ)])


def recorded(folder: Path) -> Iterator[Heard]:
    """Yield the recordings of a folder, whole and cut at their pauses."""
    for path in sorted([*folder.glob("*.wav"), *folder.glob("*.flac")]):
        yield from recording(path)


def recording(path: Path) -> Iterator[Heard]:
    """Yield one recording, whole and cut at its pauses."""
    sound, rate_hz = soundfile.read(path, dtype="float32")
    pcm = soxr.resample(sound, rate_hz, SPEECH_RATE_HZ).astype(np.float32)
    yield Heard("recordings", True, pcm)
    for pause in pauses(pcm):
        yield Heard("recordings", False, pcm[:pause])


def pauses(pcm: Float32[np.ndarray, "samples"]) -> list[int]:
    """Return where pauses of at least 200 ms begin, away from both ends."""
    step = SPEECH_RATE_HZ // 50
    level = np.sqrt(np.mean(pcm[: len(pcm) // step * step].reshape(-1, step) ** 2, axis=1))
    quiet = np.concatenate([[False], level < QUIET * np.sqrt(np.mean(pcm**2)), [False]])
    begins, ends = np.flatnonzero(quiet[1:] & ~quiet[:-1]), np.flatnonzero(~quiet[1:] & quiet[:-1])
    long = begins[ends - begins >= PAUSE_STEPS] * step
    return [int(at) for at in long if SPEECH_RATE_HZ <= at <= len(pcm) - SPEECH_RATE_HZ]


async def judged(heard: Heard, asr: Asr, turn_end: WordsTurnEnd) -> str:
    """Return how complete what was heard seems."""
    text = (await asr.transcribe(np.concatenate([heard.pcm[-LONGEST:], SILENCE]))).text
    return turn_end.completeness(text).value


async def measure(config: Config, folder: Path | None) -> dict[str, Any]:
    """Return for each source how whole and cut ones were judged, as counts."""
    turn_end = WordsTurnEnd(Words(config.words), config.turn_end)
    counts: dict[str, dict[str, dict[str, int]]] = {}
    async with aclosing(PiperVoice(config.voice)) as voice, aclosing(WhisperAsr(config.asr)) as asr:
        heard = [item async for item in spoken(voice)] + (list(recorded(folder)) if folder else [])
        for item in heard:
            kind = counts.setdefault(item.source, {}).setdefault("whole" if item.whole else "cut", {})
            verdict = await judged(item, asr, turn_end)
            kind[verdict] = kind.get(verdict, 0) + 1
    shares = {
        source: {k: round(v.get("complete", 0) / sum(v.values()), 2) for k, v in kinds.items()}
        for source, kinds in counts.items()
    }
    return {"benchmark": "turn_end", "taken_for_complete": shares, "counts": counts}


def main(argv: list[str] | None = None) -> None:
    """Measure, and print one JSON line."""
    parser = argparse.ArgumentParser(prog="visavis bench turn_end", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true", help="print one JSON line (it always does)")
    parser.add_argument("--config", default="default", help="preset, or path of a YAML file")
    parser.add_argument("--recordings", type=Path, help="folder of wav or flac files")
    arguments = parser.parse_args(argv)
    print(json.dumps(asyncio.run(measure(load_config(arguments.config), arguments.recordings))))


if __name__ == "__main__":
    main()
