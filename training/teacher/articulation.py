"""What lips, jaw and cheeks do for each sound: visemes in ARKit weights, and phones in visemes."""

from functools import cache
from typing import Any, Final

import numpy as np
from jaxtyping import Float32

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS
from models.speech.words import is_vowel

VISEMES: Final = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U",
)  # fmt: skip
"""The fifteen mouth shapes in OpenFaceFX's order (the convention of Oculus LipSync)."""

_SHAPES: Final[dict[str, dict[str, float]]] = {
    "sil": {},
    "PP": {"mouthPress": 0.40, "mouthRollLower": 0.22, "mouthRollUpper": 0.18},
    "FF": {"jawOpen": 0.05, "mouthRollLower": 0.42, "mouthShrugLower": 0.18, "mouthUpperUp": 0.20},
    "TH": {"jawOpen": 0.08, "mouthLowerDown": 0.10, "mouthUpperUp": 0.06},
    "DD": {"jawOpen": 0.08, "mouthLowerDown": 0.09, "mouthUpperUp": 0.05},
    "kk": {"jawOpen": 0.20, "mouthLowerDown": 0.12, "mouthUpperUp": 0.06},
    "CH": {"jawOpen": 0.06, "mouthFunnel": 0.22, "mouthPucker": 0.20},
    "SS": {"jawOpen": 0.09, "mouthStretch": 0.16, "mouthLowerDown": 0.34, "mouthUpperUp": 0.20},
    "nn": {"jawOpen": 0.08, "mouthLowerDown": 0.07, "mouthUpperUp": 0.04},
    "RR": {"jawOpen": 0.07, "mouthFunnel": 0.14, "mouthPucker": 0.25},
    "aa": {"jawOpen": 0.55, "mouthLowerDown": 0.22, "mouthUpperUp": 0.12},
    "E": {
        "jawOpen": 0.44,
        "mouthStretch": 0.14,
        "mouthLowerDown": 0.24,
        "mouthUpperUp": 0.14,
        "mouthSmile": 0.06,
    },
    "I": {
        "jawOpen": 0.21,
        "mouthStretch": 0.24,
        "mouthLowerDown": 0.20,
        "mouthUpperUp": 0.12,
        "mouthSmile": 0.16,
    },
    "O": {"jawOpen": 0.22, "mouthFunnel": 0.22, "mouthPucker": 0.22},
    "U": {"jawOpen": 0.05, "mouthFunnel": 0.14, "mouthPucker": 0.58},
}
"""Weights at full articulation; a name without side stands for both. Speech peaks at 0.3–0.6 jaw, as
MediaPipe tracks on people who talk; how far tongue sounds, rounded lips, `E` and hiss part the lips beside an
open vowel is fitted to tracked lips (`training.teacher.calibrate`). The tongue stays in: none shows."""

_PHONES: Final[dict[str, dict[str, float]]] = {
    "P": {"PP": 1.0}, "B": {"PP": 1.0}, "M": {"PP": 1.0},
    "F": {"FF": 1.0}, "V": {"FF": 0.9},
    "TH": {"TH": 1.0}, "DH": {"TH": 0.9},
    "T": {"DD": 1.0}, "D": {"DD": 1.0}, "L": {"DD": 1.0}, "N": {"nn": 1.0}, "NG": {"nn": 1.0},
    "K": {"kk": 1.0}, "G": {"kk": 1.0}, "HH": {"kk": 0.8, "E": 0.2},
    "CH": {"CH": 1.0}, "JH": {"CH": 1.0}, "SH": {"CH": 1.0}, "ZH": {"CH": 1.0},
    "S": {"SS": 1.0}, "Z": {"SS": 1.0},
    "R": {"RR": 1.0}, "ER": {"RR": 0.8, "E": 0.2}, "W": {"U": 1.0}, "Y": {"I": 1.0},
    "AA": {"aa": 1.0}, "AE": {"aa": 0.75, "E": 0.25}, "AH": {"aa": 0.7, "E": 0.2},
    "AX": {"E": 0.55, "kk": 0.3},
    "AO": {"O": 0.85, "aa": 0.15}, "EH": {"E": 1.0}, "IH": {"E": 0.5, "I": 0.4}, "IY": {"I": 1.0},
    "UH": {"U": 0.5, "E": 0.3}, "UW": {"U": 1.0},
    "AY": {"aa": 1.0}, "AW": {"aa": 0.6, "O": 0.4}, "EY": {"E": 1.0}, "OW": {"O": 1.0}, "OY": {"O": 1.0},
    "sil": {"sil": 1.0},
}  # fmt: skip
"""ARPAbet → visemes; what is missing to 1 stays neutral. `AX` is the unstressed `AH`, which hardly opens."""
UNDERSHOOT: Final = 0.7
"""Share of its shape that a short vowel reaches; as `AA0`, `AE0`, … in the mapping."""

_CLASSES: Final = {
    "sil": "basic", "PP": "lips", "FF": "lips", "aa": "jaw", "E": "jaw", "I": "jaw", "O": "jaw", "U": "jaw",
}  # fmt: skip


@cache
def viseme_weights() -> Float32[np.ndarray, "15 52"]:
    """Return the ARKit weights of each viseme, in the order of `VISEMES` and `EXPRESSIONS`."""
    table = np.zeros((len(VISEMES), len(EXPRESSIONS)), np.float32)
    for row, viseme in enumerate(VISEMES):
        for shape, weight in _SHAPES[viseme].items():
            for name in (shape, f"{shape}Left", f"{shape}Right"):
                if name in EXPRESSION_INDEX:
                    table[row, EXPRESSION_INDEX[name]] = weight
    table.setflags(write=False)
    return table


@cache
def phone_mapping() -> Any:
    """Return `_PHONES` as an `openfacefx.mapping.Mapping`; tongue sounds leave the lips alone (JALI)."""
    from openfacefx.mapping import Mapping, Target

    targets = [Target(name, _CLASSES.get(name, "tongue")) for name in VISEMES]
    short = {
        f"{phone}0": {viseme: UNDERSHOOT * weight for viseme, weight in shape.items()}
        for phone, shape in _PHONES.items()
        if is_vowel(phone)
    }
    return Mapping(targets, _PHONES | short, allow_custom_symbols=True)
