"""Keys from end to end: what the two ends of a call say is sealed, and the broker between them reads nothing.

AES-256-GCM. Each end seals with a key of its own for each session, made by HKDF (RFC 5869) from the call's
secret, its name and eight random bytes that travel with every packet. The number of the packet is the nonce,
so that none is used twice; by it, what was recorded and is played again is refused too. The kind of a message
is bound to it. Layout: session 8, number 4, sealed bytes, tag 16.
"""

import secrets
from collections import OrderedDict
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET_BYTES: Final = 32
SESSION_BYTES: Final = 8
NUMBER_BYTES: Final = 4
OVERHEAD_BYTES: Final = SESSION_BYTES + NUMBER_BYTES + 16
WINDOW: Final = 128
"""Numbers that may come late; earlier ones are refused."""
SESSIONS_MAX: Final = 4
"""Sessions of the other end that are remembered: it may have come back."""


class SealError(Exception):
    """The bytes were not sealed for this call by the other end, or came before; the message says which."""


def _key(secret: bytes, call: str, name: str, session: bytes) -> AESGCM:
    info = b"visavis call 1\0" + call.encode() + b"\0" + name.encode()
    return AESGCM(HKDF(SHA256(), 32, salt=session, info=info).derive(secret))


def _nonce(number: bytes) -> bytes:
    return bytes(12 - NUMBER_BYTES) + number


class Sealer:
    """Seals what one end says in one session."""

    def __init__(self, secret: bytes, call: str, name: str) -> None:
        self._session = secrets.token_bytes(SESSION_BYTES)
        self._key = _key(secret, call, name, self._session)
        self._number = 0

    def seal(self, kind: str, data: bytes) -> bytes:
        """Return `data` sealed. Raises `SealError` when the session has no numbers left."""
        if self._number >> 8 * NUMBER_BYTES:
            raise SealError("this session has sealed all the packets it may; join the call again")
        number = self._number.to_bytes(NUMBER_BYTES)
        self._number += 1
        return self._session + number + self._key.encrypt(_nonce(number), data, kind.encode())


class _Session:
    """A session of the other end: its key, and which of its numbers came."""

    def __init__(self, key: AESGCM) -> None:
        self.key = key
        self._latest, self._seen = -1, 0

    def refuse_seen(self, number: int) -> None:
        """Raise `SealError` for a number that came before, or too long ago to know."""
        back = self._latest - number
        if back >= WINDOW or (back >= 0 and self._seen >> back & 1):
            raise SealError("a packet that came before")

    def note(self, number: int) -> None:
        """Remember a number."""
        ahead = number - self._latest
        if ahead > 0:
            self._seen = (self._seen << min(ahead, WINDOW) | 1) & (1 << WINDOW) - 1
            self._latest = number
        else:
            self._seen |= 1 << -ahead


class Opener:
    """Opens what the other end sealed."""

    def __init__(self, secret: bytes, call: str, name: str) -> None:
        self._secret, self._call, self._name = secret, call, name
        self._sessions: OrderedDict[bytes, _Session] = OrderedDict()

    def open(self, kind: str, sealed: bytes) -> bytes:
        """Return what was sealed. Raises `SealError`."""
        if len(sealed) < OVERHEAD_BYTES:
            raise SealError("too short to be sealed")
        name, number = sealed[:SESSION_BYTES], sealed[SESSION_BYTES : SESSION_BYTES + NUMBER_BYTES]
        session = self._sessions.get(name) or _Session(_key(self._secret, self._call, self._name, name))
        session.refuse_seen(int.from_bytes(number))
        try:
            rest = sealed[SESSION_BYTES + NUMBER_BYTES :]
            data = session.key.decrypt(_nonce(number), rest, kind.encode())
        except InvalidTag:
            raise SealError("not sealed for this call by the other end") from None
        session.note(int.from_bytes(number))
        self._sessions[name] = session
        self._sessions.move_to_end(name)
        while len(self._sessions) > SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return data
