"""Temporal outpainting (paper section 3.2): first N frames, then N' at a time on the N - N' before them.

`Outpainter` takes controls frame by frame and gives pictures window by window. Where windows begin depends on
the count of frames alone, so chunks of any size make the same video.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from models.video.full.build import VideoModel
from models.video.full.clip import draw_clip, sharpen_clip
from models.video.full.control import Features
from models.video.full.samplers import Noise

Video = Float[Tensor, "batch made 3 height width"]


@dataclass(frozen=True, slots=True)
class WindowState:
    """Everything one video remembers. Tuples have an entry for each model of the cascade, the base first."""

    seed: int
    reference: tuple[Float[Tensor, "batch 3 _ _"], ...]
    """In -1..1, at each model's size."""
    given: tuple[Float[Tensor, "batch given _ _ _"], ...]
    """The last frames made, as each network knows them; NaN before the first window."""
    waiting: tuple[Features, ...] = ()
    """What the controls say of frames that no window has left behind yet; none before the first frame."""
    windows: int = 0
    """Windows made."""

    @property
    def frames_waiting(self) -> int:
        """Number of frames in `waiting`."""
        return self.waiting[0][0].shape[1] if self.waiting else 0


class Outpainter:
    """Controls in, video out, for any number of frames. Holds weights only; state is passed in and returned.

    Args:
        cascade: the base model, then those that sharpen what the one before made.

    Raises:
        ValueError: The models do not fit one another, or their windows differ.
    """

    def __init__(self, cascade: Sequence[VideoModel]) -> None:
        _check(cascade)
        self.cascade = tuple(cascade)
        self.window = cascade[0].spec.window
        self._untold = tuple(_untold(model) for model in cascade)

    @property
    def side(self) -> int:
        """Side of the pictures in pixels."""
        return self.cascade[-1].spec.side

    def init_state(self, seed: int, reference: Sequence[Float[Tensor, "batch 3 _ _"]]) -> WindowState:
        """Begin a video.

        Args:
            seed: another seed, another video of the same controls.
            reference: the portraits in -1..1, one batch at each model's size.
        """
        given = self.window.given_frames
        unset = tuple(
            torch.full_like(model.codec.encode(picture[:, None]), torch.nan).expand(-1, given, -1, -1, -1)
            for model, picture in zip(self.cascade, reference, strict=True)
        )
        return WindowState(seed, tuple(reference), unset)

    @torch.no_grad()
    def push(
        self, planes: Sequence[Float[Tensor, "batch frames _ _ _"]], state: WindowState
    ) -> tuple[Video, WindowState]:
        """Take the controls of some frames, at each model's size; return the frames that are done by them."""
        told = tuple(
            model.net.control(part, picture)
            for model, part, picture in zip(self.cascade, planes, state.reference, strict=True)
        )
        waiting = tuple(map(_joined, state.waiting, told)) if state.waiting else told
        state, made = replace(state, waiting=waiting), [self._nothing(state)]
        while state.frames_waiting >= self.window.frames:
            video, state = self._next(state)
            made.append(video)
        return torch.cat(made, dim=1), state

    @torch.no_grad()
    def flush(self, state: WindowState) -> tuple[Video, WindowState]:
        """Return the frames that no window had been full for, as if the last one went on and on."""
        lacking = self.window.frames - state.frames_waiting
        left = state.frames_waiting - (self.window.given_frames if state.windows else 0)
        if left <= 0:
            return self._nothing(state), state
        longer = tuple(_joined(told, _cut(told, slice(-1, None), lacking)) for told in state.waiting)
        video, state = self._next(replace(state, waiting=longer))
        return video[:, :left], replace(state, waiting=())

    def _next(self, state: WindowState) -> tuple[Video, WindowState]:
        """Draw one window; return its new frames."""
        clips: list[Tensor] = []
        video = self._nothing(state)
        for level, (model, told) in enumerate(zip(self.cascade, state.waiting, strict=True)):
            window = _cut(told, slice(0, self.window.frames))
            given = state.given[level] if state.windows else state.given[level][:, :0]
            noise = self._noise(state, level)
            untold = self._untold[level]
            if level == 0:
                clips.append(draw_clip(model, window, untold, given, noise))
            else:
                clips.append(sharpen_clip(model, video, window, untold, given, noise))
            video = model.codec.decode(clips[-1])
        begin = self.window.given_frames if state.windows else 0
        left = tuple(_cut(told, slice(self.window.new_frames, None)) for told in state.waiting)
        given = tuple(clip[:, self.window.new_frames :] for clip in clips)
        return video[:, begin:], replace(state, waiting=left, given=given, windows=state.windows + 1)

    def _noise(self, state: WindowState, level: int) -> Noise:
        """Return the noises of one window of one model; the same on every device."""
        like = state.given[level]
        size = (like.shape[0], self.window.frames, *like.shape[2:])

        def noise(number: int) -> Tensor:
            words = np.random.SeedSequence([state.seed, state.windows, level, number]).generate_state(2)
            random = torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
            return torch.randn(size, generator=random).to(like.device)

        return noise

    def _nothing(self, state: WindowState) -> Video:
        last = state.reference[-1]
        return last.new_zeros(len(last), 0, 3, self.side, self.side)


def _untold(model: VideoModel) -> Features:
    """Return what the control encoder says of one frame it is told nothing of."""
    spec, some = model.spec, next(model.net.parameters())
    with torch.no_grad():
        return model.net.control(
            some.new_zeros(1, 1, spec.layout.channels, spec.side, spec.side),
            some.new_zeros(1, 3, spec.side, spec.side),
        )


def _joined(first: Features, second: Features) -> Features:
    return tuple(torch.cat(pair, dim=1) for pair in zip(first, second, strict=True))


def _cut(told: Features, frames: slice, times: int = 1) -> Features:
    return tuple(part[:, frames].repeat(1, times, 1, 1, 1) for part in told)


def _check(cascade: Sequence[VideoModel]) -> None:
    if not cascade:
        raise ValueError("a cascade has at least a base model")
    sides = [model.spec.side for model in cascade]
    lows = [model.spec.low_side for model in cascade]
    if lows != [None, *sides[:-1]]:
        raise ValueError(f"models of {sides} px that sharpen {lows} px make no cascade")
    if len({(model.spec.window, model.spec.framing) for model in cascade}) > 1:
        raise ValueError("the models of a cascade must have the same window and the same framing")
