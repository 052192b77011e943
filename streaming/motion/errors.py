"""What can be wrong with a motion stream."""


class MotionStreamError(ValueError):
    """The bytes are no packet of this stream; the message says why."""


class MotionVersionError(MotionStreamError):
    """The packet is of another version of the stream; the message names both."""
