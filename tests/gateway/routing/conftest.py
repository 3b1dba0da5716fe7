"""The gateway's way into rooms that answer what a test tells them to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from docarray import DocList
from jina.types.request.data import DataRequest

from adjudicate.documents import AuditDeed, Problem
from executors.gateway.caller import Caller, Scope
from executors.gateway.door import Door
from executors.gateway.routing.rooms import Rooms
from tests.gateway.routing.test_graph import EDGES, WHEN, TopologyGraph

MEI = Caller("key:mei", "Mei", frozenset({Scope.ADMIN}))


class Pool:
    """Rooms that answer what they are told to, and a ledger that keeps deeds."""

    def __init__(self) -> None:
        self.answers: DocList[Any] = DocList()
        self.deeds: list[AuditDeed] = []
        self.asked: list[DataRequest] = []
        self.problem: Problem | None = None

    async def send_requests_once(
        self, requests: list[DataRequest], *, deployment: str, endpoint: str, **_: Any
    ) -> Any:
        (request,) = requests
        self.asked.append(request)
        if endpoint != "/audit/add":
            return answering(self.answers), {}
        request.document_array_cls = DocList[AuditDeed]
        noted = list(request.data.docs)
        self.deeds += noted
        for deed in noted:
            deed.problem = self.problem
        return answering(DocList[AuditDeed](noted)), {}


def answering(docs: DocList[Any]) -> DataRequest:
    response = DataRequest()
    response.document_array_cls = DocList[docs.doc_type]
    response.data.docs = docs
    return response


@pytest.fixture
def pool() -> Pool:
    return Pool()


@pytest.fixture
def rooms(pool: Pool) -> Rooms:
    topology = TopologyGraph(
        graph_representation=EDGES, graph_conditions=WHEN, deployments_no_reduce=["ledger"]
    )
    streamer: Any = SimpleNamespace(
        _connection_pool=pool, topology_graph=topology, _streamer=SimpleNamespace()
    )
    return Rooms(streamer, 1_000, {}, Door(MEI))
