"""`FullPicture`: the full model behind the seam of pictures. Offline, or for a machine with a strong GPU.

It waits for N frames before it makes any, so its pictures come `delay_frames` after they were asked for.
Whatever shows them must delay the sound as much; `engine.render` does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from models.avatar import Avatar
from models.controls.controls import render_controls
from models.controls.keypoints import draw_keypoints
from models.controls.reference import open_reference
from models.motion.frame import MotionFrame
from models.picture import Picture, Tier
from models.video.full.build import VideoModel
from models.video.full.window import Outpainter, WindowState
from models.video.planes import to_bytes, to_signed
from models.warp import WarpPicture


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
    made: tuple[tuple[int, Picture], ...] = ()
    """Pictures that are not shown yet, with the numbers of their frames."""


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

    def __init__(
        self, avatar: Avatar, cascade: Sequence[VideoModel], size: int = 512, seed: int = 0
    ) -> None:
        self._outpainter, self._seed, self._size = Outpainter(cascade), seed, size
        self._device = next(cascade[0].net.parameters()).device
        self._reference, self._warp = open_reference(avatar), WarpPicture(avatar, size)
        self._portrait = tuple(
            self._tensor(to_signed(_resized(avatar.reference, model.spec.side)).transpose(2, 0, 1))
            for model in cascade
        )

    @classmethod
    def load(cls, avatar: Avatar, weights: Sequence[Path], size: int = 512) -> "FullPicture":
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
        found = [picture for number, picture in state.made if number == shown]
        picture = found[0] if found else self._warped(motions[0])
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
        pictures = to_bytes(video[0].float().permute(0, 2, 3, 1).cpu().numpy())
        made = tuple((state.begun + number, self._fitted(each)) for number, each in enumerate(pictures))
        return replace(state, windows=windows, begun=state.begun + len(made), made=(*state.made, *made))

    def _rested(self, state: FullState) -> FullState:
        """Drop what the windows wait for; they will begin anew with the frame after this one."""
        fresh = self._outpainter.init_state(self._seed + state.frame + 1, self._portrait)
        return replace(state, windows=fresh, begun=state.frame + 1)

    def _planes(self, motion: MotionFrame) -> list[Float[Tensor, "1 1 channels side side"]]:
        made = []
        for model in self._outpainter.cascade:
            layout, side = model.spec.layout, model.spec.side
            controls = render_controls(self._reference, motion, side)
            wanted = "keypoints" in layout.names
            keypoints = draw_keypoints(self._reference, motion, side) if wanted else None
            made.append(self._tensor(layout.of(controls, keypoints))[None])
        return made

    def _warped(self, motion: MotionFrame) -> Picture:
        return self._warp.step(motion, self._warp.init_state(), Tier.WARP)[0]

    def _fitted(self, picture: Picture) -> Picture:
        return np.ascontiguousarray(_resized(picture, self._size))

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array))[None].to(self._device)


def _resized(picture: Picture, side: int) -> Picture:
    if picture.shape[0] == side:
        return picture
    smaller = side < picture.shape[0]
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
