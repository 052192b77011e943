"""Who made an avatar, and who may lend it their face: by a key, of which the card keeps a hash."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

_PURPOSE: Final = b"visavis avatar key 1\0"


@dataclass(frozen=True, slots=True)
class Ownership:
    """What an avatar's card says of this. Without a key nobody may drive it, unless it is open."""

    made_by: str = ""
    """In their own words; empty where nobody said."""
    key_sha256: str = ""
    """Hash of the key; empty where there is none."""
    is_open: bool = False
    """Whether anybody may drive it: a face that is nobody's, such as the default avatar."""

    @classmethod
    def of(cls, card: Mapping[str, Any]) -> Self:
        """Read an avatar's card. Cards of earlier versions have no key, and are not open."""
        return cls(
            str(card.get("made_by", "")), str(card.get("key_sha256", "")), bool(card.get("open", False))
        )

    def card(self) -> dict[str, Any]:
        """Return what stands in the card."""
        return {"made_by": self.made_by, "key_sha256": self.key_sha256, "open": self.is_open}

    def lets(self, key: str) -> bool:
        """Tell whether who has this key may drive the avatar."""
        return self.is_open or (
            bool(self.key_sha256) and secrets.compare_digest(key_hash(key), self.key_sha256)
        )


NOBODYS: Final = Ownership()
"""Nobody said who made it, and nobody may drive it."""
OPEN: Final = Ownership(is_open=True)
"""A face that is nobody's in particular, such as the default avatar's."""


def new_key() -> str:
    """Return a key that nobody can guess: 128 bits, in letters that a link can hold."""
    return secrets.token_urlsafe(16)


def key_hash(key: str) -> str:
    """Return what a card keeps of a key. Keys are random, so a plain hash is enough."""
    return hashlib.sha256(_PURPOSE + key.strip().encode()).hexdigest()
