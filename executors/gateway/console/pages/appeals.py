"""Appeals: what is held against decisions, and what people make of it."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from adjudicate.errors import Code, RequestError
from executors.gateway.console.console import Console
from executors.gateway.console.views.requests import offset_of, text, words
from executors.gateway.console.views.search import case_path
from executors.gateway.door import WORKS

STATES = ("open", "upheld", "overturned")
PAGE = 50


def add_appeals(console: Console) -> None:
    """Put `/appeals` on the console."""
    pages = _Appeals(console)
    console.add("/appeals", pages.page)
    console.add("/appeals", pages.open, methods=("POST",), needs=WORKS)
    console.add("/appeals/decide", pages.decide, methods=("POST",), needs=WORKS)
    console.menu("appeals", "/appeals", order=15)


class _Appeals:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._api = console.api.appeals

    async def page(self, request: Request) -> Response:
        state = words(request, "state") or STATES[0]
        asked: dict[str, Any] = {"limit": PAGE, "offset": offset_of(request)}
        if state in STATES:
            asked["state"] = state
        if decision := words(request, "decision"):
            asked["decision_id"] = decision
        found = (await self._api.list(asked))["appeals"]
        return self._console.render(
            request,
            "appeals.html",
            here="appeals",
            appeals=found,
            rules=[*self._console.policy().rules],
            state=state if state in STATES else "all",
            states=(*STATES, "all"),
            offset=asked["offset"],
            limit=PAGE,
            decision=decision,
            case_path=case_path,
        )

    async def open(self, request: Request) -> Response:
        form = await self._console.form(request)
        decision = text(form, "decision")
        if not decision:
            raise RequestError(Code.INVALID_FIELD, "decision: name the decision's id")
        body = {name: text(form, name) for name in ("reason", "contact")}
        await self._api.open(decision, body)
        return self._console.go(request, "/appeals", said="appeals.opened")

    async def decide(self, request: Request) -> Response:
        form = await self._console.form(request)
        body = {name: said for name in ("state", "note", "rule") if (said := text(form, name))}
        await self._api.decide(text(form, "id"), body)
        said = "upheld" if body.get("state") == "upheld" else "overturned"
        return self._console.go(request, "/appeals", said=f"appeals.now_{said}")
