"""The library: exemplars by bank and category, what they hit, and which are almost copies."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from executors.gateway.caller import Scope
from executors.gateway.console.console import Console
from executors.gateway.console.views.library import (
    PAGE,
    SCANNED,
    card,
    copies_of,
)
from executors.gateway.console.views.policies import categories_of
from executors.gateway.console.views.requests import offset_of, words
from executors.gateway.door import READS_LIBRARY

SORTS = ("newest", "flagged", "rejected", "overturned")
POLARITIES = ("violation", "lookalike")
CHANGES = (Scope.LIBRARY,)
_FILTERS = ("category", "polarity", "bank", "sort")


def add_library(console: Console) -> None:
    """Put `/library` and `/banks` on the console."""
    api = console.api.library

    async def browse(request: Request) -> Response:
        asked = {name: words(request, name) for name in _FILTERS}
        offset = offset_of(request)
        query = {**asked, "limit": PAGE, "offset": offset}
        found = await api.page({name: value for name, value in query.items() if value})
        banks = (await api.banks())["banks"]
        cards = [card(one, _off(banks)) for one in found["exemplars"]]
        return console.render(
            request,
            "library.html",
            here="library",
            cards=cards,
            offset=offset,
            limit=PAGE,
            banks=banks,
            categories=categories_of(console.policy()),
            polarities=POLARITIES,
            sorts=SORTS,
            asked=asked,
        )

    async def copies(request: Request) -> Response:
        after = words(request, "after")
        query = {"limit": SCANNED, "sort": "id", "after": after}
        found = await api.page({name: value for name, value in query.items() if value})
        exemplars = found["exemplars"]
        near = await _near(exemplars)
        off = _off((await api.banks())["banks"])
        groups = copies_of(exemplars, near, await _held(exemplars, near, off))
        last = exemplars[-1]["id"] if len(exemplars) == SCANNED else ""
        return console.render(
            request,
            "copies.html",
            here="library",
            groups=groups,
            looked_at=len(exemplars),
            first=not after,
            last=last,
        )

    async def _near(exemplars: list[Any]) -> list[Any]:
        if not exemplars:
            return []
        answer = await api.near([one["id"] for one in exemplars], {"limit": 4, "copies": True})
        return list(answer["near"])

    async def _held(exemplars: list[Any], near: list[Any], off: set[str]) -> dict[str, Any]:
        held = {one["id"]: card(one, off) for one in exemplars}
        named = {match["exemplar_id"] for one in near for match in one["matches"]}
        others = (await api.some(sorted(named - set(held))))["exemplars"]
        return held | {one["id"]: card(one, off) for one in others if not one["problem"]}

    async def banks(request: Request) -> Response:
        found = (await api.banks())["banks"]
        return console.render(request, "banks.html", here="library", banks=found)

    async def switch(request: Request) -> Response:
        form = await console.form(request)
        name, me = str(form.get("name") or ""), console.me(request)
        body: dict[str, Any] = {"by": me.name if me else "", "note": str(form.get("note") or "")}
        if (enabled := form.get("enabled")) is not None:
            body["enabled"] = enabled == "true"
        await api.bank(name, body)
        return console.go(request, "/banks", said="library.bank_switched", name=name)

    console.add("/library", browse, needs=READS_LIBRARY)
    console.add("/library/copies", copies, needs=READS_LIBRARY)
    console.add("/banks", banks, needs=READS_LIBRARY)
    console.add("/banks", switch, methods=("POST",), needs=CHANGES)
    console.menu("library", "/library", READS_LIBRARY, order=30)


def _off(banks: list[Any]) -> set[str]:
    return {bank["name"] for bank in banks if not bank["enabled"]}
