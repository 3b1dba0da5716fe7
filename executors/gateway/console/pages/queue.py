"""The queue: what waits for people, and the way to the next case."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from adjudicate.errors import Code, RequestError
from executors.gateway.console.console import Console
from executors.gateway.door import WORKS

PATH = "/queue"
PAGE = 50
FILTERS = ("kind", "stage", "rule", "category", "advertiser", "market", "product", "language")
"""What the queue can be narrowed to; who then works on it stays within that."""
VIEWS: dict[str, dict[str, Any]] = {
    "open": {"state": "open"},
    "free": {"state": "open", "free": True},
    "mine": {"state": "open", "mine": True},
    "settled": {"state": "settled", "sort": "newest"},
}
SORTS = ("priority", "oldest", "newest")


def add_queue(console: Console) -> None:
    """`/queue`, and `/queue/next`, which claims."""
    pages = _Queue(console)
    console.add(PATH, pages.listing)
    console.add(f"{PATH}/next", pages.next, methods=("POST",), needs=WORKS)
    console.menu("queue", PATH, order=10)


def narrowed(values: Any) -> dict[str, str]:
    """The filters among a query's or a form's values."""
    return {name: str(values[name])[:200] for name in FILTERS if values.get(name)}


def with_filters(path: str, filters: dict[str, str]) -> str:
    """The path with the filters as its query."""
    return f"{path}?{urlencode(filters)}" if filters else path


class _Queue:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def listing(self, request: Request) -> Response:
        query = request.query_params
        view = query.get("view", "open")
        view = view if view in VIEWS else "open"
        sort = query.get("sort", "priority")
        filters = narrowed(query)
        if text := query.get("text", "").strip()[:200]:
            filters["text"] = text
        offset = _offset(query.get("offset", ""))
        asked: dict[str, Any] = {"sort": sort if sort in SORTS else "priority", **VIEWS[view]}
        asked |= filters | {"limit": PAGE, "offset": offset}
        listed, counts, whole = await asyncio.gather(
            self._console.api.queue.list(asked),
            self._console.api.queue.counts(filters),
            self._console.api.queue.counts({}),
        )
        return self._console.render(
            request,
            "queue.html",
            here="queue",
            items=listed["cases"],
            counts=counts,
            whole=whole,
            total={name: counts.get(name) for name in ("open", "free", "mine")}.get(view),
            view_name=view,
            views=tuple(VIEWS),
            sort=asked["sort"],
            filters=filters,
            offset=offset,
            limit=PAGE,
        )

    async def next(self, request: Request) -> Response:
        """Claims the next case within the filters; a script gets its id."""
        form = await self._console.form(request)
        filters = narrowed(form)
        skip = [str(one)[:200] for one in form.getlist("skip")][:100]
        try:
            item = await self._console.api.queue.claim({**filters, "skip": skip})
        except RequestError as error:
            if error.code is not Code.QUEUE_EMPTY:
                raise
            if _is_script(request):
                return JSONResponse({"id": ""})
            return self._console.go(request, with_filters(PATH, filters), "queue.nothing_next")
        if _is_script(request):
            return JSONResponse({"id": item["id"]})
        return self._console.go(request, with_filters(f"/cases/{item['id']}", filters))


def _is_script(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def _offset(text: str) -> int:
    return min(int(text), 10**9) if text.isascii() and text.isdigit() and len(text) < 12 else 0
