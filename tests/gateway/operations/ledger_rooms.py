"""A real ledger behind the gateway's door: who asks is written on documents as `Rooms` does it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from docarray import DocList
from jina.types.request.data import DataRequest

from executors.gateway.caller import CALLER, Caller, Scope
from executors.gateway.door import Door
from executors.gateway.routing.pictures import documents
from executors.gateway.routing.settling import Settling
from executors.gateway.routing.signing import SIGNED, sign
from executors.ledger.executor import Ledger


class LedgerRooms:
    """Only the ledger answers; the others do not exist."""

    def __init__(self, ledger: Ledger, settling: Settling | None = None) -> None:
        self.door = Door(None)
        self._ledger = ledger
        self._settling = settling

    async def post(
        self, endpoint: str, docs: Any, answers: Any, *, parameters: Any = None, room: str = ""
    ) -> Any:
        request = DataRequest()
        request.document_array_cls = DocList[docs.doc_type]
        request.data.docs = docs
        request.header.exec_endpoint = endpoint
        async with self.door.enter(endpoint, len(docs)):
            if endpoint in SIGNED:
                sign(documents(request), self.door.who())
            if self._settling is not None:
                self._settling.check(request)
            came = DataRequest(request.SerializeToString())
            came.document_array_cls = DocList[docs.doc_type]
            asks = self._ledger.requests[endpoint].fn
            found = await asks(self._ledger, docs=came.data.docs, parameters=parameters or {})
            if self._settling is not None:
                came.document_array_cls = DocList[answers]
                came.data.docs = DocList[answers](found)
                await self._settling.follow(endpoint, came)
        return DocList[answers](found)


@contextmanager
def asking(person: str, *scopes: Scope) -> Iterator[None]:
    """Let the caller be a key of that name, with these scopes."""
    token = CALLER.set(Caller(f"key:{person}", person.title(), frozenset(scopes)))
    try:
        yield
    finally:
        CALLER.reset(token)
