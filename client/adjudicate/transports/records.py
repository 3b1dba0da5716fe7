"""What is on record over the three transports."""

from __future__ import annotations

from typing import Any, TypeVar

from docarray import BaseDoc, DocList
from pydantic import ValidationError

from adjudicate.documents import (
    CaseFile,
    DecisionAsk,
    DecisionRow,
    Erasure,
    Expiry,
    ExportRow,
    Lookup,
)
from adjudicate.errors import Code, ServiceError, fault

D = TypeVar("D", bound=BaseDoc)

_ROOM = "^ledger$"
_ASKED = {
    **{name: name for name in ("text", "picture", "phash", "copy_hash", "advertiser", "outcome")},
    **{name: name for name in ("rule", "market", "product", "since", "until", "after")},
    "decision": "id",
}
"""The fields of an ask, and what JSON calls them."""


class GrpcRecords:
    """By the endpoints of the ledger."""

    async def search_decisions(self, asked: DecisionAsk) -> list[DecisionRow]:
        """A page of decisions."""
        return await self._all("/decisions/search", asked, DecisionRow)

    async def export_decisions(self, asked: DecisionAsk) -> list[ExportRow]:
        """A page of decisions with their evidence."""
        return await self._all("/decisions/export", asked, ExportRow)

    async def case_file(self, decision_id: str) -> CaseFile:
        """All that is known of a decision."""
        return await self._only("/case", Lookup(id=decision_id), CaseFile)

    async def erase(self, asked: Erasure) -> Erasure:
        """What was erased."""
        return await self._only("/erase", asked, Erasure)

    async def expire(self, asked: Expiry) -> Expiry:
        """What was past its time."""
        return await self._only("/expire", asked, Expiry)

    async def _all(self, endpoint: str, asked: BaseDoc, kind: type[D]) -> list[D]:
        docs = DocList[type(asked)]([asked])
        found = await self._post(endpoint, docs, kind, rooms=_ROOM)
        return [_sound(one) for one in found]

    async def _only(self, endpoint: str, asked: BaseDoc, kind: type[D]) -> D:
        found = await self._all(endpoint, asked, kind)
        if not found:
            raise _unreadable(kind)
        return found[0]

    async def _post(
        self, endpoint: str, docs: DocList[Any], answer: Any, *, rooms: str = ""
    ) -> list[Any]:
        """The transport's."""
        raise NotImplementedError


class JsonRecords:
    """By the operations of HTTP and WebSocket."""

    async def call(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        """The transport's."""
        raise NotImplementedError

    async def search_decisions(self, asked: DecisionAsk) -> list[DecisionRow]:
        """A page of decisions."""
        return _all(DecisionRow, await self.call("records.search", _body(asked)))

    async def export_decisions(self, asked: DecisionAsk) -> list[ExportRow]:
        """A page of decisions with their evidence."""
        return _all(ExportRow, await self.call("records.export", _body(asked)))

    async def case_file(self, decision_id: str) -> CaseFile:
        """All that is known of a decision."""
        return _read(CaseFile, await self.call("records.case", {"id": decision_id}))

    async def erase(self, asked: Erasure) -> Erasure:
        """What was erased."""
        said = {name: getattr(asked, name) for name in ("ad", "advertiser") if getattr(asked, name)}
        body = {**said, "dry_run": asked.dry_run}
        return _read(Erasure, await self.call("records.erase", body))

    async def expire(self, asked: Expiry) -> Expiry:
        """What was past its time."""
        return _read(Expiry, await self.call("records.expire", {"dry_run": asked.dry_run}))


def _body(asked: DecisionAsk) -> dict[str, Any]:
    said = {key: getattr(asked, name) for name, key in _ASKED.items() if getattr(asked, name)}
    return {**said, "limit": asked.limit}


def _all(kind: type[D], answer: dict[str, Any]) -> list[D]:
    found = answer.get("decisions")
    if not isinstance(found, list):
        raise _unreadable(kind)
    return [_read(kind, item) for item in found]


def _read(kind: type[D], data: Any) -> D:
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise _unreadable(kind) from error


def _unreadable(kind: type[BaseDoc]) -> ServiceError:
    return ServiceError(Code.INTERNAL, f"The answer holds no {kind.__name__}.")


def _sound(answer: Any) -> Any:
    if answer.problem is not None:
        raise fault(Code(answer.problem.code), answer.problem.detail)
    return answer
