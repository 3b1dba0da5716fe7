"""What is on record over the three transports."""

from __future__ import annotations

from typing import Any

from adjudicate.documents import (
    CaseFile,
    DecisionAsk,
    DecisionRow,
    Erasure,
    Expiry,
    ExportRow,
    Lookup,
)
from adjudicate.errors import Code, ServiceError
from adjudicate.transports.parts import D, GrpcPart, JsonPart, read

_ROOM = "^ledger$"
_ASKED = {
    **{name: name for name in ("text", "picture", "phash", "copy_hash", "advertiser", "outcome")},
    **{name: name for name in ("rule", "market", "product", "since", "until", "after")},
    "decision": "id",
}
"""The fields of an ask, and what JSON calls them."""


class GrpcRecords(GrpcPart):
    """By the endpoints of the ledger."""

    async def search_decisions(self, asked: DecisionAsk) -> list[DecisionRow]:
        """A page of decisions."""
        return await self._ask("/decisions/search", asked, DecisionRow, _ROOM)

    async def export_decisions(self, asked: DecisionAsk) -> list[ExportRow]:
        """A page of decisions with their evidence."""
        return await self._ask("/decisions/export", asked, ExportRow, _ROOM)

    async def case_file(self, decision_id: str) -> CaseFile:
        """All that is known of a decision."""
        return await self._ask_one("/case", Lookup(id=decision_id), CaseFile, _ROOM)

    async def erase(self, asked: Erasure) -> Erasure:
        """What was erased."""
        return await self._ask_one("/erase", asked, Erasure, _ROOM)

    async def expire(self, asked: Expiry) -> Expiry:
        """What was past its time."""
        return await self._ask_one("/expire", asked, Expiry, _ROOM)


class JsonRecords(JsonPart):
    """By the operations of HTTP and WebSocket."""

    async def search_decisions(self, asked: DecisionAsk) -> list[DecisionRow]:
        """A page of decisions."""
        return _all(DecisionRow, await self.call("records.search", _body(asked)))

    async def export_decisions(self, asked: DecisionAsk) -> list[ExportRow]:
        """A page of decisions with their evidence."""
        return _all(ExportRow, await self.call("records.export", _body(asked)))

    async def case_file(self, decision_id: str) -> CaseFile:
        """All that is known of a decision."""
        return read(CaseFile, await self.call("records.case", {"id": decision_id}))

    async def erase(self, asked: Erasure) -> Erasure:
        """What was erased."""
        said = {name: getattr(asked, name) for name in ("ad", "advertiser") if getattr(asked, name)}
        body = {**said, "dry_run": asked.dry_run}
        return read(Erasure, await self.call("records.erase", body))

    async def expire(self, asked: Expiry) -> Expiry:
        """What was past its time."""
        return read(Expiry, await self.call("records.expire", {"dry_run": asked.dry_run}))


def _body(asked: DecisionAsk) -> dict[str, Any]:
    said = {key: getattr(asked, name) for name, key in _ASKED.items() if getattr(asked, name)}
    return {**said, "limit": asked.limit}


def _all(kind: type[D], answer: dict[str, Any]) -> list[D]:
    found = answer.get("decisions")
    if not isinstance(found, list):
        raise ServiceError(Code.INTERNAL, f"The answer holds no {kind.__name__}.")
    return [read(kind, item) for item in found]
