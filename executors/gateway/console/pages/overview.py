"""How the service does now: volume, outcomes, latency, and how long people's work waits."""

from __future__ import annotations

from fastapi import Request, Response

from executors.gateway.console.console import Console
from executors.gateway.console.rendering import labelled
from executors.gateway.console.texts import texts_of
from executors.gateway.console.view import view_of
from executors.gateway.console.views.overview import WINDOWS, seconds, shown
from executors.gateway.console.views.requests import words

REFRESH_S = 10


def add_overview(console: Console) -> None:
    """Put `/overview` on the console."""

    async def page(request: Request) -> Response:
        asked = words(request, "hours")
        hours = int(asked) if asked in map(str, WINDOWS) else WINDOWS[0]
        overview = await console.api.learning.overview({"hours": hours})
        texts = texts_of(view_of(request).lang)
        return console.render(
            request,
            "overview.html",
            here="overview",
            overview=overview,
            shown=shown(overview, lambda section, code: labelled(texts, section, code)),
            seconds=seconds,
            hours=hours,
            windows=WINDOWS,
            refresh_s=REFRESH_S,
        )

    console.add("/overview", page)
    console.menu("overview", "/overview", order=60)
