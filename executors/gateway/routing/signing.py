"""Who asks, written on the documents of what people do: by the gateway, whatever the client wrote.

The rooms believe what they are told. So on every protocol `by`, `by_name` and `role` of these
endpoints' documents are those of the caller that was let in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from executors.gateway.caller import SERVICE, Caller, Scope

SIGNED: frozenset[str] = frozenset(
    {
        *("/queue/list", "/queue/counts", "/queue/claim", "/queue/release"),
        *("/queue/review", "/queue/undo"),
        *("/learning/lesson", "/learning/taught", "/learning/forgotten"),
        *("/learning/preview", "/learning/apply", "/learning/undo"),
        *("/decisions/export", "/erase", "/expire"),
        *("/appeals/add", "/appeals/list", "/appeals/decide"),
    }
)
"""Endpoints whose documents say who asks."""

VERDICT = "/decision/verdict"
"""Its `by` is a name that the client gives; who asks stands beside it, as `caller`."""

MOST_NAME = 200

_ROLES = (
    (Scope.ADMIN, "admin"),
    (Scope.LEAD, "lead"),
    (Scope.CONSOLE, "reviewer"),
    (Scope.AUDIT, "auditor"),
)


def role_of(caller: Caller) -> str:
    """A `Role`: the one that may most."""
    return next((role for scope, role in _ROLES if scope in caller.scopes), "client")


def name_caller(asked: Sequence[Any], caller: Caller | None) -> None:
    """Write who asks beside a name that the client gave."""
    for document in asked:
        document.data["caller"].Clear()
        document.data["caller"].text = (caller or SERVICE).id[:MOST_NAME]


def sign(asked: Sequence[Any], caller: Caller | None) -> None:
    """Write who asks on the packed documents of a request. None: nobody but the gateway itself."""
    who = caller or SERVICE
    signature = {"by": who.id[:MOST_NAME], "by_name": who.name[:MOST_NAME], "role": role_of(who)}
    for document in asked:
        for name, value in signature.items():
            document.data[name].Clear()
            document.data[name].text = value
