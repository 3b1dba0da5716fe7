"""Who asks, and what they may."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum


class Scope(StrEnum):
    """What a key or token allows."""

    REVIEW = "review"
    """Review, embed, rank, classify, search; read decisions, quality, and the service's status."""
    LIBRARY = "library"
    """Read and change exemplars, banks and thresholds; set the reference of drift."""
    CONSOLE = "review-console"
    """A reviewer's: work on escalated ads and appeals; uphold and overturn decisions."""
    LEAD = "review-lead"
    """A lead's: what a reviewer may and the library's, and the cases that reviewers disagree on."""
    AUDIT = "audit"
    """An auditor's: read and export everything, change nothing."""
    ADMIN = "admin"
    """All of it, and which models are loaded; erase what was said of an advertiser."""


_ALSO: dict[Scope, frozenset[Scope]] = {
    Scope.LEAD: frozenset({Scope.CONSOLE, Scope.LIBRARY}),
    Scope.ADMIN: frozenset(Scope),
}
"""What a scope brings with it."""


@dataclass(frozen=True)
class Caller:
    """An authenticated caller. `id` never holds a secret: it may stand in logs and decisions."""

    id: str
    """`key:<id>`, `jwt:<subject>`, or `open`."""
    name: str = ""
    scopes: frozenset[Scope] = field(default_factory=frozenset)
    expires: float | None = None
    """Unix time, seconds, after which the credential is worth nothing."""

    def may(self, *scopes: Scope) -> bool:
        """Whether the caller has one of these scopes, by itself or with another."""
        return any(
            scope in self.scopes or any(scope in _ALSO.get(own, ()) for own in self.scopes)
            for scope in scopes
        )


OPEN = Caller("open", "anyone", frozenset({Scope.ADMIN}))
"""Whoever asks where access is open by setting."""

SERVICE = Caller("service", "the gateway itself", frozenset({Scope.ADMIN}))
"""The gateway's own questions to the rooms, such as for `/health`."""

CALLER: ContextVar[Caller | None] = ContextVar("caller", default=None)
"""Set by each protocol's guard for the work of one request or connection."""

PROTOCOL: ContextVar[str] = ContextVar("protocol", default="gateway")
"""`grpc`, `http` or `ws`, set by each protocol's guard; `gateway`: nobody asked from outside."""
