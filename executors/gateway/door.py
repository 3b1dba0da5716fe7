"""The one door into the rooms: whatever the protocol, a request passes it or goes nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from contextvars import ContextVar
from typing import Protocol

from adjudicate.errors import Code, RequestError
from executors.gateway.caller import CALLER, Caller, Scope
from executors.gateway.telemetry.asked import ASKED, UNKNOWN

READS = (Scope.CONSOLE, Scope.LEAD, Scope.AUDIT)
"""Who reads what people work on."""
WORKS = (Scope.CONSOLE, Scope.LEAD)
"""Who works on it."""
LEADS = (Scope.LEAD,)
AUDITS = (Scope.AUDIT,)
READS_DECISIONS = (Scope.REVIEW, *READS)
READS_LIBRARY = (Scope.LIBRARY, *READS)

NEEDS: dict[str, tuple[Scope, ...]] = {
    "/review": (Scope.REVIEW,),
    "/embed": (Scope.REVIEW,),
    "/rank": (Scope.REVIEW,),
    "/classify": (Scope.REVIEW,),
    "/search": (Scope.REVIEW,),
    "/decision": READS_DECISIONS,
    "/decision/verdict": (Scope.CONSOLE,),
    "/quality": READS_DECISIONS,
    "/quality/reference": (Scope.LIBRARY,),
    "/status": READS_DECISIONS,
    "/report": (Scope.REVIEW,),
    "/library/add": (Scope.LIBRARY,),
    "/library/list": READS_LIBRARY,
    "/library/held": (Scope.LIBRARY,),
    "/library/set": (Scope.LIBRARY,),
    "/library/remove": (Scope.LIBRARY,),
    "/library/banks": READS_LIBRARY,
    "/library/bank": (Scope.LIBRARY,),
    "/library/changes": READS_LIBRARY,
    "/library/near": READS_LIBRARY,
    "/thresholds/list": READS_LIBRARY,
    "/thresholds/add": (Scope.LIBRARY,),
    "/thresholds/set": (Scope.LIBRARY,),
    "/queue/list": READS,
    "/queue/counts": READS,
    "/queue/claim": WORKS,
    "/queue/release": WORKS,
    "/queue/review": WORKS,
    "/queue/undo": WORKS,
    "/appeals/add": (Scope.REVIEW, *WORKS),
    "/appeals/list": READS_DECISIONS,
    "/appeals/decide": WORKS,
    "/webhooks/list": (*LEADS, *AUDITS),
    "/webhooks/retry": LEADS,
    "/webhooks/test": LEADS,
    "/learning/lesson": WORKS,
    "/learning/preview": WORKS,
    "/learning/apply": WORKS,
    "/learning/undo": WORKS,
    "/learning/propagations": READS,
    "/learning/figures": READS,
    "/overview": READS,
    "/thresholds/effect": READS_LIBRARY,
    "/audit/list": AUDITS,
    "/audit/verify": AUDITS,
    "/hash": READS_DECISIONS,
    "/case": READS,
    "/picture": READS,
    "/decisions/search": READS,
    "/decisions/export": (*AUDITS, *LEADS),
    "/erase": (Scope.ADMIN,),
    "/expire": (Scope.ADMIN,),
    "/models/list": (Scope.ADMIN,),
    "/models/load": (Scope.ADMIN,),
}
"""The scopes that an endpoint takes, any of them. One that is not listed takes `admin`."""

INTERNAL = frozenset({"/audit/add", "/learning/taught", "/learning/forgotten"})
"""Endpoints that the gateway asks by itself. To whoever else asks they do not exist."""

_ENTERED: ContextVar[bool] = ContextVar("entered", default=False)


class Access(Protocol):
    """Whether a caller that was let in still is one."""

    def check(self, caller: Caller) -> None:
        """Raises `RequestError` `unauthenticated` when its credential has expired or is revoked."""


class Limits(Protocol):
    """How much a caller may ask for."""

    def enter(self, caller: Caller, endpoint: str, ads: int) -> AbstractAsyncContextManager[None]:
        """Hold the place of one request with so many ads, while it is under way.

        Raises `RequestError` `rate_limited` or `ServiceError` `overloaded`, with `retry_after`.
        """


class Door:
    """Checks the caller of the current context, its scope, and its limits.

    `default` is who asks where no guard has said so: None, unless access is open by setting.
    """

    def __init__(
        self,
        default: Caller | None,
        access: Access | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._default = default
        self._access = access
        self._limits = limits

    @asynccontextmanager
    async def enter(self, endpoint: str, ads: int) -> AsyncIterator[None]:
        """Hold the door open for one request. What is asked inside is part of it, and free.

        Raises `RequestError` `unauthenticated`, `forbidden`, `rate_limited`, and `ServiceError`
        `overloaded`.
        """
        if _ENTERED.get():
            yield
            return
        asked = ASKED.get()
        if asked is not None:
            asked.entered(endpoint if endpoint in NEEDS else UNKNOWN)
        caller = self._caller()
        if asked is not None:
            asked.caller = caller.id
        needed = NEEDS.get(endpoint, (Scope.ADMIN,))
        if not caller.may(*needed):
            wanted = " or ".join(needed)
            raise RequestError(Code.FORBIDDEN, f"{endpoint} takes a key with the scope {wanted}.")
        limited = self._limits.enter(caller, endpoint, ads) if self._limits else nullcontext()
        async with limited:
            _ENTERED.set(True)
            try:
                yield
            finally:
                _ENTERED.set(False)

    def who(self) -> Caller | None:
        """Who asks in the current context; None: nobody has been let in."""
        return CALLER.get() or self._default

    def _caller(self) -> Caller:
        caller = self.who()
        if caller is None:
            raise RequestError(Code.UNAUTHENTICATED)
        if self._access is not None:
            self._access.check(caller)
        return caller
