"""API keys: how one is made, taken apart and recognised."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from executors.gateway.caller import Caller, Scope

PREFIX = "adj_"
"""By it secret scanners, and people, know what they have found."""

SECRET_BYTES = 32
_FORM = re.compile(r"adj_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True)
class ApiKey:
    """What is known of a key. Its secret is not: only the digest."""

    id: str
    name: str
    scopes: frozenset[Scope]
    digest: str
    created: float
    """Unix time, seconds, as the three below."""
    expires: float | None = None
    revoked: float | None = None
    last_used: float | None = None
    """To the minute."""

    @property
    def caller(self) -> Caller:
        """Who asks with this key."""
        return Caller(caller_id(self.id), self.name, self.scopes, self.expires)

    def state(self, now: float | None = None) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        moment = time.time() if now is None else now
        return "expired" if self.expires is not None and moment >= self.expires else "active"


def make_key(
    name: str, scopes: frozenset[Scope], created: float, expires: float | None = None
) -> tuple[ApiKey, str]:
    """A new key and its text, `adj_<id>_<secret>`, which nothing can make again."""
    key_id = secrets.token_hex(6)
    text = f"{PREFIX}{key_id}_{secrets.token_urlsafe(SECRET_BYTES)}"
    return ApiKey(key_id, name, scopes, digest_of(text), created, expires), text


def key_id_of(text: str) -> str | None:
    """The id in a key's text; None when it has not the form of a key."""
    found = _FORM.fullmatch(text)
    return found[1] if found else None


def digest_of(text: str) -> str:
    """SHA-256 in hex of the whole key.

    A slow hash protects secrets that can be guessed. This one is 256 random bits: nobody tries
    them out however fast the hash, and a slow one would cost every request.
    """
    return hashlib.sha256(text.encode()).hexdigest()


_NOBODYS = digest_of(secrets.token_hex(SECRET_BYTES))


def is_key(key: ApiKey | None, text: str) -> bool:
    """Whether `text` is that key. Takes as long without a key, and wherever the first wrong
    character stands."""
    same = hmac.compare_digest(digest_of(text), _NOBODYS if key is None else key.digest)
    return same and key is not None


def caller_id(key_id: str) -> str:
    """The `Caller.id` of a key's holder."""
    return f"key:{key_id}"


def moment(seconds: float | None) -> str:
    """ISO 8601 in UTC, as the tables and people read it. Empty for None."""
    return "" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat("T", "seconds")


def seconds_of(text: str) -> float | None:
    """The opposite of `moment`."""
    return datetime.fromisoformat(text).timestamp() if text else None
