"""From a key or token to the caller whose it is."""

from __future__ import annotations

import time

from sqlalchemy.exc import SQLAlchemyError

from adjudicate.errors import Code, ConfigurationError, RequestError
from executors.gateway.access.keys import PREFIX, caller_id
from executors.gateway.access.ring import UNKNOWN, KeyRing
from executors.gateway.access.store import KeyStore
from executors.gateway.access.tokens import Tokens
from executors.gateway.caller import Caller
from executors.shared.settings import Settings

HOW_TO_MAKE_A_KEY = (
    "no key is valid, so nobody can ask; make one with "
    "`adjudicate keys create --name NAME --scope admin`"
)


class Authenticator:
    """API keys, and tokens where an issuer is trusted. It is the `Access` of the gateway's door."""

    def __init__(self, keys: KeyRing, tokens: Tokens | None) -> None:
        self._keys = keys
        self._tokens = tokens

    @property
    def lets_nobody_in(self) -> bool:
        """Whether there is neither a valid key nor an issuer of tokens."""
        return self._tokens is None and self._keys.lets_nobody_in

    async def start(self) -> None:
        """Follow the keys' table and read the issuer's keys."""
        self._keys.start()
        if self._tokens is not None:
            await self._tokens.start()

    async def stop(self) -> None:
        """End what `start` began."""
        await self._keys.stop()

    async def authenticate(self, credential: str) -> Caller:
        """Who asks.

        Raises `RequestError` `unauthenticated`; `ServiceError` when keys cannot be read.
        """
        if credential.startswith(PREFIX):
            return await self._keys.authenticate(credential)
        if self._tokens is not None:
            return await self._tokens.authenticate(credential)
        raise RequestError(Code.UNAUTHENTICATED, UNKNOWN)

    def check(self, caller: Caller) -> None:
        """Raises as `authenticate` when what the caller came in with is worth nothing any more."""
        if caller.id.startswith(caller_id("")):
            self._keys.check(caller)
        elif caller.expires is not None and time.time() >= caller.expires:
            raise RequestError(Code.UNAUTHENTICATED, "The token has expired.")


def open_authenticator(settings: Settings) -> Authenticator | None:
    """That of the settings; None where access is open.

    Raises `ConfigurationError` for a database that cannot be opened, and for settings of tokens
    that would let in more than they should.
    """
    access = settings.access
    if access.mode == "open":
        return None
    wanted = (access.jwt_secret.get_secret_value(), access.jwt_keys)
    tokens = Tokens(access) if any(wanted) else None
    if tokens is None and (access.jwt_issuer or access.jwt_audience or access.jwt_algorithms):
        raise ConfigurationError(
            "ADJUDICATE_ACCESS__JWT_KEYS: tokens are to be taken, but with what key?"
            " Name a file or URL, or set ADJUDICATE_ACCESS__JWT_SECRET."
        )
    try:
        return Authenticator(KeyRing(KeyStore(settings.database), access.poll_s), tokens)
    except SQLAlchemyError as error:
        raise ConfigurationError(
            f"ADJUDICATE_DATABASE: the keys cannot be read: {type(error).__name__}."
        ) from None
