"""What keeps the console's pages to themselves: headers, and who may send their forms."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adjudicate.errors import Code, RequestError

CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types adjudicate",
    )
)
PICTURE_CSP = "default-src 'none'; sandbox"
_HEADERS = {
    b"content-security-policy": CSP.encode(),
    b"x-content-type-options": b"nosniff",
    # Not `no-referrer`: a browser would send the Origin `null` with our own forms.
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    b"cache-control": b"no-store",
    b"x-frame-options": b"DENY",
    b"x-robots-tag": b"noindex",
}
_SAME = ("same-origin", "none")


class Shielded:
    """An ASGI application round the console: every answer carries the headers above, where it does
    not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As every ASGI application."""

        async def shielded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                more = [(name, value) for name, value in _HEADERS.items() if name not in given]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, shielded)


def refuse_other_sites(request: Request) -> None:
    """Raises `RequestError` `forbidden` for a form or script of another page.

    Browsers say where a request comes from: by `Sec-Fetch-Site`, which they send over TLS and to
    this machine, and by `Origin` with every POST. One that sends neither is none of them.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        if site not in _SAME:
            raise _refusal()
        return
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise _refusal()


def check_csrf(expected: str, given: str) -> None:
    """Raises `RequestError` `forbidden` when a form is not of this session."""
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise RequestError(
            Code.FORBIDDEN, "This page is out of date: load it again, and repeat what you did."
        )


def _refusal() -> RequestError:
    return RequestError(Code.FORBIDDEN, "Pages of other sites may not act here.")
