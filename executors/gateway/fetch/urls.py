"""Which URLs a picture may be fetched from, as far as the text of the URL says so.

The text is read more strictly than by any HTTP library: what two parsers could read differently
(userinfo, backslashes, other dots, escapes in the host) is refused, not interpreted.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from adjudicate.errors import AdError, Code

MAX_LENGTH = 2_048
"""Characters of a URL."""

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
# The last label begins with a letter: so no form of an IP address is a name.
HOST = re.compile(rf"({_LABEL}\.)+[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?")
_AUTHORITY = re.compile(r"([^:]+)(?::([0-9]{1,5}))?")
_SCHEME = re.compile("[^/?#]*:")
_ASCII = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True)
class Target:
    """A URL that may be fetched."""

    host: str
    """Lower case, ASCII."""
    port: int
    path: str
    """With the query, percent-encoded; without the fragment."""

    @property
    def url(self) -> str:
        """The URL again, for what is relative to it."""
        return f"https://{self.host}:{self.port}{self.path}"


@dataclass(frozen=True)
class Allowed:
    """The hosts and ports that pictures are fetched from."""

    hosts: Collection[str]
    """Lower case. `*.example.com` stands for every name below example.com, not for itself."""
    ports: Collection[int] = (443,)

    def target(self, url: str) -> Target:
        """Raises `AdError` `url_not_allowed`, with a sentence of what is wrong."""
        target = _parse(url)
        if not self._lists(target.host):
            raise _refused("Pictures are not fetched from the URL's host.")
        if target.port not in self.ports:
            known = ", ".join(map(str, sorted(self.ports)))
            raise _refused(f"Pictures are fetched from port {known} only.")
        return target

    def redirected(self, target: Target, location: str) -> Target:
        """Where a redirect of `target` leads. Raises `AdError` as `target` does, without naming
        the place: it is the other server's to tell, not ours."""
        try:
            # urljoin takes https:///a and https:a, broken URLs, for something of the same host.
            whole = _SCHEME.match(location)
            return self.target(location if whole else urljoin(target.url, location))
        except (AdError, ValueError):
            raise _refused("The URL redirects to one that pictures are not fetched from.") from None

    def _lists(self, host: str) -> bool:
        above = host.split(".")
        return host in self.hosts or any(
            "*." + ".".join(above[at:]) in self.hosts for at in range(1, len(above))
        )


def _parse(url: str) -> Target:
    _check_characters(url)
    if url[:8].lower() != "https://":
        raise _refused("Only URLs that begin with https:// are fetched.")
    whole = url[8:].partition("#")[0]
    authority = re.split("[/?]", whole, maxsplit=1)[0]
    path = whole[len(authority) :]
    host, port = _host_and_port(authority)
    path = quote(path, safe=_ASCII)
    return Target(host, port, path if path.startswith("/") else f"/{path}")


def _check_characters(url: str) -> None:
    if len(url) > MAX_LENGTH:
        raise _refused(f"The URL has {len(url):,} characters; at most {MAX_LENGTH:,} are read.")
    if any(unicodedata.category(character)[0] in "CZ" for character in url) or "\\" in url:
        raise _refused("The URL has a space, a control character or a backslash.")


def _host_and_port(authority: str) -> tuple[str, int]:
    if "@" in authority:
        raise _refused("The URL names a user; credentials are not sent.")
    if not authority.isascii():
        raise _refused("The URL's host must be written in ASCII, as in xn--….")
    parts = _AUTHORITY.fullmatch(authority)
    host = parts[1].lower() if parts else ""
    if parts is None or len(host) > 253 or not HOST.fullmatch(host):
        raise _refused("The URL's host must be a name such as cdn.example.com, not an address.")
    port = int(parts[2]) if parts[2] else 443
    return host, port


def _refused(detail: str) -> AdError:
    return AdError(Code.URL_NOT_ALLOWED, detail)
