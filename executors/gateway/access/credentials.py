"""Where a request says who it is: in one place, once, and never in its URL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl

from adjudicate.errors import Code, RequestError

MAX_CHARACTERS = 8_192
"""Of a key or token, before anything of it is read."""

PROTOCOL = "adjudicate.v1"
BEARER = "bearer."
"""A browser cannot set a WebSocket's headers. It offers two subprotocols instead: `adjudicate.v1`
and `bearer.<key or token>`."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+", re.ASCII)
_CREDENTIAL_HEADERS = (b"authorization", b"x-api-key")
_QUERY_NAMES = frozenset(
    {"access_token", "api_key", "apikey", "authorization", "bearer", "jwt", "token", "x-api-key"}
)
_LOOKS_SECRET = re.compile(r"adj_[0-9a-f]{6}|eyJ[A-Za-z0-9_-]+\.")

Headers = Iterable[tuple[bytes, bytes]]


def credential_of(headers: Headers, subprotocols: Sequence[str] = ()) -> str:
    """The one key or token of a request: `Authorization: Bearer …`, `X-API-Key: …`, or the
    subprotocol `bearer.…`.

    Raises `RequestError` `unauthenticated` for none, several, and one that cannot be read.
    """
    found = [_text(name, value) for name, value in headers if name.lower() in _CREDENTIAL_HEADERS]
    found += [offer[len(BEARER) :] for offer in subprotocols if offer.startswith(BEARER)]
    if not found:
        raise _refusal(
            "The request names no key: send it as `Authorization: Bearer …`; the Python client and"
            " the command line take it from ADJUDICATE_API_KEY."
        )
    if len(found) > 1:
        raise _refusal("The request names more than one key.")
    return check_credential(found[0])


def check_credential(credential: str) -> str:
    """The key or token itself. Raises `RequestError` `unauthenticated` for what can be none."""
    if len(credential) > MAX_CHARACTERS:
        raise _refusal(f"The key or token has more than {MAX_CHARACTERS:,} characters.")
    if not _TOKEN.fullmatch(credential):
        raise _refusal("The key or token has characters that none has.")
    return credential


def refuse_in_query(query: bytes) -> None:
    """Raises `RequestError` `unauthenticated` when the URL holds a key or token: it would stand in
    the logs of every proxy, and in browsers' histories."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    for name, value in pairs:
        if name.lower() in _QUERY_NAMES or _LOOKS_SECRET.search(f"{name} {value}"):
            raise _refusal("A key belongs in a header, not in the URL; revoke this one.")


def without_credentials(headers: Headers) -> list[tuple[bytes, bytes]]:
    """The headers for all that comes after the guard: what it never sees, it cannot log."""
    kept: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        lowered = name.lower()
        if lowered == b"sec-websocket-protocol":
            offers = (offer.strip() for offer in value.split(b","))
            value = b", ".join(o for o in offers if o and not o.startswith(BEARER.encode()))
            if not value:
                continue
        if lowered not in _CREDENTIAL_HEADERS:
            kept.append((name, value))
    return kept


def _text(name: bytes, value: bytes) -> str:
    # latin-1 reads any bytes; what is not ASCII fails the grammar of tokens.
    text = value[: MAX_CHARACTERS + 100].decode("latin-1").strip(" \t")
    if name.lower() == b"x-api-key":
        return text
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "bearer":
        raise _refusal("The Authorization header is not of the form `Bearer …`.")
    return rest.strip(" ")


def _refusal(detail: str) -> RequestError:
    return RequestError(Code.UNAUTHENTICATED, detail)
