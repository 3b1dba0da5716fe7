"""The three ways to the service. The URL's scheme picks one; all answer the same."""

from __future__ import annotations

from collections.abc import Mapping

from adjudicate.transports.address import Address, parse_url
from adjudicate.transports.base import Page, Transport
from adjudicate.transports.tls import Tls

__all__ = ["Address", "Page", "Transport", "open_transport", "parse_url"]


def open_transport(url: str, headers: Mapping[str, str], tls: Tls | None = None) -> Transport:
    """The transport for `url`; it connects when first used. `tls` goes with a TLS URL.

    Raises `ValueError` for a URL that is not `grpc://`, `http://` or `ws://` (or their TLS forms).
    """
    address = parse_url(url)
    # Imported where needed: Jina alone takes a second, and HTTP users do without it.
    if address.protocol == "grpc":
        from adjudicate.transports.grpc import GrpcTransport

        return GrpcTransport(address, headers, tls)
    if address.protocol == "http":
        from adjudicate.transports.http import HttpTransport

        return HttpTransport(address, headers, tls)
    from adjudicate.transports.websocket import WebSocketTransport

    return WebSocketTransport(address, headers, tls)
