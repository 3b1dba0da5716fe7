"""The audit trail over the three transports."""

from __future__ import annotations

from typing import Any

from docarray import DocList
from pydantic import ValidationError

from adjudicate.audit.chain import canonical
from adjudicate.documents import AuditAsk, AuditCheck, AuditEntry
from adjudicate.errors import Code, ServiceError, fault

_ROOM = "^ledger$"
_ASKED = {
    **{name: name for name in ("what", "subject", "since", "until", "before", "limit")},
    "actor": "by",
}


class GrpcAudit:
    """By the endpoints of the ledger."""

    async def read_trail(self, asked: AuditAsk) -> list[AuditEntry]:
        """A page of entries."""
        docs = DocList[AuditAsk]([asked])
        found = await self._post("/audit/list", docs, AuditEntry, rooms=_ROOM)
        return [_sound(entry) for entry in found]

    async def check_trail(self, asked: AuditCheck) -> AuditCheck:
        """Whether the trail is whole."""
        docs = DocList[AuditCheck]([asked])
        found = await self._post("/audit/verify", docs, AuditCheck, rooms=_ROOM)
        if not found:
            raise ServiceError(Code.INTERNAL, "The answer holds no AuditCheck.")
        answer: AuditCheck = _sound(found[0])
        return answer

    async def _post(
        self, endpoint: str, docs: DocList[Any], answer: Any, *, rooms: str = ""
    ) -> list[Any]:
        """The transport's."""
        raise NotImplementedError


class JsonAudit:
    """By the operations of HTTP and WebSocket."""

    async def call(self, op: str, body: dict[str, Any]) -> dict[str, Any]:
        """The transport's."""
        raise NotImplementedError

    async def read_trail(self, asked: AuditAsk) -> list[AuditEntry]:
        """A page of entries."""
        body = {key: getattr(asked, name) for name, key in _ASKED.items() if getattr(asked, name)}
        if asked.oldest:
            body["oldest"] = True
        answer = await self.call("audit.list", body)
        try:
            return [_entry(item) for item in answer["entries"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ServiceError(Code.INTERNAL, "The answer holds no entries.") from error

    async def check_trail(self, asked: AuditCheck) -> AuditCheck:
        """Whether the trail is whole."""
        answer = await self.call("audit.verify", {"head": asked.head} if asked.head else {})
        try:
            return AuditCheck.model_validate(answer)
        except ValidationError as error:
            raise ServiceError(Code.INTERNAL, "The answer holds no AuditCheck.") from error


def _entry(item: dict[str, Any]) -> AuditEntry:
    facts = canonical(item["facts"])
    return AuditEntry.model_validate({**item, "id": str(item["number"]), "facts": facts})


def _sound(answer: Any) -> Any:
    if answer.problem is not None:
        raise fault(Code(answer.problem.code), answer.problem.detail)
    return answer
