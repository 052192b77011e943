"""`LearnedPicture`: the warped portrait, completed by diffusion inside the face's window, frame by frame.

The sampler starts from the noised warp. Only the new frame is computed; what the window of frames would have
held comes from the memory of its temporal convolutions (paper section 3.2, streaming).
"""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from models.body.body import aside_deg
from models.controls.reference import Posed
from models.controls.window import Window
from models.motion.frame import EXPRESSION_INDEX, MotionFrame
from models.picture import Picture, Tier
from models.video.blend import blend, feather, trust
from models.video.calm import SMALL, Calm
from models.video.conditions import SIDE, observe
from models.video.runtime import Runtime, Sampler
from models.video.state import PictureMemory
from models.video.upscale import Upscaler, UpscaleWeights
from models.video.weights import PictureWeights
from models.warp import WarpPicture

COME: Final = 1 / 8
"""Share by which what is learned comes in, each frame, after a tier without it; so no picture jumps."""
GO: Final = 1 / 4
"""The same when it goes: the last of it fades over the warp."""


@dataclass(frozen=True, slots=True)
class LearnedState:
    """What is remembered of the frames before."""

    memory: PictureMemory
    added: Float32[np.ndarray, "side side 3"]
    """What was added last, NaN before the first."""
    finer: Float32[np.ndarray, "small small"]
    """Share of fine structure that went with it, by place."""
    share: float
    """How much of both is shown, 0..1."""


class LearnedPicture:
    """A `PictureStage` whose FULL tier is the learned picture, and whose others are the warp.

    Thread-safe: nothing is written after construction, sessions bring their own states.
    """

    def __init__(
        self,
        warp: WarpPicture,
        weights: PictureWeights,
        finer: UpscaleWeights | None,
        runtime: Runtime,
        sampler: Sampler | None = None,
    ) -> None:
        """Compile the networks for one avatar (about a second).

        Args:
            warp: the portrait.
            weights: of the network.
            finer: of the upscaler; None leaves what is added as fine as the network sees.
            runtime: see `models.video.runtime.find_runtime`.
            sampler: one step from the warp when left out.
        """
        sampler = sampler or Sampler()
        avatar = warp.reference.avatar
        self._warp, self._shape = warp, weights.shape
        self._window = Window.around_face(avatar.marks, avatar.side)
        self._edge = feather(self._window.span)
        self._calm = Calm.of(warp.reference, self._window, SIDE)
        self._program = runtime.picture(weights, self._window.look(avatar.reference, SIDE), sampler)
        self._finer = Upscaler(finer, self._window.span, runtime.upscaler) if finer else None

    @property
    def window(self) -> Window:
        """Where it looks."""
        return self._window

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._warp.size

    def init_state(self) -> LearnedState:
        """Return the state before the first frame: all of what is learned is shown at once."""
        unset = np.full((SIDE, SIDE, 3), np.nan, np.float32)
        return LearnedState(self._nothing_seen(), unset, unset[:SMALL, :SMALL, 0], 1.0)

    def step(self, motion: MotionFrame, state: LearnedState, tier: Tier) -> tuple[Picture, LearnedState]:
        """Return the portrait in this pose, completed when the tier is FULL."""
        reference = self._warp.reference
        posed = reference.pose(motion)
        picture, _ = self._warp.draw(posed)
        if tier == Tier.FULL:
            seen = observe(reference, posed, self._window, picture)
            made = self._program(seen.warp, seen.controls(), state.memory)
            left = self._calm(made.added, posed)
            added = left.added * self._trust(seen.semantic, posed)[..., None]
            state = LearnedState(made.memory, added, left.finer, min(1.0, state.share + COME))
        else:
            known = not np.isnan(state.added[0, 0, 0])
            state = replace(
                state, memory=self._nothing_seen(), share=max(0.0, state.share - GO) if known else 0.0
            )
        if state.share > 0:
            self._lay(picture, state)
        if self.size != reference.avatar.side:
            picture = cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return picture, state

    def _lay(self, picture: Picture, state: LearnedState) -> None:
        """Add what is learned to the warp, in place."""
        window = picture[self._window.box]
        warp = window.copy()
        blend(picture, state.added, self._window, self._edge, state.share)
        if self._finer:
            finer = cv2.resize(state.finer, (len(window),) * 2, interpolation=cv2.INTER_LINEAR)
            self._finer(warp, window, finer * self._edge[:, None] * (state.share * self._edge))

    def _trust(
        self, semantic: UInt8[np.ndarray, "small small"], posed: Posed
    ) -> Float32[np.ndarray, "side side"]:
        opening = float(posed.expression[EXPRESSION_INDEX["jawOpen"]])
        photo = self._warp.reference.avatar.fit.rotations
        return trust(semantic, opening, aside_deg(posed.rotations) - aside_deg(photo), SIDE)

    def _nothing_seen(self) -> PictureMemory:
        return PictureMemory.empty(self._shape, self._program.steps)
