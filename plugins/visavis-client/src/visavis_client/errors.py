"""Error tree: `AvatarError`, and below it `AvatarRefusedError` and `AvatarGoneError`."""


class AvatarError(Exception):
    """Something about the avatar went wrong."""


class AvatarRefusedError(AvatarError):
    """visavis is there and lends no avatar. `code`: no_avatar, full, token, bad_message, broken."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AvatarGoneError(AvatarError):
    """visavis is not there, or the connection broke."""
