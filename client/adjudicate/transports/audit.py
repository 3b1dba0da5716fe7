"""The audit trail over the three transports."""

from __future__ import annotations

from typing import Any

from adjudicate.audit.chain import canonical
from adjudicate.documents import AuditAsk, AuditCheck, AuditEntry
from adjudicate.errors import Code, ServiceError
from adjudicate.transports.parts import GrpcPart, JsonPart, read

_ROOM = "^ledger$"
_ASKED = {
    **{name: name for name in ("what", "subject", "since", "until", "before", "limit")},
    "actor": "by",
}


class GrpcAudit(GrpcPart):
    """By the endpoints of the ledger."""

    async def read_trail(self, asked: AuditAsk) -> list[AuditEntry]:
        """A page of entries."""
        return await self._ask("/audit/list", asked, AuditEntry, _ROOM)

    async def check_trail(self, asked: AuditCheck) -> AuditCheck:
        """Whether the trail is whole."""
        return await self._ask_one("/audit/verify", asked, AuditCheck, _ROOM)


class JsonAudit(JsonPart):
    """By the operations of HTTP and WebSocket."""

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
        return read(
            AuditCheck, await self.call("audit.verify", {"head": asked.head} if asked.head else {})
        )


def _entry(item: dict[str, Any]) -> AuditEntry:
    facts = canonical(item["facts"])
    return AuditEntry.model_validate({**item, "id": str(item["number"]), "facts": facts})
