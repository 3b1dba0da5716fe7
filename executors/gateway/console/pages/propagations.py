"""A ruling carried over to near-duplicates: what it would settle, what it settled, and back."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from executors.gateway.console.console import Console
from executors.gateway.console.views.requests import day, offset_of, text, words
from executors.gateway.console.views.search import case_path
from executors.gateway.door import WORKS

PAGE = 50
MOST_TICKS = 150
"""Near-duplicates that can be chosen one by one; more are settled all, or none."""


def add_propagations(console: Console) -> None:
    """Put `/propagations` on the console."""
    pages = _Propagations(console)
    console.add("/propagations", pages.every)
    console.add("/propagations", pages.apply, methods=("POST",), needs=WORKS)
    console.add("/propagations/preview/{id:id}", pages.preview, needs=WORKS)
    console.add("/propagations/{id:id}", pages.one)
    console.add("/propagations/{id:id}", pages.undo, methods=("POST",), needs=WORKS)


class _Propagations:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._api = console.api.learning

    async def every(self, request: Request) -> Response:
        offset = offset_of(request)
        asked: dict[str, Any] = {"limit": PAGE, "offset": offset}
        if decision := words(request, "decision"):
            asked["decision_id"] = decision
        found = (await self._api.propagations(asked))["propagations"]
        return self._console.render(
            request,
            "propagations.html",
            here="quality",
            propagations=found,
            offset=offset,
            limit=PAGE,
            case_path=case_path,
        )

    async def preview(self, request: Request) -> Response:
        """What a ruling would settle. Past decisions only where they are asked for."""
        decision = request.path_params["id"]
        past = words(request, "past") == "1"
        asked: dict[str, Any] = {"decision_id": decision, "past": past}
        window = {name: words(request, name) for name in ("since", "until")}
        asked |= _window(window) if past else {}
        found = await self._api.preview(asked)
        return self._shown(request, found, done=False, past=past, window=window)

    async def one(self, request: Request) -> Response:
        found = await self._api.propagation(request.path_params["id"])
        return self._shown(request, found, done=True, past=found["past"], window={})

    async def apply(self, request: Request) -> Response:
        form = await self._console.form(request)
        past = text(form, "past") == "1"
        asked: dict[str, Any] = {"decision_id": text(form, "decision"), "past": past}
        chosen = _chosen(form)
        asked |= {"only": chosen, "note": text(form, "note")}
        if past:
            asked |= _window({name: text(form, name) for name in ("since", "until")})
        if not chosen and not text(form, "all"):
            path = f"/propagations/preview{case_path(asked['decision_id']).removeprefix('/cases')}"
            return self._console.go(request, path, said="propagations.nothing_chosen")
        found = await self._api.apply(asked)
        path, n = f"/propagations/{found['id']}", found["applied"]
        return self._console.go(request, path, said="propagations.applied", n=n)

    async def undo(self, request: Request) -> Response:
        form = await self._console.form(request)
        name = request.path_params["id"]
        chosen, path = _chosen(form), f"/propagations/{name}"
        if not chosen and not text(form, "all"):
            return self._console.go(request, path, said="propagations.nothing_chosen")
        found = await self._api.undo(name, {"only": chosen, "note": text(form, "note")})
        kept = found["kept"]
        return self._console.go(request, path, said="propagations.undone", kept=kept)

    def _shown(self, request: Request, found: Any, **more: Any) -> Response:
        return self._console.render(
            request,
            "propagation.html",
            here="quality",
            found=found,
            case_path=case_path,
            ticks=len(found["items"]) <= MOST_TICKS,
            **more,
        )


def _chosen(form: FormData) -> list[str]:
    named = (value for value in form.getlist("only") if isinstance(value, str))
    return list(named)


def _window(days: dict[str, str]) -> dict[str, str]:
    asked = {"since": day(days["since"]), "until": day(days["until"], after=1)}
    return {name: value for name, value in asked.items() if value}
