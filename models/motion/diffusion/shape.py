"""`NetShape`: the sizes of the motion network, and what its inputs mean. Written beside the weights."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, Self

from models.audio import COLUMNS_PER_FRAME
from models.motion.frame import EXPRESSIONS, JOINT_INDEX, MOTION_SIZE
from models.motion.phones import PHONES
from models.motion.stage import Presence
from models.motion.style import STYLE_SIZE

MOUTH: Final = tuple(
    i for i, name in enumerate(EXPRESSIONS) if name.startswith(("jaw", "mouth", "cheekPuff", "tongue"))
)
"""Channels that sound decides. Their past is noised apart from the rest: see `NetShape`."""
EYES: Final = tuple(i for i, name in enumerate(EXPRESSIONS) if name.startswith(("eyeBlink", "eyeLook")))
"""Channels of lids and gaze."""
CARRY: Final = 10.0
"""Unit of the network's `carry`: makes it learn as fast as it must among weights of size 0.1."""
LIDS: Final = tuple(i for i, name in enumerate(EXPRESSIONS) if name.startswith("eyeBlink"))
TRUNK: Final = tuple(range(len(EXPRESSIONS), len(EXPRESSIONS) + 3 * (JOINT_INDEX["head"] + 1)))
"""Channels of spine, chest, neck and head."""
PRESENCES: Final = tuple(Presence)
METADATA: Final = "visavis"


@dataclass(frozen=True, slots=True)
class NetShape:
    """Sizes. The paper gives four attention layers and no more; the rest is ours (docs/motion.md)."""

    width: int = 256
    layers: int = 4
    heads: int = 4
    window_frames: int = 75
    """How far back attention reaches in each layer: 3 s."""
    past_frames: int = 3
    ahead_frames: int = 5
    """Frames of sound before and after a frame that its condition hears; 5 are 200 ms."""
    column_size: int = 64
    """Features of one 10 ms column of sound and phone."""
    hidden: int = 384
    """Of the audio MLP."""
    motion_size: int = MOTION_SIZE
    phones: int = len(PHONES) + 1
    """Phones that can be named, and 0 for none known."""
    presences: int = len(PRESENCES)
    style_size: int = STYLE_SIZE

    def __post_init__(self) -> None:
        if self.width % self.heads or self.width // self.heads % 2:
            raise ValueError(f"width {self.width} does not split into {self.heads} heads of even size")

    @property
    def window_columns(self) -> int:
        """Columns of sound that one frame's condition hears."""
        return COLUMNS_PER_FRAME * (self.past_frames + 1 + self.ahead_frames)

    def metadata(self) -> dict[str, str]:
        """Return what is written into the weights' header."""
        return {METADATA: json.dumps(asdict(self), sort_keys=True)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None) -> Self:
        """Read what `metadata` wrote.

        Raises:
            ValueError: The file holds no motion network, or one for other inputs than this version has.
        """
        if not metadata or METADATA not in metadata:
            raise ValueError("the file holds no motion network of visavis")
        shape = cls(**json.loads(metadata[METADATA]))
        now = cls()
        for name in ("motion_size", "phones", "presences", "style_size"):
            if getattr(shape, name) != getattr(now, name):
                raise ValueError(
                    f"the motion network was trained with {name}={getattr(shape, name)}, "
                    f"this version has {getattr(now, name)}: train it again"
                )
        return shape
