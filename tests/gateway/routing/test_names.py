"""The replicas behind a room's name, on Jina's own list of connections."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable

import pytest

from executors.gateway.routing import names as module
from executors.gateway.routing.names import Found, Names, look_up
from tests.gateway.routing.replica_list import ROOM, Pool

NAME = "encoder.adjudicate.svc:8080"
ONE, TWO, THREE = "10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.3:8080"


class NameServer:
    """Knows one name."""

    def __init__(self, *addresses: str) -> None:
        self.addresses: Found | Exception = frozenset(addresses)
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def look_up(self, host: str, port: int) -> Found:
        assert (host, port) == ("encoder.adjudicate.svc", 8080)
        self.asked += 1
        await self.may_answer.wait()
        if isinstance(self.addresses, Exception):
            raise self.addresses
        return self.addresses


Make = Callable[..., Names]


@pytest.fixture
def server() -> NameServer:
    return NameServer(ONE, TWO)


@pytest.fixture
def gone() -> list[str]:
    return []


@pytest.fixture
async def make(server: NameServer, gone: list[str]) -> AsyncIterator[Make]:
    made: list[Names] = []

    def new(pool: Pool, every_s: float = 60.0) -> Names:
        made.append(Names(pool, (ROOM,), every_s, gone.append, server.look_up))
        return made[-1]

    yield new
    for names in made:
        await names.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_each_address_behind_a_name_gets_a_connection(make: Make, gone: list[str]) -> None:
    pool = Pool(NAME)
    await make(pool).start()
    assert sorted(pool.known) == [ONE, TWO]
    assert gone == [NAME]


async def test_a_replica_that_comes_is_asked_and_one_that_goes_is_not_any_more(
    make: Make, server: NameServer, gone: list[str]
) -> None:
    pool = Pool(NAME)
    await make(pool, 0.01).start()
    server.addresses = frozenset({TWO, THREE})
    await until(lambda: ONE in gone)
    assert sorted(pool.known) == [TWO, THREE]


async def test_the_connection_to_a_replica_that_has_gone_ends_after_its_last_answers(
    make: Make, server: NameServer, gone: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETIRED_S", 0.05)
    pool = Pool(NAME)
    await make(pool, 0.01).start()
    channel = pool.replicas._address_to_channel[ONE]
    server.addresses = frozenset({TWO})
    await until(lambda: ONE in gone)
    assert not channel.closed
    await until(lambda: channel.closed)
    assert ONE not in pool.replicas._address_to_channel


@pytest.mark.parametrize("trouble", [OSError("no such name"), frozenset()], ids=["unknown", "none"])
async def test_replicas_that_are_known_stay_while_the_name_is_not(
    make: Make,
    server: NameServer,
    trouble: Found | OSError,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = Pool(NAME)
    names = make(pool)
    await names.start()
    server.addresses = trouble
    with caplog.at_level(logging.WARNING):
        await names.refresh(ROOM)
        await names.refresh(ROOM)
    assert sorted(pool.known) == [ONE, TWO]
    (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "encoder.adjudicate.svc" in line.getMessage()
    server.addresses = frozenset({THREE})
    await names.refresh(ROOM)
    assert pool.known == [THREE]


async def test_those_who_ask_at_once_share_one_look(make: Make, server: NameServer) -> None:
    names = make(Pool(NAME))
    await names.start()
    server.may_answer.clear()
    asked = [asyncio.ensure_future(names.refresh(ROOM)) for _ in range(5)]
    await until(lambda: server.asked == 2)
    server.may_answer.set()
    await asyncio.gather(*asked)
    assert server.asked == 2


async def test_one_who_gives_up_does_not_end_the_look_of_the_others(
    make: Make, server: NameServer
) -> None:
    pool = Pool(NAME)
    names = make(pool)
    await names.start()
    server.may_answer.clear()
    server.addresses = frozenset({THREE})
    first, second = (asyncio.ensure_future(names.refresh(ROOM)) for _ in range(2))
    await until(lambda: server.asked == 2)
    first.cancel()
    server.may_answer.set()
    await second
    assert pool.known == [THREE]


async def test_a_request_does_not_wait_for_a_name_server_that_hangs(
    make: Make, server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REFRESH_S", 0.05)
    pool = Pool(NAME)
    names = make(pool)
    await names.start()
    server.may_answer.clear()
    async with asyncio.timeout(30):
        await names.refresh(ROOM)
    assert sorted(pool.known) == [ONE, TWO]


async def test_a_look_that_goes_wrong_is_logged_and_not_the_last(
    make: Make, server: NameServer, gone: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    pool = Pool(NAME)
    await make(pool, 0.01).start()
    server.addresses = RuntimeError("a bug")
    await until(lambda: "could not be looked up" in caplog.text)
    server.addresses = frozenset({THREE})
    await until(lambda: pool.known == [THREE])


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1:5000"], ["localhost:5000"], ["[::1]:5000"], ["one:8080", "two:8080"]],
    ids=["an address", "this machine", "an IPv6 address", "several"],
)
async def test_what_is_no_name_of_replicas_stays_as_it_is(
    make: Make, server: NameServer, addresses: list[str]
) -> None:
    pool = Pool(*addresses)
    names = make(pool, 0.01)
    await names.start()
    await names.refresh(ROOM)
    assert (pool.known, server.asked) == (addresses, 0)


async def test_nothing_is_looked_up_where_the_setting_is_0(make: Make, server: NameServer) -> None:
    pool = Pool(NAME)
    names = make(pool, 0.0)
    await names.start()
    await names.refresh(ROOM)
    assert (pool.known, server.asked) == ([NAME], 0)


async def test_look_up_finds_each_address_once() -> None:
    found = await look_up("localhost", 8080)
    assert found <= {"127.0.0.1:8080", "[::1]:8080"}
    assert found


async def test_look_up_of_an_unknown_name_is_an_os_error() -> None:
    with pytest.raises(socket.gaierror):
        await look_up("no-such-name.invalid", 8080)
