"""Sessions of the console: a person signs in with a key once, and a cookie stands for it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Iterable
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie

from sqlalchemy.exc import SQLAlchemyError

from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.access.authenticator import Authenticator
from executors.gateway.access.credentials import Headers, check_credential
from executors.gateway.access.session_store import Session, SessionStore
from executors.gateway.access.store import METADATA, SESSIONS
from executors.shared.database import open_database
from executors.shared.settings import Settings

TOKEN_BYTES = 32
SEEN_S = 60.0
"""How exactly it is noted when a session was last used."""
CANNOT_BE_READ = "The sessions cannot be read at the moment."

logger = logging.getLogger(__name__)


class Sessions:
    """From a key to a cookie, and from the cookie to the caller. A session holds no longer than its
    key: one that is revoked ends its sessions with the next request."""

    def __init__(
        self,
        store: SessionStore,
        authenticator: Authenticator,
        lifetime_s: float,
        idle_s: float,
        https: bool = False,
    ) -> None:
        """`https`: the cookie goes over TLS alone."""
        self._store = store
        self._authenticator = authenticator
        self._lifetime_s = lifetime_s
        self._idle_s = idle_s
        self.https = https
        self.cookie = "__Secure-adjudicate-console" if https else "adjudicate-console"

    async def open(self, credential: str) -> tuple[Session, str]:
        """A new session and what its cookie says, for a key or token.

        Raises `RequestError` `unauthenticated`; `ServiceError` when keys cannot be read.
        """
        caller = await self._authenticator.authenticate(check_credential(credential))
        token, now = secrets.token_urlsafe(TOKEN_BYTES), time.time()
        expires = min(now + self._lifetime_s, caller.expires or float("inf"))
        session = Session(digest_of(token), caller, expires, now, csrf_of(token))
        await asyncio.to_thread(self._store.add, session)
        return session, token

    async def find(self, headers: Headers) -> Session | None:
        """The session that a request's cookie stands for; None without one that holds.

        Raises `ServiceError` when sessions or keys cannot be read.
        """
        token = _cookie(headers, self.cookie)
        if token is None:
            return None
        try:
            session = await asyncio.to_thread(self._store.get, digest_of(token))
        except (SQLAlchemyError, OSError):
            logger.exception("the console's sessions cannot be read")
            raise ServiceError(Code.ROOM_UNAVAILABLE, CANNOT_BE_READ, retry_after=5) from None
        if session is None:
            return None
        now = time.time()
        if now >= session.expires or now >= session.seen + self._idle_s:
            await self.end(session)
            return None
        try:
            self._authenticator.check(session.caller)
        except RequestError:
            await self.end(session)
            return None
        if now - session.seen >= min(SEEN_S, self._idle_s / 4):
            await asyncio.to_thread(self._store.saw, session.digest, now)
        return replace(session, csrf=csrf_of(token))

    async def end(self, session: Session) -> None:
        """Its cookie is worth nothing from now on."""
        await asyncio.to_thread(self._store.end, session.digest)

    def without_cookie(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The headers for all that comes after the guard: what it never sees, it cannot log."""
        kept = []
        for name, value in headers:
            if name.lower() == b"cookie":
                parts = (part.strip() for part in value.split(b";"))
                value = b"; ".join(p for p in parts if not p.startswith(self.cookie.encode()))
            kept.append((name, value))
        return kept

    def close(self) -> None:
        """End the connections."""
        self._store.close()


def digest_of(token: str) -> str:
    """SHA-256 in hex: as of keys, which are as random."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """What a form of the session carries."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def _cookie(headers: Headers, name: str) -> str | None:
    for header, value in headers:
        if header.lower() != b"cookie":
            continue
        try:
            found = SimpleCookie(value.decode("latin-1")).get(name)
        except CookieError:
            continue
        if found is not None and len(found.value) <= 100:
            return found.value
    return None


def open_sessions(settings: Settings, authenticator: Authenticator | None) -> Sessions | None:
    """Those of the settings; None where access is open, so that nobody signs in.

    Raises `ConfigurationError` for a database that cannot be opened.
    """
    if authenticator is None:
        return None
    console = settings.console
    return Sessions(
        SessionStore(open_database(settings.database, METADATA), SESSIONS),
        authenticator,
        console.session_h * 3600,
        console.idle_h * 3600,
        console.https or settings.tls.certificate is not None,
    )
