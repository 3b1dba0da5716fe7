"""Decisions by their text, picture, id, advertiser, rule, outcome and date."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from starlette.responses import StreamingResponse

from adjudicate.documents import MARKETS, PRODUCTS
from adjudicate.errors import STATUS, RequestError
from executors.gateway.console.console import Console
from executors.gateway.console.views.requests import uploads, words
from executors.gateway.console.views.search import FIELDS, PAGE, asked_of, rows_of
from executors.gateway.door import AUDITS, LEADS

EXPORTS = (*AUDITS, *LEADS)
OUTCOMES = ("approve", "reject", "escalate", "error")


def add_search(console: Console) -> None:
    """Put `/search` on the console."""
    pages = _Search(console)
    most = console.settings.images.max_bytes + 100_000
    console.add("/search", pages.page)
    console.add("/search", pages.by_picture, methods=("POST",), most=most)
    console.add("/search.csv", pages.table, needs=EXPORTS)
    console.menu("search", "/search", order=20)


class _Search:
    def __init__(self, console: Console) -> None:
        self._console = console

    async def page(self, request: Request) -> Response:
        asked = {name: words(request, name) for name in FIELDS}
        body = asked_of(asked) | {"limit": PAGE}
        if after := words(request, "after"):
            body["after"] = after
        found: dict[str, Any] = {"decisions": [], "after": ""}
        problem = None
        try:
            found = await self._console.api.records.search(body)
        except RequestError as error:
            problem = error
        policy = self._console.policy()
        return self._console.render(
            request,
            "search.html",
            200 if problem is None else STATUS[problem.code].http,
            here="search",
            asked=asked,
            rows=rows_of(found),
            last=found["after"],
            by_picture=bool(asked["phash"] or asked["picture"]),
            problem=problem,
            outcomes=OUTCOMES,
            markets=MARKETS,
            products=PRODUCTS,
            rules=[*policy.rules, *policy.off],
        )

    async def by_picture(self, request: Request) -> Response:
        """To the page of what is like a picture. It is named there by its hashes: nobody has to
        keep it."""
        form = await self._console.form(request)
        pictures = uploads(form, "image")
        if not pictures:
            return self._console.go(request, "/search")
        image = await pictures[0].read()
        found = await self._console.api.records.search({"image": image, "limit": 1})
        named = {name: found[name] for name in ("phash", "picture") if found[name]}
        return self._console.go(request, f"/search?{urlencode(named)}")

    async def table(self, request: Request) -> Response:
        """What was found as CSV, all pages of it."""
        asked = asked_of({name: words(request, name) for name in FIELDS})
        lines = self._console.api.records.csv(asked)
        first = await anext(lines)  # what is refused is refused before the answer begins

        async def whole() -> AsyncIterator[str]:
            yield first
            async for line in lines:
                yield line

        headers = {"content-disposition": 'attachment; filename="decisions.csv"'}
        return StreamingResponse(whole(), media_type="text/csv; charset=utf-8", headers=headers)
