"""The keys as a gateway has them at hand: a snapshot that follows the table."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError

from adjudicate.errors import Code, RequestError, ServiceError
from executors.gateway.access.keys import ApiKey, caller_id, is_key, key_id_of
from executors.gateway.access.store import KeyStore
from executors.gateway.caller import Caller

UNKNOWN = "This key is not known."
STALE_S = 30.0
"""Seconds without a look at the table after which no key is believed any more."""
ASK_AGAIN_S = 0.25
"""An unknown key may be a new one: the table is then looked at before it is refused, but not more
often than this; who asks meanwhile waits."""
NOTE_USES_S = 60.0

logger = logging.getLogger(__name__)


class KeyRing:
    """Recognises keys. The table is looked at every `poll_s` seconds, so that a key which was
    revoked elsewhere is refused soon, on a connection that is open already too."""

    def __init__(
        self,
        store: KeyStore,
        poll_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads the keys. Raises `SQLAlchemyError` when it cannot."""
        self._store = store
        self._poll_s = poll_s
        self._clock = clock
        self._keys: dict[str, ApiKey] = {}
        self._version = -1
        self._looks = 0
        self._looking = asyncio.Lock()
        self._used: dict[str, float] = {}
        self._polling: asyncio.Task[None] | None = None
        self._noted = self._looked = clock()
        self._look()

    @property
    def lets_nobody_in(self) -> bool:
        """Whether no key is valid now."""
        return all(key.state() != "active" for key in self._keys.values())

    def start(self) -> None:
        """Begin to follow the table; takes a running event loop."""
        self._polling = asyncio.ensure_future(self._poll())

    async def stop(self) -> None:
        """Follow no more, note the last uses, and end the connections."""
        if self._polling is not None:
            self._polling.cancel()
            with suppress(asyncio.CancelledError):
                await self._polling
        await asyncio.to_thread(self._note_uses)
        self._store.close()

    async def authenticate(self, text: str) -> Caller:
        """Whose key this is.

        Raises `RequestError` `unauthenticated`; `ServiceError` when the keys cannot be read.
        """
        key_id = key_id_of(text)
        if key_id is None:
            raise RequestError(Code.UNAUTHENTICATED, UNKNOWN)
        if key_id not in self._keys:
            await self._look_again()
        key = self._keys.get(key_id)
        if not is_key(key, text) or key is None:
            raise RequestError(Code.UNAUTHENTICATED, UNKNOWN)
        self.check(key.caller)
        self._used[key.id] = time.time()
        return key.caller

    def check(self, caller: Caller) -> None:
        """Raises as `authenticate` when the caller's key is expired, revoked or gone."""
        if self._clock() - self._looked > STALE_S:
            raise ServiceError(
                Code.ROOM_UNAVAILABLE, "The keys cannot be read at the moment.", retry_after=5
            )
        key = self._keys.get(caller.id.removeprefix(caller_id("")))
        if key is None:
            raise RequestError(Code.UNAUTHENTICATED, UNKNOWN)
        if (state := key.state()) != "active":
            raise RequestError(Code.UNAUTHENTICATED, f"The key {key.id} is {state}.")

    async def _poll(self) -> None:
        failing = False
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                async with self._looking:
                    await asyncio.to_thread(self._look)
                failing = False
                if self._clock() - self._noted >= NOTE_USES_S:
                    self._noted = self._clock()
                    await asyncio.to_thread(self._note_uses)
            except (SQLAlchemyError, OSError):
                if not failing:
                    logger.exception("the keys cannot be read; those at hand hold a while longer")
                failing = True

    async def _look_again(self) -> None:
        looks = self._looks
        async with self._looking:
            if self._looks > looks:  # one that began after this key was asked for
                return
            await asyncio.sleep(self._looked + ASK_AGAIN_S - self._clock())
            with suppress(SQLAlchemyError, OSError):  # the poll says so
                await asyncio.to_thread(self._look)

    def _look(self) -> None:
        self._looks += 1
        asked = self._clock()
        version = self._store.version()
        if version != self._version:
            # The number first: a change in between is read again, never missed.
            self._keys = {key.id: key for key in self._store.every()}
            self._version = version
        self._looked = asked

    def _note_uses(self) -> None:
        used, self._used = self._used, {}
        if used:
            try:
                self._store.used(used)
            except (SQLAlchemyError, OSError):
                logger.exception("when keys were last used cannot be written")
