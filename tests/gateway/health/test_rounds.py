"""Canaries on schedule, over connections that answer in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from adjudicate.documents import Canary
from executors.gateway.health import rounds as module
from executors.gateway.health.replicas import Replica, Replicas
from executors.gateway.health.rounds import UNREACHABLE, Rounds
from executors.shared.health.board import Board
from executors.shared.settings import HealthSettings


class Connection:
    """To one replica. `says` is its answer, or what asking it raises."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.says: Canary | Exception | None = Canary()
        """None: it never answers."""
        self.asked: list[tuple[str, str]] = []

    async def send_requests(
        self, requests: list[DataRequest], metadata: Any, compression: Any
    ) -> tuple[DataRequest, None]:
        (request,) = requests
        request.document_array_cls = DocList[Canary]
        self.asked.append((request.header.exec_endpoint, request.data.docs[0].room))
        if self.says is None:
            await asyncio.sleep(60)
        if isinstance(self.says, Exception):
            raise self.says
        answer = DataRequest()
        answer.document_array_cls = DocList[Canary]
        answer.data.docs = DocList[Canary]([self.says])
        return answer, None


class Pool:
    """Jina's pool, of an encoder with two replicas and a ledger with one."""

    compression = None

    def __init__(self) -> None:
        self.encoders = [Connection("host:1"), Connection("host:2")]
        self.ledger = Connection("host:3")
        self.reset: list[str] = []
        self._connections = self

    def get_replicas(self, room: str, head: bool) -> Any:
        class List:
            get_all_connections = staticmethod(
                lambda: {"encoder": self.encoders, "ledger": [self.ledger]}[room]
            )

            @staticmethod
            async def reset_connection(address: str, room: str) -> None:
                self.reset.append(address)

        return List


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def replicas() -> Replicas:
    return Replicas()


Make = Callable[..., Rounds]


@pytest.fixture
async def make(pool: Pool, replicas: Replicas) -> AsyncIterator[Make]:
    made: list[Rounds] = []

    def new(board: Board | None = None, **settings: float) -> Rounds:
        chosen = HealthSettings(**{"canary_s": 0.02, "canary_timeout_s": 30, **settings})
        made.append(Rounds(pool, ("encoder", "ledger"), chosen, replicas, board))  # type: ignore[arg-type]
        return made[-1]

    yield new
    for rounds in made:
        await rounds.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


def states(replicas: Replicas) -> dict[str, str]:
    return {replica.address: replica.state for replica in replicas}


async def test_a_round_is_one_canary_through_each_replica(
    pool: Pool, replicas: Replicas, make: Make
) -> None:
    pool.encoders[1].says = Canary(result="failed", detail="x")
    await make().round()
    assert states(replicas) == {"host:1": "healthy", "host:2": "unhealthy", "host:3": "healthy"}
    assert pool.encoders[0].asked == [("/canary", "encoder")]
    assert pool.ledger.asked == [("/canary", "ledger")]
    assert [(one.room, one.number) for one in replicas] == [
        ("encoder", 0),
        ("encoder", 1),
        ("ledger", 0),
    ]


async def test_they_go_on_schedule_and_one_that_hangs_holds_up_no_other(
    pool: Pool, replicas: Replicas, make: Make
) -> None:
    pool.encoders[0].says = None
    make().start()
    await until(lambda: len(pool.ledger.asked) > 5)
    assert len(pool.encoders[0].asked) == 1
    assert states(replicas)["host:3"] == "healthy"


async def test_without_an_interval_none_are_sent(pool: Pool, make: Make) -> None:
    make(canary_s=0).start()
    await asyncio.sleep(0.05)
    assert pool.ledger.asked == []


async def test_no_answer_in_time_is_a_timeout(
    pool: Pool, replicas: Replicas, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.02)
    monkeypatch.setattr(module, "LATE_S", 30)
    pool.ledger.says = None
    await make(canary_timeout_s=0.03).round()
    (ledger,) = [one for one in replicas if one.room == "ledger"]
    assert (ledger.state, ledger.own_failures) == ("unhealthy", 1)
    assert ledger.detail == "no answer for 0.05 s"


async def test_a_gateway_that_was_itself_too_busy_to_notice_an_answer_blames_nobody(
    pool: Pool, replicas: Replicas, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.02)
    monkeypatch.setattr(module, "LATE_S", -1)  # by so much was every bound missed
    pool.ledger.says = None
    await make(canary_timeout_s=0.03).round()
    assert states(replicas)["host:3"] == "unknown"


def unavailable() -> AioRpcError:
    return AioRpcError(StatusCode.UNAVAILABLE, Metadata(), Metadata(), "refused")


async def test_a_replica_that_is_restarted_is_known_to_be_back_soon(
    pool: Pool, replicas: Replicas, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECHECK_S", 0.01)
    pool.ledger.says = unavailable()
    rounds = make(canary_s=3600)
    await rounds.round()
    (ledger,) = [one for one in replicas if one.room == "ledger"]
    assert (ledger.state, ledger.detail) == ("unhealthy", UNREACHABLE)
    await until(lambda: len(pool.ledger.asked) > 3)
    assert ledger.failures == 1, "only the schedule counts failures"
    assert "host:3" in pool.reset
    pool.ledger.says = Canary()
    await until(lambda: ledger.state == "healthy")


async def test_a_replica_that_has_gone_is_not_tried_again(
    pool: Pool, replicas: Replicas, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECHECK_S", 0.01)
    pool.ledger.says = unavailable()
    rounds = make(canary_s=3600)
    await rounds.round()
    assert rounds._rechecks
    replicas.forget("host:3")
    await until(lambda: not rounds._rechecks)


async def test_an_error_of_the_room_is_a_failed_canary(
    pool: Pool, replicas: Replicas, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = DataRequest()
    answer.header.status.code = jina_pb2.StatusProto.ERROR
    answer.header.status.description = "KeyError('x')\nTraceback"

    async def broken(**_: Any) -> tuple[DataRequest, None]:
        return answer, None

    monkeypatch.setattr(pool.ledger, "send_requests", broken)
    await make().round()
    (ledger,) = [one for one in replicas if one.room == "ledger"]
    assert (ledger.state, ledger.detail) == ("unhealthy", "KeyError('x')")


async def test_the_supervisor_is_told_and_hears_the_gateways_heart(
    pool: Pool, make: Make, tmp_path: Path
) -> None:
    board = Board(tmp_path)
    pool.encoders[1].says = Canary(result="failed", detail="x")
    make(board).start()
    await until(lambda: (health := board.health()) is not None and len(health.replicas) == 3)
    await until(lambda: pool.encoders[1].asked[3:] != [])
    health = board.health()
    assert health is not None
    assert health.replicas["2"].failures > 0
    assert health.replicas["1"].failures == 0
    beat = board.heart()
    await until(lambda: board.heart() > beat)


async def test_a_supervisor_that_cannot_be_told_is_said_once_and_stops_nothing(
    pool: Pool, make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    make(Board(tmp_path / "file")).start()
    await until(lambda: len(pool.ledger.asked) > 5)
    said = [message for message in caplog.messages if "supervisor cannot be told" in message]
    assert len(said) == 1


async def test_who_watches_hears_of_each_answer(make: Make, replicas: Replicas) -> None:
    rounds, heard = make(), []
    rounds.watchers.append(lambda: heard.append(dict(states(replicas))))
    await rounds.round()
    assert len(heard) == 3
    assert set(heard[-1].values()) == {"healthy"}


def test_a_replica_is_named_by_room_and_number() -> None:
    assert Replica("encoder", "host:1", 1).name == "encoder/1"
