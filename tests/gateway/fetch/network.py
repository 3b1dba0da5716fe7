"""Networks to fetch from: one that only notes who was called, and a real HTTPS server."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpcore
import trustme

HOST = "cdn.example.com"
PUBLIC = "93.184.216.34"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def answer(
    status: str = "200 OK", headers: Mapping[str, str] | None = None, body: bytes = PICTURE
) -> bytes:
    """An HTTP answer as it goes over the wire."""
    given = {"Content-Type": "image/png", "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + body


def redirected(location: str, status: str = "302 Found") -> bytes:
    """An answer that sends one elsewhere."""
    return answer(status, {"Location": location}, b"")


class Names:
    """A resolver under somebody else's control: what it says next is what comes next in the list;
    the last is repeated. Names that are not known lead to the machine itself."""

    def __init__(self, **known: Sequence[Sequence[str]]) -> None:
        self._known = {name.replace("__", "."): list(answers) for name, answers in known.items()}
        self.asked: list[str] = []

    def say(self, host: str, *answers: Sequence[str]) -> None:
        self._known[host] = list(answers)

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        answers = self._known.get(host, [["127.0.0.1"]])
        return list(answers.pop(0) if len(answers) > 1 else answers[0])


class _Wire(httpcore.AsyncNetworkStream):
    """The other end answers the same to whatever is written."""

    def __init__(self, sent: list[bytes], content: bytes) -> None:
        self._sent = sent
        self._content = content

    async def read(self, max_bytes: int, *args: Any, **kwargs: Any) -> bytes:
        piece, self._content = self._content[:max_bytes], self._content[max_bytes:]
        return piece

    async def write(self, buffer: bytes, *args: Any, **kwargs: Any) -> None:
        self._sent.append(buffer)

    async def aclose(self) -> None:
        return None

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> httpcore.AsyncNetworkStream:
        self._sent.append(f"TLS {server_hostname}\n".encode())
        return self

    def get_extra_info(self, info: str) -> Any:
        return None


class Recorded(httpcore.AsyncNetworkBackend):
    """Notes every attempt to connect. Behind each address stands a list of answers."""

    def __init__(self, behind: Mapping[str, Iterable[bytes]] | None = None) -> None:
        self._behind = {address: list(answers) for address, answers in (behind or {}).items()}
        self.attempts: list[str] = []
        self.sent: list[bytes] = []

    def behind(self, address: str, *answers: bytes) -> None:
        self._behind[address] = list(answers)

    async def connect_tcp(
        self, host: str, port: int, *args: Any, **kwargs: Any
    ) -> httpcore.AsyncNetworkStream:
        self.attempts.append(host)
        answers = self._behind.get(host)
        if not answers:
            raise httpcore.ConnectError("refused")
        return _Wire(self.sent, answers.pop(0) if len(answers) > 1 else answers[0])

    def only_public(self) -> bool:
        """Whether nothing inside was called. Python's own notion, not that of the code."""
        return all(
            ipaddress.ip_address(address).is_global
            and not ipaddress.ip_address(address).is_multicast
            for address in self.attempts
        )


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Origin:
    """A real HTTPS server on loopback whose certificate is good for some names."""

    def __init__(self, *names: str) -> None:
        authority = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(self._context)
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)
        self.pages: dict[str, bytes | Handler] = {}
        self.requests: list[str] = []
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.requests.append(head)
            page = self.pages.get(head.split(" ")[1], answer("404 Not Found", body=b""))
            if isinstance(page, bytes):
                writer.write(page)
                await writer.drain()
            else:
                await page(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Origin]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
