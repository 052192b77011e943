"""What the documentation shows of Pipecat runs, and Pipecat is still the one it was written for."""

import dataclasses
import importlib
import inspect
from importlib.metadata import version
from types import SimpleNamespace

import pytest
from pipecat.frames import frames
from pipecat.frames.frames import BotStoppedSpeakingFrame, InputTextRawFrame, TTSStoppedFrame
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.ai_service import AIService

from tests.house.snippets import snippet
from tests.plugins.faces import running
from tests.plugins.pipelines import Loudspeaker, playing
from tests.plugins.sounds import sounding_s

CHANGED = "Pipecat changed its contract: read docs/integrate.md#pipecat, then pipecat_visavis, then this test"


async def heard_of(pipeline, speaker):
    face = next(p for p in pipeline.processors if type(p).__name__ == "VisavisVideoService")
    async with playing(pipeline, face, speaker) as it:
        await it.queue(InputTextRawFrame(text="you said hello"))
        await it.until_passed(TTSStoppedFrame)
        await it.until_passed(BotStoppedSpeakingFrame, source=speaker)
    return it


async def test_the_example_answers_with_a_face():
    example = importlib.import_module("examples.pipecat_bot")
    speaker = Loudspeaker()
    async with running() as (url, _):
        it = await heard_of(example.with_a_face(url, speaker), speaker)
    assert sounding_s(it.speaker.sound()) == pytest.approx(0.75, abs=0.1), "three words of a quarter second"
    assert any((picture < 100).any() for _, picture in it.speaker.seen)


async def test_the_snippet_runs():
    example = importlib.import_module("examples.pipecat_bot")
    speaker = Loudspeaker()
    transport = SimpleNamespace(input=PassThrough, output=lambda: speaker)
    async with running() as (url, _):
        pipeline = snippet("pipecat_face.py")["with_a_face"](
            PassThrough(), PassThrough(), example.EchoHum(), transport, url
        )
        it = await heard_of(pipeline, speaker)
    assert sounding_s(it.speaker.sound()) == pytest.approx(0.75, abs=0.1)


class PassThrough(FrameProcessor):
    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


def test_the_tested_version_is_installed():
    assert version("pipecat-ai").startswith("1.14."), CHANGED


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("OutputImageRawFrame", {"image", "size", "format", "sync_with_audio", "interruptible"}),
        ("TTSAudioRawFrame", {"audio", "sample_rate", "num_channels", "context_id"}),
        ("TTSStartedFrame", {"context_id"}),
        ("TTSStoppedFrame", {"context_id"}),
        ("InterruptionFrame", {"interruptible"}),
        ("OutputTransportReadyFrame", set()),
        ("ErrorFrame", {"error"}),
    ],
)
def test_frames_have_what_the_service_uses(name, fields):
    assert fields <= {field.name for field in dataclasses.fields(getattr(frames, name))}, CHANGED


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("start", ["self", "frame"]),
        ("stop", ["self", "frame"]),
        ("cancel", ["self", "frame"]),
        ("cleanup", ["self"]),
        ("process_frame", ["self", "frame", "direction"]),
        ("push_frame", ["self", "frame", "direction"]),
    ],
)
def test_services_are_called_as_before(method, parameters):
    assert list(inspect.signature(getattr(AIService, method)).parameters) == parameters, CHANGED


def test_errors_are_pushed_as_before():
    assert list(inspect.signature(AIService.push_error).parameters)[:3] == ["self", "error_msg", "exception"]
