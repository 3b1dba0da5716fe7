"""How good the decisions are: what people's answers say, the audit sample, drift; and what was
carried over to near-duplicates."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from adjudicate.errors import AdjudicateError
from executors.gateway.console.console import Console
from executors.gateway.console.views.requests import words

WINDOWS = (24, 168, 720)
"""Hours that the page offers."""


def add_quality(console: Console) -> None:
    """Put `/quality` on the console."""

    async def page(request: Request) -> Response:
        asked = words(request, "hours")
        hours = int(asked) if asked in map(str, WINDOWS) else WINDOWS[1]
        learning = await console.api.learning.figures({"hours": hours})
        quality, problem = await _quality(hours)
        return console.render(
            request,
            "quality.html",
            here="quality",
            learning=learning,
            quality=quality,
            problem=problem,
            hours=hours,
            windows=WINDOWS,
        )

    async def _quality(hours: int) -> tuple[Any, AdjudicateError | None]:
        """The judge's and the library's figures; the page can do without them."""
        try:
            return await console.api.quality.figures({"hours": hours}), None
        except AdjudicateError as error:
            return None, error

    console.add("/quality", page)
    console.menu("quality", "/quality", order=50)
