"""MediaPipe's landmarks that the metrics look at.

Numbers: https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/python/solutions/face_mesh_connections.py
"""

from typing import Final

INNER_UPPER, INNER_LOWER, FOREHEAD, CHIN = 13, 14, 10, 152
"""The middle of the inner lips, and the ends of the face."""
BRIDGE, NOSE_BASE = 168, 2
"""Between the eyes, and where the nose meets the upper lip: the part of the face no jaw moves."""
IRIS: Final = ((469, 471), (474, 476))
"""The two sides of each iris."""
IRIS_MM: Final = 11.7
"""Diameter of a human iris, nearly the same in every adult: what tells the size of a tracked face."""
LIPS: Final = [
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
]  # fmt: skip
"""Outer lips, then inner lips."""
FIRM: Final = [10, 6, 168, 197, 33, 133, 362, 263, 109, 338, 127, 356]
"""Brow, bridge of the nose, corners of the eyes, temples: what no speech moves."""
