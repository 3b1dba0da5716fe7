"""Open access is for this machine. Its browser also runs the pages of others."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from adjudicate.errors import Code, RequestError
from executors.gateway.access.credentials import Headers

HOST = "127.0.0.1"


def refuse_strangers(headers: Headers) -> None:
    """Let no page of another site in, by its own name or by one that it made resolve to here.

    A browser sends `Origin` with a page's requests, and as `Host` the name that it looked up.
    Raises `RequestError` `forbidden`.
    """
    for name, value in headers:
        lowered = name.lower()
        text = value.decode("latin-1").strip()
        if lowered == b"origin" and not is_local(urlsplit(text).hostname):
            raise _refusal("pages of other sites")
        if lowered == b"host" and not is_local(_host(text)):
            raise _refusal("other names than localhost")


def is_local(host: str | None) -> bool:
    """Whether a host name or address means this machine, whatever a name server says."""
    if not host:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(authority: str) -> str | None:
    try:
        return urlsplit(f"//{authority}").hostname
    except ValueError:
        return None


def _refusal(whom: str) -> RequestError:
    return RequestError(Code.FORBIDDEN, f"Access is open for this machine, not for {whom}.")
