"""The seam between a camera and motion: `Tracker`, MediaPipe behind it, and its fake."""

from types import TracebackType
from typing import Final, Protocol, Self

import numpy as np
from jaxtyping import UInt8

from models.motion.frame import EXPRESSION_INDEX, EXPRESSIONS
from models.portrait.face import LANDMARKS, Face, open_landmarker, read_faces

CameraPicture = UInt8[np.ndarray, "height width 3"]


class Tracker(Protocol):
    """Pictures of one person in, what is seen of the face out. A context manager."""

    def see(self, picture: CameraPicture, time_ms: int) -> Face | None:
        """Return the face in an RGB picture, None where there is none.

        Raises:
            ValueError: `time_ms` is not later than that of the picture before.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class FaceTracker:
    """`Tracker` by MediaPipe's face landmarker, which follows a face from one picture to the next."""

    def __init__(self) -> None:
        self._landmarker = open_landmarker(video=True, faces=1)

    def see(self, picture: CameraPicture, time_ms: int) -> Face | None:
        """Return the face; see `Tracker`. Takes about ten milliseconds."""
        import mediapipe as mp

        # The landmarker misreads pictures whose rows are not packed.
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        result = self._landmarker.detect_for_video(image, time_ms)
        faces = read_faces(result, picture.shape[1], picture.shape[0])
        return faces[0] if faces else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the model."""
        self._landmarker.close()


class FakeTracker:
    """Fake `Tracker`: a face wherever a picture is not dark, its jaw open by how bright it is."""

    DARK: Final = 8.0
    """Mean grey level below which nobody is seen."""

    def __init__(self) -> None:
        self._last_ms = -1

    def see(self, picture: CameraPicture, time_ms: int) -> Face | None:
        """Return a face that looks straight ahead; see `Tracker`."""
        if time_ms <= self._last_ms:
            raise ValueError(f"pictures come in the order of time: {time_ms} ms after {self._last_ms} ms")
        self._last_ms = time_ms
        grey = float(picture.mean())
        if grey < self.DARK:
            return None
        expression = np.zeros(len(EXPRESSIONS), np.float32)
        expression[EXPRESSION_INDEX["jawOpen"]] = grey / 255
        return Face(np.zeros((LANDMARKS, 3), np.float32), expression, np.eye(3, dtype=np.float32))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...
