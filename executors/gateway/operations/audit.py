"""The audit trail in the JSON contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from docarray import DocList

from adjudicate.documents import AuditAsk, AuditCheck, AuditEntry
from adjudicate.errors import STATUS, Code, RequestError, ServiceError
from executors.gateway.operations.bodies import Body, plain, whole
from executors.gateway.routing.noting import Fact
from executors.gateway.routing.rooms import Rooms

MOST = 1_000
"""Entries of one page."""

_TEXTS = {"what": "what", "subject": "subject", "by": "actor", "since": "since", "until": "until"}
"""Of a query, and what they are called in an `AuditAsk`."""
_ENTRY = ("number", "at", "what", "subject", "by", "facts", "previous", "hash")


class AuditApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    the ledger is down.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def list(self, query: Body) -> Body:
        """`{what?, subject?, by?, since?, until?, before?, oldest?, limit?}` →
        `{"entries": [{number, at, what, subject, by, facts, previous, hash}]}`, the newest first.

        `before` is the last number of the page before. A `by` that ends in `*` is a beginning.
        """
        asked = AuditAsk(
            **{name: _text(query, key) for key, name in _TEXTS.items()},
            before=whole(query.get("before") or 0, "before", 0, 2**53),
            oldest=query.get("oldest") in (True, "true", "1"),
            limit=whole(query.get("limit", 100), "limit", 1, MOST),
        )
        found = await self._rooms.post("/audit/list", DocList[AuditAsk]([asked]), AuditEntry)
        return {"entries": [_entry(entry) for entry in found]}

    async def verify(self, query: Body) -> Body:
        """`{head?}` → an `AuditCheck`: whether the trail is whole, and what is the first that is
        not."""
        asked = DocList[AuditCheck]([AuditCheck(head=_text(query, "head"))])
        (answer,) = await self._rooms.post("/audit/verify", asked, AuditCheck)
        return {name: value for name, value in plain(_sound(answer)).items() if name != "id"}

    async def note(self, what: str, subject: str, facts: Mapping[str, Fact]) -> None:
        """Put what the caller did into the trail. Never raises."""
        await self._rooms.note(what, subject, facts)

    async def lines(self, query: Body) -> AsyncIterator[str]:
        """The trail as an export has it: each entry as a line of JSON, the oldest first, with the
        filters of `list`."""
        above = 0
        while True:
            page = {**query, "before": above, "oldest": True, "limit": MOST}
            entries = (await self.list(page))["entries"]
            for entry in entries:
                yield json.dumps(entry, ensure_ascii=False) + "\n"
            if len(entries) < MOST:
                return
            above = entries[-1]["number"]


def _entry(entry: AuditEntry) -> Body:
    said = plain(_sound(entry))
    return {**{name: said[name] for name in _ENTRY}, "facts": json.loads(entry.facts)}


def _sound(answer: Any) -> Any:
    if answer.problem is None:
        return answer
    code = Code(answer.problem.code)
    raise (ServiceError if STATUS[code].http >= 500 else RequestError)(code, answer.problem.detail)


def _text(query: Body, name: str) -> str:
    value = query.get(name) if isinstance(query, dict) else None
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(Code.INVALID_FIELD, f"{name} must be text")
    return value
