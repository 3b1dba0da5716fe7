"""The audit trail: who did what, and the proof that nobody changed what is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from executors.gateway.console.console import Console
from executors.gateway.console.views.audit import DEEDS, entries_of
from executors.gateway.console.views.requests import day, text, words
from executors.gateway.door import AUDITS

PAGE = 100
_FILTERS = ("what", "subject", "by")


def add_audit(console: Console) -> None:
    """Put `/audit` on the console."""
    pages = _Audit(console)
    console.add("/audit", pages.page, needs=AUDITS)
    console.add("/audit/verify", pages.verify, methods=("POST",), needs=AUDITS)
    console.add("/audit.jsonl", pages.export, needs=AUDITS)
    console.menu("audit", "/audit", AUDITS, order=90)


class _Audit:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._api = console.api.audit

    async def page(self, request: Request) -> Response:
        return await self._page(request)

    async def verify(self, request: Request) -> Response:
        """The same page, with what a check of the whole trail found."""
        form = await self._console.form(request)
        check = await self._api.verify({"head": text(form, "head")})
        return await self._page(request, check)

    async def export(self, request: Request) -> Response:
        """The entries that the filters let pass as lines of JSON; without filters the whole trail,
        which `adjudicate audit verify FILE` proves anywhere."""
        lines = self._api.lines(self._query(request))
        first = await anext(lines, "")  # what is refused is refused before the answer begins

        async def whole() -> AsyncIterator[str]:
            yield first
            async for line in lines:
                yield line

        headers = {"content-disposition": 'attachment; filename="audit.jsonl"'}
        await self._api.note("exported", "audit", {"format": "jsonl"})
        return StreamingResponse(whole(), media_type="application/x-ndjson", headers=headers)

    async def _page(self, request: Request, check: Any = None) -> Response:
        asked = {name: words(request, name) for name in (*_FILTERS, "since", "until")}
        before = words(request, "before")
        query = {**self._query(request), "limit": PAGE}
        if before.isdecimal():
            query["before"] = int(before)
        entries = (await self._api.list(query))["entries"]
        return self._console.render(
            request,
            "audit.html",
            here="audit",
            trail=entries_of(entries),
            asked=asked,
            deeds=DEEDS,
            check=check,
            first=not before,
            last=entries[-1]["number"] if len(entries) == PAGE else 0,
        )

    def _query(self, request: Request) -> dict[str, Any]:
        asked = {name: words(request, name) for name in _FILTERS}
        asked["since"] = day(words(request, "since"))
        asked["until"] = day(words(request, "until"), after=1)
        return {name: value for name, value in asked.items() if value}
