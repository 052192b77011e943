"""`FullPicture`: the full model behind the seam of pictures, for rendering.

It waits for N frames before it makes any, so its pictures come `delay_frames` after they were asked for.
`engine.render` lays each beside its own sound again; a live session refuses such a stage.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from models.avatar import Avatar
from models.controls.controls import window_controls
from models.controls.keypoints import draw_keypoints
from models.controls.window import Window
from models.motion.frame import MotionFrame
from models.picture import Picture, Tier
from models.video.full.build import VideoModel
from models.video.full.window import Outpainter, WindowState
from models.video.planes import to_bytes, to_signed
from models.warp import WarpPicture

Drawn = UInt8[np.ndarray, "low low 3"]
"""A frame as the model drew it, at the model's size."""
EDGE: Final = 0.08
"""Share of the face's window over which it fades into the warped portrait."""


@dataclass(frozen=True, slots=True)
class FullState:
    """What one session's pictures remember."""

    windows: WindowState
    frame: int = 0
    """Frames asked for."""
    motions: tuple[MotionFrame, ...] = ()
    """Of the last `delay_frames` frames."""
    begun: int = 0
    """Number of the next frame that the windows will give."""
    made: tuple[tuple[int, Drawn], ...] = ()
    """What is not shown yet, with the numbers of its frames."""


class FullPicture:
    """A `PictureStage` of the full model. Holds weights and the portrait; state is passed in and returned.

    Args:
        avatar: the fitted portrait.
        cascade: the models, the base first.
        size: side of the pictures in pixels.
        seed: of the noise.

    Raises:
        ValueError: The models make no cascade.
    """

    def __init__(self, avatar: Avatar, cascade: Sequence[VideoModel], size: int = 512, seed: int = 0) -> None:
        self._outpainter, self._seed, self._size = Outpainter(cascade), seed, size
        self._device = next(cascade[0].net.parameters()).device
        self._warp = WarpPicture(avatar, avatar.side)
        whole = cascade[0].spec.framing == "picture"
        self._window = Window(0, 0, avatar.side) if whole else Window.around_face(avatar.marks, avatar.side)
        self._share = None if whole else fading(self._window.span)
        self._portrait = tuple(
            self._tensor(_planar(self._window.look(avatar.reference, model.spec.side))) for model in cascade
        )

    @classmethod
    def load(cls, avatar: Avatar, weights: Sequence[Path], size: int = 512) -> Self:
        """Read the models, onto the GPU where there is one. Raises `ValueError` as `VideoModel.load` does."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return cls(avatar, [VideoModel.load(path, device) for path in weights], size)

    @property
    def size(self) -> int:
        """Side of the square picture in pixels."""
        return self._size

    @property
    def delay_frames(self) -> int:
        """How many frames a picture comes after its motion: N - 1, which the first window must wait for."""
        return self._outpainter.window.frames - 1

    def init_state(self) -> FullState:
        """Return the state before the first frame."""
        return FullState(self._outpainter.init_state(self._seed, self._portrait))

    def step(self, motion: MotionFrame, state: FullState, tier: Tier) -> tuple[Picture, FullState]:
        """Return the picture of the motion of `delay_frames` ago; before there is one, that of the first.

        Where the model has made none, because the tier was WARP, it is the warped portrait.
        """
        motions = (*state.motions, motion)
        state = self._ahead(motion, state) if tier == Tier.FULL else self._rested(state)
        shown = state.frame - self.delay_frames
        found = [drawn for number, drawn in state.made if number == shown]
        picture = self._shown(motions[0], found[0] if found else None)
        return picture, replace(
            state,
            frame=state.frame + 1,
            motions=motions[-self.delay_frames :] if self.delay_frames else (),
            made=tuple(pair for pair in state.made if pair[0] > shown),
        )

    def _ahead(self, motion: MotionFrame, state: FullState) -> FullState:
        """Let the windows have one more frame."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            video, windows = self._outpainter.push(self._planes(motion), state.windows)
        drawn = np.ascontiguousarray(to_bytes(video[0].float().cpu().numpy()).transpose(0, 2, 3, 1))
        made = tuple(enumerate(drawn, state.begun))
        return replace(state, windows=windows, begun=state.begun + len(made), made=(*state.made, *made))

    def _rested(self, state: FullState) -> FullState:
        """Drop what the windows wait for; they will begin anew with the frame after this one."""
        fresh = self._outpainter.init_state(self._seed + state.frame + 1, self._portrait)
        return replace(state, windows=fresh, begun=state.frame + 1)

    def _planes(self, motion: MotionFrame) -> list[Float[Tensor, "1 1 channels side side"]]:
        reference = self._warp.reference
        posed, made = reference.pose(motion), []
        for model in self._outpainter.cascade:
            layout, side = model.spec.layout, model.spec.side
            controls = window_controls(reference, posed, self._window, side)
            wanted = "keypoints" in layout.names
            keypoints = draw_keypoints(reference, motion, self._window, side) if wanted else None
            made.append(self._tensor(layout.of(controls, keypoints))[None])
        return made

    def _shown(self, motion: MotionFrame, drawn: Drawn | None) -> Picture:
        """Return the whole picture: what was drawn, over the warped portrait where it is a part of it."""
        if drawn is not None and self._share is None:
            return _resized(drawn, self._size)
        picture, _ = self._warp.draw(self._warp.reference.pose(motion))
        if drawn is not None and self._share is not None:
            beneath = picture[self._window.box]
            over = _resized(drawn, self._window.span).astype(np.float32)
            beneath[:] = np.rint(beneath + self._share[..., None] * (over - beneath)).astype(np.uint8)
        return _resized(picture, self._size)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None].to(self._device)


def fading(span: int) -> Float32[np.ndarray, "span span"]:
    """Return how much of a window is laid over what is beneath: all of it inside, nothing at its border."""
    line = (np.arange(span, dtype=np.float32) + 0.5) / span
    ramp = np.clip(np.minimum(line, 1 - line) / EDGE, 0, 1)
    smooth = ramp * ramp * (3 - 2 * ramp)
    return smooth[:, None] * smooth


def _planar(picture: Picture) -> Float32[np.ndarray, "3 side side"]:
    return np.ascontiguousarray(to_signed(picture).transpose(2, 0, 1))


def _resized(picture: Picture, side: int) -> UInt8[np.ndarray, "side side 3"]:
    if picture.shape[0] == side:
        return picture
    smaller = side < picture.shape[0]
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
