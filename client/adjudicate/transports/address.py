"""Where the service is: a URL, taken apart and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

_PROTOCOLS: dict[str, tuple[Literal["grpc", "http", "ws"], bool]] = {
    "grpc": ("grpc", False),
    "grpcs": ("grpc", True),
    "http": ("http", False),
    "https": ("http", True),
    "ws": ("ws", False),
    "wss": ("ws", True),
}
_DEFAULT_PORTS = {"grpc": 51000, "http": 80, "https": 443, "ws": 80, "wss": 443, "grpcs": 443}


@dataclass(frozen=True)
class Address:
    """A service's address. `path` has no trailing slash, so that routes can be appended."""

    url: str
    protocol: Literal["grpc", "http", "ws"]
    tls: bool
    host: str
    port: int
    path: str = ""

    @property
    def scheme(self) -> str:
        """As it stands in the URL."""
        return self.url.partition(":")[0].lower()

    @property
    def secure_scheme(self) -> str:
        """The same protocol with TLS."""
        return {"grpc": "grpcs", "http": "https", "ws": "wss"}[self.protocol]

    @property
    def target(self) -> str:
        """`host:port`, an IPv6 host in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """This machine: proxies are for others."""
        return self.host in ("localhost", "::1") or self.host.startswith("127.")


def parse_url(url: str) -> Address:
    """Take `url` apart. Raises `ValueError` with a sentence that says what is expected."""
    parts = urlsplit(url)
    expected = "expected grpc://, http:// or ws:// and a host, e.g. grpc://localhost:51000"
    if "@" in parts.netloc:  # not shown: it would stand in every message
        raise ValueError("a URL of the service holds no user or password; give api_key or token")
    if parts.scheme not in _PROTOCOLS or not parts.hostname:
        raise ValueError(f"not a URL of the service: {url!r}; {expected}")
    try:
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError:
        raise ValueError(f"not a port in {url!r}; {expected}") from None
    protocol, tls = _PROTOCOLS[parts.scheme]
    return Address(url, protocol, tls, parts.hostname, port, parts.path.rstrip("/"))
