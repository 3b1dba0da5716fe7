"""Jina's messages are packed once, and hold what they held."""

from __future__ import annotations

from typing import Any

import pytest
from docarray import BaseDoc, DocList
from jina.proto.serializer import DataRequestProto
from jina.serve.networking.connection_stub import _ConnectionStubs
from jina.types.request.data import DataRequest

from adjudicate.documents import Ad
from executors.shared.packing import pack_once


class Elsewhere(BaseDoc):
    text: str = ""


@pytest.fixture(autouse=True)
def packed() -> None:
    pack_once()


def request_of(*texts: str) -> DataRequest:
    request = DataRequest()
    request.document_array_cls = DocList[Ad]
    request.data.docs = DocList[Ad]([Ad(text=text) for text in texts])
    return request


def texts_in(packed: bytes) -> list[str]:
    request = DataRequest(packed)
    request.document_array_cls = DocList[Ad]
    return [ad.text for ad in request.docs]


class Stub:
    """Takes a request as gRPC would: packed when it is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def process_single_data(self, request: DataRequest, **_: Any) -> Any:
        self.sent.append(DataRequestProto.SerializeToString(request))
        raise ConnectionError("nobody is there")


async def send(request: DataRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[list[bytes], int]:
    """What was sent, and how often it was packed."""
    stubs = _ConnectionStubs.__new__(_ConnectionStubs)
    stubs._initialized, stubs.single_data_stub = True, Stub()
    monkeypatch.setattr(stubs, "_get_metric_timer", lambda: None)
    monkeypatch.setattr(stubs, "_record_request_bytes_metric", lambda count: None)
    body, packings = request._pb_body, 0

    class Counted:
        def __getattr__(self, name: str) -> Any:
            nonlocal packings
            packings += name.startswith("Serialize")
            return getattr(body, name)

    monkeypatch.setattr(request, "_pb_body", Counted())
    monkeypatch.setattr(DataRequest, "is_decompressed", True)
    with pytest.raises(ConnectionError):
        await stubs.send_requests([request], metadata=(), compression=None)
    return stubs.single_data_stub.sent, packings


async def test_a_message_is_packed_once_to_be_counted_and_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent, packings = await send(request_of("one", "two"), monkeypatch)
    assert texts_in(sent[0]) == ["one", "two"]
    assert packings == 1


async def test_a_message_that_is_sent_again_is_sent_as_it_is_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    request = request_of("one")
    await send(request, monkeypatch)
    monkeypatch.undo()
    request.data.docs = DocList[Ad]([Ad(text="other")])
    assert texts_in(DataRequestProto.SerializeToString(request)) == ["other"]


def test_a_request_that_was_counted_may_still_become_its_answer() -> None:
    request = request_of("question")
    assert request.nbytes == len(request.proto.SerializeToString())
    request.data.docs = DocList[Ad]([Ad(text="answer")])
    assert texts_in(DataRequestProto.SerializeToString(request)) == ["answer"]


def test_a_message_that_nobody_unpacked_is_counted_without_it() -> None:
    request = DataRequest(request_of("one").proto.SerializeToString())
    assert request.nbytes == len(request.buffer)
    assert request.buffer is not None


def test_documents_take_the_place_of_those_that_were_there() -> None:
    request = request_of("one", "two")
    request.data.docs = DocList[Ad]([Ad(text="three")])
    assert [ad.text for ad in request.docs] == ["three"]
    request.data.docs = DocList[Ad]()
    assert texts_in(request.proto.SerializeToString()) == []
    assert request.data._content.WhichOneof("documents") == "docs"


def test_documents_of_others_are_left_to_jina() -> None:
    request = DataRequest()
    request.document_array_cls = DocList[Elsewhere]
    request.data.docs = DocList[Elsewhere]([Elsewhere(text="x")])
    assert [one.text for one in request.docs] == ["x"]
