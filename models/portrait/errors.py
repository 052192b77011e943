"""Why a photo cannot become an avatar.

PortraitError
├── UnreadablePhotoError   not a picture, broken, or too large to open
├── NoFaceError            nobody to be seen
├── SeveralFacesError      more than one person could be meant
├── TooSmallError          too few pixels on the face
├── TurnedAwayError        the face is seen too much from the side, from above or from below
└── PoorFitError           the body model does not follow this face
"""


class PortraitError(ValueError):
    """The photo cannot become an avatar; the message says why and what would help."""


class UnreadablePhotoError(PortraitError):
    """The bytes are no picture that can be opened."""


class NoFaceError(PortraitError):
    """No face was found."""


class SeveralFacesError(PortraitError):
    """More than one face of similar size was found."""


class TooSmallError(PortraitError):
    """The face has too few pixels."""


class TurnedAwayError(PortraitError):
    """The face is turned too far from the camera."""


class PoorFitError(PortraitError):
    """The body model could not be brought onto the face."""
