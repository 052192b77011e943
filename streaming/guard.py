"""Who may call the room: same-origin pages, holders of the token; and the headers every answer carries."""

import secrets
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streaming.config import RoomConfig

CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        # The face tracker is WebAssembly, served from here.
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}
TOKEN_PROTOCOL: Final = "openai-insecure-api-key."
"""Begins the subprotocol that carries a token, as OpenAI's own browser clients send it."""
_GUARDED: Final = ("/api/", "/whip/", "/whep/", "/v1/", "/metrics")
_OPEN_PATHS: Final = ("/api/health",)
"""Answered without a token: a load balancer has none, and it tells nothing but counts."""


class Guard:
    """ASGI middleware: refuses foreign origins and missing tokens, adds the security headers."""

    def __init__(self, app: ASGIApp, config: RoomConfig) -> None:
        self._app = app
        self._origins = frozenset(config.allowed_origins)
        token = config.bearer_token
        self._bearer = f"Bearer {token.get_secret_value()}".encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with 401 or 403."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        refusal = self._refusal(scope["path"], headers, _token_of_protocols(scope))
        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, path: str, headers: Headers, other_token: str) -> JSONResponse | None:
        if not path.startswith(_GUARDED):
            return None
        if not self._may_come_from(headers):
            return JSONResponse({"message": "This page's origin may not call the room."}, 403)
        if self._bearer is None or path in _OPEN_PATHS:
            return None
        given = headers.get("authorization") or f"Bearer {other_token}"
        if secrets.compare_digest(given.encode(), self._bearer):
            return None
        message = "This room needs a token; open it with the complete link you were given."
        return JSONResponse({"message": message}, 401, headers={"WWW-Authenticate": "Bearer"})

    def _may_come_from(self, headers: Headers) -> bool:
        """Browsers name the origin of cross-site calls; other programs name none and act for themselves."""
        origin = headers.get("origin")
        if origin is None or origin in self._origins:
            return True
        return urlsplit(origin).netloc == headers.get("host")


def _token_of_protocols(scope: Scope) -> str:
    """Return the token that browsers hide in a WebSocket's subprotocols, since they can set no headers."""
    protocols = scope.get("subprotocols", ())
    return next((p.removeprefix(TOKEN_PROTOCOL) for p in protocols if p.startswith(TOKEN_PROTOCOL)), "")
