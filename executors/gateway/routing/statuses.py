"""A room's status: what it says of itself, and what its canaries say of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

from docarray import DocList
from jina.excepts import InternalNetworkError
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from adjudicate.documents import ReplicaHealth, RoomStatus

WAIT_S = 5.0
"""For one room: a room that hangs must not hold up what is said of the others."""


class Health(Protocol):
    """What is known from canaries."""

    def of(self, room: str) -> Sequence[ReplicaHealth]:
        """Of each replica of the room."""
        ...

    def unwell(self, room: str) -> bool:
        """Whether no replica does its work."""
        ...

    def busy(self, room: str) -> bool:
        """Whether a replica had too much to do to answer its last canary in time."""
        ...


async def status_of(
    room: str, request: DataRequest, answer: Awaitable[DataRequest], health: Health | None
) -> DataRequest:
    """The room's `RoomStatus` with that of its replicas; one that does not answer is not ready,
    unless its canary says that it is only busy."""
    try:
        async with asyncio.timeout(WAIT_S):
            found = await answer
        if found.status.code == jina_pb2.StatusProto.ERROR:
            return found
        found.document_array_cls = DocList[RoomStatus]
        statuses = DocList[RoomStatus](found.data.docs)
    except (InternalNetworkError, TimeoutError):
        found = DataRequest()
        found.header.request_id = request.header.request_id
        found.header.exec_endpoint = request.header.exec_endpoint
        found.document_array_cls = DocList[RoomStatus]
        asked = len(request.data._content.docs.docs)
        statuses = DocList[RoomStatus]([_silent(room, health) for _ in range(asked)])
    for status in statuses:
        if health is not None:
            status.replicas = DocList[ReplicaHealth](health.of(room))
            if health.unwell(room):
                status.ready = False
                status.facts.setdefault("problem", "It fails its canary.")
    found.data.docs = statuses
    return found


def _silent(room: str, health: Health | None) -> RoomStatus:
    busy = health is not None and health.busy(room)
    said = "The room is busy." if busy else "The room is not answering; it is being restarted."
    return RoomStatus(room=room, ready=busy, facts={"problem": said})
