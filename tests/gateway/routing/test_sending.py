"""How a request gets to a replica, on Jina's own list of connections."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from grpc import StatusCode
from jina.excepts import InternalNetworkError
from jina.types.request.data import DataRequest

from executors.gateway.routing import sending
from executors.gateway.routing.sending import Sending
from executors.shared.pings import RECONNECT
from tests.gateway.routing.replica_list import ROOM, Pool

ONE, TWO, THREE = "10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Those that were made, each of no time."""
    made: list[float] = []

    async def sleep(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(sending.asyncio, "sleep", sleep)
    return made


async def nothing(room: str) -> None:
    """A name that is not looked up."""


async def send(
    pool: Pool, refresh: Callable[[str], Awaitable[None]] = nothing, **options: Any
) -> Any:
    Sending(pool, refresh)
    async with asyncio.timeout(30):
        return await pool.send_requests_once([DataRequest()], ROOM, head=True, **options)


async def test_replicas_take_turns() -> None:
    pool = Pool(ONE, TWO)
    Sending(pool, nothing)
    for _ in range(10):
        await pool.send_requests_once([DataRequest()], ROOM, head=True)
    assert Counter(pool.asked) == {ONE: 5, TWO: 5}


async def test_the_endpoint_and_the_metadata_go_along() -> None:
    answer, told = await send(Pool(ONE), endpoint="/review", metadata={"a": "b"})
    assert answer == ONE
    assert dict(told) == {"a": "b", "endpoint": "/review"}


async def test_a_request_that_a_replica_does_not_answer_goes_to_another() -> None:
    pool = Pool(ONE, TWO, THREE)
    pool.down = {ONE, TWO}
    answers = {(await send(pool))[0] for _ in range(6)}
    assert answers == {THREE}


async def test_each_replica_is_tried_before_one_is_tried_again() -> None:
    pool = Pool(ONE, TWO, THREE)
    pool.down = {ONE, TWO, THREE}
    await send(pool)
    assert sorted(pool.asked[:3]) == [ONE, TWO, THREE]


async def test_a_request_that_nobody_answers_is_an_error_after_some_tries(
    pauses: list[float],
) -> None:
    pool = Pool(ONE, TWO)
    pool.down = {ONE, TWO}
    error = await send(pool)
    assert isinstance(error, InternalNetworkError)
    assert error.code() is StatusCode.UNAVAILABLE
    assert len(pool.asked) == 2 * (1 + len(sending.PAUSES_S))
    assert pauses == list(sending.PAUSES_S)


def test_the_pauses_are_longer_than_grpc_waits_to_connect_again() -> None:
    longest = RECONNECT["grpc.max_reconnect_backoff_ms"] / 1_000 * 1.2  # it adds up to a fifth
    assert sum(sending.PAUSES_S) > longest


async def test_a_replica_that_was_asked_before_it_listens_gets_the_request_when_it_does(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = Pool(ONE, TWO)
    pool.down = {ONE, TWO}

    async def listens() -> None:
        if sum(pauses) > 1.0:
            pool.down.discard(TWO)

    monkeypatch.setattr(pool, "meanwhile", listens)
    answer, _ = await send(pool)
    assert answer == TWO


async def test_each_round_asks_every_replica_so_that_a_dead_one_takes_no_ones_turn() -> None:
    pool = Pool(ONE, TWO, THREE)
    pool.down = {ONE, TWO, THREE}
    await send(pool)
    rounds = [pool.asked[at : at + 3] for at in range(0, len(pool.asked), 3)]
    assert [sorted(each) for each in rounds] == [[ONE, TWO, THREE]] * (1 + len(sending.PAUSES_S))


async def test_at_the_end_no_try_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Pool(ONE)
    asked = asyncio.Event()

    async def forever() -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(pool, "meanwhile", forever)
    sending = Sending(pool, nothing)
    task = pool.send_requests_once([DataRequest()], ROOM, head=True)
    async with asyncio.timeout(30):
        await asked.wait()
        await sending.stop()
    assert task.cancelled()


async def test_no_more_tries_are_made_than_were_asked_for() -> None:
    pool = Pool(ONE, TWO, THREE)
    pool.down = {ONE, TWO, THREE}
    assert isinstance(await send(pool, retries=1), InternalNetworkError)
    assert len(pool.asked) == 2


async def test_a_room_that_was_given_up_is_not_waited_for_until_it_has_answered(
    pauses: list[float],
) -> None:
    pool = Pool(ONE)
    pool.down = {ONE}
    Sending(pool, nothing)

    async def ask() -> Any:
        return await pool.send_requests_once([DataRequest()], ROOM, head=True)

    assert isinstance(await ask(), InternalNetworkError)
    assert len(pauses) == 4
    assert isinstance(await ask(), InternalNetworkError)
    assert len(pauses) == 4
    pool.down.clear()
    assert (await ask())[0] == ONE
    pool.down = {ONE}
    assert isinstance(await ask(), InternalNetworkError)
    assert len(pauses) == 8


async def test_a_room_is_looked_up_anew_when_a_replica_does_not_answer() -> None:
    pool = Pool(ONE)
    pool.down = {ONE}

    async def found(room: str) -> None:
        assert room == ROOM
        pool.replicas.add_connection(TWO, ROOM)

    answer, _ = await send(pool, found)
    assert answer == TWO


async def test_replicas_that_go_while_a_request_is_under_way_leave_it_those_that_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With Jina's own way of sending this goes round for ever.
    pool = Pool(ONE, TWO)
    pool.down = {ONE}

    async def gone() -> None:
        if TWO in pool.known:
            await pool.replicas.remove_connection(TWO)

    monkeypatch.setattr(pool, "meanwhile", gone)
    error = await send(pool)
    assert isinstance(error, InternalNetworkError)
    assert set(pool.asked) == {ONE}
