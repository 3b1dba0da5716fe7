"""What the gateway has its part in when people settle cases, whatever the protocol.

The ledger does not know the policy, nor the library: a rule that an answer names is looked up here,
and what a decision taught leaves the library here when the answer is taken back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from jina.types.request.data import DataRequest

from adjudicate.errors import Code, RequestError
from executors.gateway.routing.noting import has_problem
from executors.gateway.routing.pictures import documents
from executors.shared.policy import Policy

NAMES_RULE = frozenset({"/queue/review", "/appeals/decide"})
"""Endpoints whose documents name a rule of the policy, or none."""
UNDOES = "/queue/undo"

Undone = Callable[[str], Awaitable[None]]
"""Takes the id of a decision, an answer to which was taken back."""


class Settling:
    """Stands before and behind the rooms."""

    def __init__(self, policy: Callable[[], Policy], undone: Undone) -> None:
        """`policy`: the one in force."""
        self._policy = policy
        self._undone = undone

    def check(self, request: DataRequest) -> None:
        """Raises `RequestError` `invalid_field` for a rule that the policy does not have, before
        anything is settled."""
        if request.header.exec_endpoint not in NAMES_RULE:
            return
        rules = self._policy().rules
        for document in documents(request):
            rule = str(document.data["rule"].text) if "rule" in document.data else ""
            if rule and rules and rule not in rules:
                raise RequestError(
                    Code.INVALID_FIELD, f"rule: the policy has no rule {rule[:50]!r}"
                )

    async def follow(self, endpoint: str, response: DataRequest) -> None:
        """Raises `ServiceError` where a room is down: asked again, it is done."""
        if endpoint != UNDOES:
            return
        for answer in documents(response):
            if not has_problem(answer.data):
                await self._undone(str(answer.data["id"].text))
