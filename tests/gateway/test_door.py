"""What passes the door, and who pays for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adjudicate.errors import Code, RequestError
from executors.gateway.caller import CALLER, OPEN, SERVICE, Caller, Scope
from executors.gateway.door import INTERNAL, NEEDS, Door
from executors.gateway.routing.endpoints import DIRECT, REVIEW


class Counted:
    """Limits that note what entered."""

    def __init__(self) -> None:
        self.entered: list[tuple[str, str, int]] = []
        self.inside = 0

    @asynccontextmanager
    async def enter(self, caller: Caller, endpoint: str, ads: int) -> AsyncIterator[None]:
        self.entered.append((caller.id, endpoint, ads))
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1


def caller(*scopes: Scope) -> Caller:
    return Caller("key:1", "one", frozenset(scopes))


async def refusal(door: Door, endpoint: str) -> Code | None:
    try:
        async with door.enter(endpoint, 1):
            return None
    except RequestError as error:
        return error.code


async def test_without_a_caller_nothing_passes() -> None:
    assert await refusal(Door(None), REVIEW) is Code.UNAUTHENTICATED


async def test_open_access_lets_everybody_do_everything() -> None:
    assert [await refusal(Door(OPEN), endpoint) for endpoint in NEEDS] == [None] * len(NEEDS)


async def test_an_endpoint_takes_its_scope_and_one_that_nobody_listed_takes_admin() -> None:
    door = Door(None)
    CALLER.set(caller(Scope.REVIEW))
    assert await refusal(door, REVIEW) is None
    assert await refusal(door, "/library/add") is Code.FORBIDDEN
    assert await refusal(door, "/made/up") is Code.FORBIDDEN
    CALLER.set(caller(Scope.ADMIN))
    assert await refusal(door, "/made/up") is None


async def test_a_lead_may_what_a_reviewer_may_and_an_auditor_reads_only() -> None:
    door = Door(None)
    wants = {"/decision": "raL", "/decision/verdict": "rL", "/library/list": "raL"}
    wants |= {"/library/add": "L", "/thresholds/set": "L", "/review": "", "/models/load": ""}
    for role, scope in (("r", Scope.CONSOLE), ("L", Scope.LEAD), ("a", Scope.AUDIT)):
        CALLER.set(caller(scope))
        let_in = {endpoint for endpoint in wants if await refusal(door, endpoint) is None}
        assert let_in == {endpoint for endpoint, roles in wants.items() if role in roles}, scope


def test_every_endpoint_has_a_scope_but_those_of_the_gateway_alone() -> None:
    assert {REVIEW, "/status", "/report", "/picture", *DIRECT} - INTERNAL == set(NEEDS)


async def test_what_is_asked_inside_is_not_counted_again() -> None:
    limits = Counted()
    door = Door(OPEN, limits=limits)

    async def part() -> None:
        async with door.enter(REVIEW, 5):
            assert limits.inside == 1

    async with door.enter(REVIEW, 20):
        await asyncio.gather(part(), part())
    assert limits.entered == [("open", REVIEW, 20)]
    await part()
    assert limits.entered[1:] == [("open", REVIEW, 5)]
    assert limits.inside == 0


async def test_a_caller_that_is_none_any_more_is_refused() -> None:
    class Revoked:
        def check(self, caller: Caller) -> None:
            raise RequestError(Code.UNAUTHENTICATED, "revoked")

    CALLER.set(SERVICE)
    assert await refusal(Door(None, Revoked()), REVIEW) is Code.UNAUTHENTICATED
