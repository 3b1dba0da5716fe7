"""One picture from its URL, redirects included, with bounds on all that the other side decides."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import httpcore

from adjudicate.errors import AdError, Code
from executors.gateway.fetch.connecting import AddressRefused
from executors.gateway.fetch.urls import Allowed, Target

_HEADERS = [
    (b"User-Agent", b"adjudicate"),
    (b"Accept", b"image/*"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
]
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNTYPED = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""What object stores say of a file whose type they were not told."""

# One sentence for a name that does not exist, a port that is closed and an address that is
# refused: which of them it was would tell of the network inside.
_NO_CONNECTION = "The URL's host cannot be reached."


@dataclass(frozen=True)
class Bounds:
    """Of one picture."""

    max_bytes: int
    timeout_s: float
    connect_timeout_s: float
    max_redirects: int


class Downloader:
    """Fetches with no cookies, no credentials, no proxy, no compression, one connection a hop."""

    def __init__(
        self,
        allowed: Allowed,
        bounds: Bounds,
        backend: httpcore.AsyncNetworkBackend,
        trust: ssl.SSLContext,
        concurrency: int,
    ) -> None:
        """`backend` answers for where connections go, `trust` for who is at the other end."""
        self._allowed = allowed
        self._bounds = bounds
        self._backend = backend
        self._trust = trust
        self._places = asyncio.Semaphore(concurrency)

    async def get(self, url: str, came: Callable[[int], None]) -> bytes:
        """The bytes behind a URL. `came` is told of each piece, and may raise.

        Raises `AdError` `url_not_allowed`, `url_unreachable`, `image_too_large`, `image_empty`.
        """
        target = self._allowed.target(url)
        async with self._places:
            try:
                async with asyncio.timeout(self._bounds.timeout_s):
                    return await self._follow(target, came)
            except TimeoutError:
                detail = f"The picture did not come within {self._bounds.timeout_s:g} s."
                raise _unreachable(detail) from None

    async def _follow(self, target: Target, came: Callable[[int], None]) -> bytes:
        for _ in range(self._bounds.max_redirects + 1):
            answer = await self._hop(target, came)
            if isinstance(answer, bytes):
                return answer
            target = answer
        raise _unreachable(f"The URL redirects more than {self._bounds.max_redirects} times.")

    async def _hop(self, target: Target, came: Callable[[int], None]) -> bytes | Target:
        origin = httpcore.Origin(b"https", target.host.encode(), target.port)
        url = httpcore.URL(
            scheme=b"https", host=origin.host, port=target.port, target=target.path.encode()
        )
        timeout = {
            "connect": self._bounds.connect_timeout_s,
            "read": self._bounds.timeout_s,
            "write": self._bounds.timeout_s,
        }
        connection = httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._trust, network_backend=self._backend
        )
        try:
            async with connection.stream(
                "GET", url, headers=_HEADERS, extensions={"timeout": timeout}
            ) as response:
                return await self._read(response, target, came)
        except AddressRefused:
            raise _unreachable(_NO_CONNECTION) from None
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            if isinstance(error.__cause__, ssl.SSLError):
                raise _unreachable("The URL's host has no valid certificate.") from None
            raise _unreachable(_NO_CONNECTION) from None
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
            ssl.SSLError,
            OSError,
        ):
            raise _unreachable("The URL's host broke off.") from None
        finally:
            await connection.aclose()

    async def _read(
        self, response: httpcore.Response, target: Target, came: Callable[[int], None]
    ) -> bytes | Target:
        headers = _plain(response.headers)
        if response.status in _REDIRECTS and "location" in headers:
            return self._allowed.redirected(target, headers["location"])
        if response.status != 200:
            raise _unreachable(f"The URL's host answered with the status {response.status}.")
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise _unreachable("The URL's host compresses the picture, unasked.")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _UNTYPED and not kind.startswith("image/"):
            raise _unreachable("What the URL leads to is no image.")
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > self._bounds.max_bytes:
            raise self._too_large()
        return await self._body(response, came)

    async def _body(self, response: httpcore.Response, came: Callable[[int], None]) -> bytes:
        picture = bytearray()
        async for piece in response.aiter_stream():
            if len(picture) + len(piece) > self._bounds.max_bytes:
                raise self._too_large()
            came(len(piece))
            picture += piece
        if not picture:
            raise AdError(Code.IMAGE_EMPTY)
        return bytes(picture)

    def _too_large(self) -> AdError:
        detail = f"at most {self._bounds.max_bytes} bytes are fetched"
        return AdError(Code.IMAGE_TOO_LARGE, detail)


def _plain(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """By lower-case name. Of one that comes twice the first; all of its encodings."""
    found: dict[str, str] = {}
    for raw, value in headers:
        name, text = raw.decode("latin-1").lower(), value.decode("utf-8", "replace").strip()
        if name == "content-encoding" and name in found:
            found[name] += f", {text}"
        else:
            found.setdefault(name, text)
    return found


def _unreachable(detail: str) -> AdError:
    return AdError(Code.URL_UNREACHABLE, detail)
