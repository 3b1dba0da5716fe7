"""A request's way through flow.yml's graph: who is asked, with what, and with which pictures."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Sequence
from typing import Any

import pytest
from docarray import DocList
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from jina.excepts import InternalNetworkError
from jina.proto import jina_pb2
from jina.serve.runtimes.gateway.graph.topology_graph import TopologyGraph
from jina.types.request.data import DataRequest

from adjudicate.documents import Ad, Case, Decision
from adjudicate.errors import ConfigurationError, ServiceError
from executors.gateway.routing import optional
from executors.gateway.routing.graph import RoomGraph
from executors.gateway.routing.pictures import Pictures, documents
from executors.gateway.routing.when import condition
from tests.gateway.routing.replica_list import NoReplicas

EDGES = {
    "start-gateway": ["encoder"],
    "encoder": ["library"],
    "library": ["judge", "ledger"],
    "judge": ["ledger"],
    "ledger": ["end-gateway"],
}
PATIENCE = {"judge": 60.0}
WHEN = {"judge": {"flagged": {"$eq": True}}}


def request_of(kind: Any, docs: Sequence[Any]) -> DataRequest:
    request = DataRequest()
    request.header.exec_endpoint = "/review"
    request.document_array_cls = DocList[kind]
    request.data.docs = DocList[kind](docs)
    return request


def docs_of(request: DataRequest, kind: Any) -> list[Any]:
    read = DataRequest(request.proto_with_data)
    read.document_array_cls = DocList[kind]
    return list(read.data.docs)


class Pool:
    """Rooms in this process. The encoder takes pictures out; `flag` texts are flagged."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[Any]]] = []
        self.came: list[tuple[str, list[str]]] = []
        self.fails = ""
        self.raises: dict[str, BaseException] = {}
        self.hangs = ""
        self._connections = NoReplicas()

    async def send_requests_once(
        self, requests: list[DataRequest], deployment: str, **_: Any
    ) -> Any:
        answer = await self._answer(requests, deployment)
        if isinstance(answer, DataRequest):
            answer.add_executor(deployment)
            return answer, {}
        return answer

    async def _answer(
        self, requests: list[DataRequest], deployment: str
    ) -> DataRequest | BaseException:
        await asyncio.sleep(0)
        docs = [docs_of(part, Ad if deployment == "encoder" else Case) for part in requests]
        self.asked.append((deployment, docs))
        self.came.append((deployment, [part.last_executor for part in requests]))
        if deployment in self.raises:
            return self.raises[deployment]  # as Jina does
        if deployment == self.hangs:
            await asyncio.sleep(60)
        if deployment == self.fails:
            answer = request_of(Case, [])
            answer.header.status.code = jina_pb2.StatusProto.ERROR
            return answer
        if deployment == "encoder":
            cases = [Case.of(ad) for ad in docs[0]]
            for case in cases:
                case.image = None
            return request_of(Case, cases)
        if deployment == "library":
            for case in docs[0]:
                case.flagged = case.text.startswith("flag")
        if deployment == "judge":
            for case in docs[0]:
                case.verdict = "violation"
        if deployment == "ledger":
            return request_of(Decision, [Decision(ad_id=case.ad_id) for case in docs[0]])
        return request_of(Case, docs[0])

    def rooms_of(self, room: str) -> list[str]:
        """Where what a room was asked with came from."""
        return [came for name, came in self.came if name == room][-1]

    def docs(self, room: str) -> list[Any]:
        (found,) = [docs for name, docs in self.asked if name == room]
        return found


@pytest.fixture
def pool() -> Pool:
    return Pool()


def graph(pool: Pool, edges: dict[str, list[str]] = EDGES, **options: Any) -> RoomGraph:
    known = {"graph_conditions": WHEN, "deployments_no_reduce": ["ledger"], **options}
    topology = TopologyGraph(edges, **known)
    return RoomGraph(topology, pool, PATIENCE)  # type: ignore[arg-type]


def ads(*texts: str) -> DataRequest:
    return request_of(Ad, [Ad(id="same", image=b"of " + t.encode(), text=t) for t in texts])


async def test_only_the_judge_gets_pictures_and_only_those_that_are_flagged(pool: Pool) -> None:
    answer = await graph(pool).send(ads("plain", "flag 1", "flag 2", "plain again"))
    assert len(docs_of(answer, Decision)) == 4
    assert [ad.image for ad in pool.docs("encoder")[0]] == [
        *(b"of plain", b"of flag 1", b"of flag 2", b"of plain again")
    ]
    assert {case.image for case in pool.docs("library")[0]} == {None}
    # By the case's id: the ads' own may be the same.
    judged = {case.text: case.image for case in pool.docs("judge")[0]}
    assert judged == {"flag 1": b"of flag 1", "flag 2": b"of flag 2"}
    screened, answered = pool.docs("ledger")
    assert [case.text for case in screened] == ["plain", "flag 1", "flag 2", "plain again"]
    assert {case.image for case in screened} == {None}
    assert len(answered) == 2


async def test_a_room_is_not_asked_when_nothing_is_left_for_it(pool: Pool) -> None:
    await graph(pool).send(ads("plain"))
    assert [room for room, _ in pool.asked] == ["encoder", "library", "ledger"]


async def test_an_ad_without_a_picture_gets_none(pool: Pool) -> None:
    await graph(pool).send(request_of(Ad, [Ad(text="flag")]))
    assert [case.image for case in pool.docs("judge")[0]] == [None]


