"""One request to every replica of a room: Jina's pool would choose one of them."""

from __future__ import annotations

from docarray import BaseDoc, DocList
from grpc.aio import AioRpcError
from jina.proto import jina_pb2
from jina.serve.networking import GrpcConnectionPool
from jina.types.request.data import DataRequest

from adjudicate.documents import ModelVersion, Problem
from adjudicate.errors import Code, ServiceError


def count_replicas(pool: GrpcConnectionPool, room: str) -> int:
    """How many replicas of a room are known now."""
    replicas = pool._connections.get_replicas(room, True)
    return len(replicas.get_all_connections()) if replicas else 0


async def ask_each(
    pool: GrpcConnectionPool,
    request: DataRequest,
    room: str,
    endpoint: str,
    answers_are: type[BaseDoc] = ModelVersion,
) -> DataRequest:
    """The answers of all replicas in one, asked one after another, so that the others serve.

    A replica that does not answer gives its problem as one of `answers_are`. Raises `ServiceError`
    when none does. Behind a name with one address that stands for several, such as a Kubernetes
    service that is not headless, this is one replica, whichever takes the request.
    """
    replicas = pool._connections.get_replicas(room, True)
    answers: list[DataRequest] = []
    missing = 0
    for connection in list(replicas.get_all_connections()) if replicas else []:
        if connection is None:  # it is being connected anew
            missing += 1
            continue
        try:
            answer, _ = await connection.send_requests(
                requests=[request],
                metadata=(("endpoint", endpoint),),
                compression=pool.compression,
            )
            answers.append(answer)
        except AioRpcError:
            missing += 1
            await replicas.reset_connection(connection.address, room)
    if not answers:
        raise ServiceError(Code.ROOM_UNAVAILABLE, f"The {room} is not answering.")
    return _joined(answers, missing, answers_are)


def _joined(answers: list[DataRequest], missing: int, kind: type[BaseDoc]) -> DataRequest:
    """One answer with the documents of all; the first error instead where there is one."""
    for answer in answers:
        if answer.status.code == jina_pb2.StatusProto.ERROR:
            return answer
    problem = Problem(code=Code.ROOM_UNAVAILABLE, detail="a replica does not answer")
    documents = [one for answer in answers for one in _documents(answer, kind)] + [
        kind(id="", problem=problem) for _ in range(missing)
    ]
    whole = answers[0]
    whole.data.docs = DocList[kind](documents)
    return whole


def _documents(answer: DataRequest, kind: type[BaseDoc]) -> list[BaseDoc]:
    answer.document_array_cls = DocList[kind]
    return list(answer.data.docs)