@pytest.mark.parametrize("room", ["encoder", "library", "ledger"])
async def test_a_required_rooms_error_is_the_requests_answer_and_ends_it(
    pool: Pool, room: str
) -> None:
    pool.fails = room
    answer = await graph(pool).send(ads("flag"))
    assert answer.status.code == jina_pb2.StatusProto.ERROR
    assert pool.asked[-1][0] == room


def unreachable() -> InternalNetworkError:
    nothing = Metadata()
    error = AioRpcError(StatusCode.UNAVAILABLE, nothing, nothing, "connection refused")
    return InternalNetworkError(error)


async def _goes_round_the_judge(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    walk = graph(pool)
    for _ in range(2):
        pool.asked.clear()
        answer = await walk.send(ads("plain", "flag 1", "flag 2"))
        assert len(docs_of(answer, Decision)) == 3
        screened, missing = pool.docs("ledger")
        assert [case.verdict for case in screened] == ["", "", ""]
        assert [case.id for case in missing] == [case.id for case in screened[1:]]
        assert [case.verdict for case in missing] == ["unavailable", "unavailable"]
        assert all(case.image is None and case.flagged for case in missing)
        assert pool.rooms_of("ledger") == ["library", "judge"]
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1, "said once, not for every request"
    assert "judge does not answer" in said[0]
    pool.raises, pool.fails, pool.hangs = {}, "", ""
    pool.asked.clear()
    await walk.send(ads("flag"))
    _, judged = pool.docs("ledger")
    assert [case.verdict for case in judged] == ["violation"]
    assert "judge answers again" in caplog.text


async def test_an_error_of_the_judge_leaves_its_cases_without_a_verdict(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    pool.fails = "judge"
    await _goes_round_the_judge(pool, caplog)


async def test_a_judge_that_cannot_be_reached_leaves_its_cases_without_a_verdict(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    pool.raises = {"judge": unreachable()}
    await _goes_round_the_judge(pool, caplog)


async def test_a_judge_that_hangs_is_not_waited_for_beyond_its_time(
    pool: Pool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optional, "GRACE_S", 0.0)
    monkeypatch.setitem(PATIENCE, "judge", 0.1)
    pool.hangs = "judge"
    await _goes_round_the_judge(pool, caplog)


async def test_a_judge_that_hangs_is_not_waited_for_beyond_the_ads_deadlines(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optional, "GRACE_S", 0.1)
    pool.hangs = "judge"
    soon = [Ad(text=f"flag {n}", deadline=time.time() + 0.1 * n) for n in (1, 2)]
    started = time.monotonic()
    answer = await graph(pool).send(request_of(Ad, soon))
    assert len(docs_of(answer, Decision)) == 2
    assert 0.25 < time.monotonic() - started < 5
    # One that sets no deadline is waited for as long as the room takes.
    patient = request_of(Ad, [*soon, Ad(text="flag 3")])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(graph(pool).send(patient), 1)


@pytest.mark.parametrize("room", ["encoder", "library", "ledger"])
async def test_a_required_room_that_cannot_be_reached_fails_the_request(
    pool: Pool, room: str
) -> None:
    pool.raises = {room: unreachable()}
    with pytest.raises(InternalNetworkError):
        await graph(pool).send(ads("flag"))


async def test_a_judge_that_nothing_goes_round_is_required(pool: Pool) -> None:
    in_line = {
        "start-gateway": ["encoder"],
        "encoder": ["library"],
        "library": ["judge"],
        "judge": ["ledger"],
        "ledger": ["end-gateway"],
    }
    pool.raises = {"judge": unreachable()}
    with pytest.raises(InternalNetworkError):
        await graph(pool, in_line).send(ads("flag"))


@pytest.mark.parametrize("fails", ["", "library", "judge"])
async def test_nothing_of_a_request_is_kept_after_it(
    pool: Pool, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    kept: list[weakref.ref[Pictures]] = []
    make = Pictures.__init__

    def noted(self: Pictures, request: DataRequest) -> None:
        kept.append(weakref.ref(self))
        make(self, request)

    monkeypatch.setattr(Pictures, "__init__", noted)
    pool.fails = fails
    await graph(pool).send(ads("flag"))
    for _ in range(5):  # the rooms behind the one that failed are told, one after the other
        await asyncio.sleep(0)
    gc.collect()
    assert [one() for one in kept] == [None]


async def test_a_first_room_that_loses_an_ad_is_an_error() -> None:
    class Losing(Pool):
        async def send_requests_once(self, **asked: Any) -> Any:
            return request_of(Case, []), {}

    with pytest.raises(ServiceError, match="0 cases for 1 ads"):
        await graph(Losing()).send(ads("plain"))


async def test_a_flow_without_a_judge_works(pool: Pool) -> None:
    edges = {**EDGES, "library": ["ledger"]}
    del edges["judge"]
    answer = await graph(pool, edges, graph_conditions={}).send(ads("plain", "flag"))
    assert len(docs_of(answer, Decision)) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"deployments_no_reduce": []}, "ledger: a room with several needs"),
        ({"graph_conditions": {"judge": {"flagged": {"$near": 1}}}}, "`when` may be"),
        ({"graph_conditions": {"judge": {"$or": [{"flagged": True}]}}}, "`when` may be"),
    ],
)
def test_a_graph_that_cannot_be_walked_is_refused_at_start(
    pool: Pool, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        graph(pool, **options)


def test_conditions_compare_what_the_documents_hold() -> None:
    cases = [Case(probability=0.2), Case(probability=0.8)]
    low, high = documents(request_of(Case, cases))
    above = condition("judge", {"probability": {"$gte": 0.5}})
    assert above is not None
    assert (above(low), above(high)) == (False, True)
    assert condition("judge", None) is None
