"""The report's HTTP route: thin, over `ReportApi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Query, Response

from executors.gateway.operations.bodies import Body
from executors.gateway.operations.report import ReportApi
from executors.gateway.protocols.openapi import told

_MOST = 100
"""Characters; longer is no window."""
_DURATION = "How long: `90s`, `15m`, `1h`, `7d`; up to 31 days. An hour where nothing is said."
_TIME = "ISO 8601; UTC where no offset is named."

Duration = Annotated[str, Query(max_length=_MOST, description=_DURATION, examples=["15m"])]
Time = Annotated[str, Query(max_length=_MOST, description=_TIME, examples=["2026-03-01T12:00Z"])]


def add_report_route(app: FastAPI, api: ReportApi, answer: Callable[[Body], Response]) -> None:
    """Put `/v1/report` on the application."""

    @app.get(
        "/v1/report",
        **told(
            "service",
            "What the service did over a window of time",
            endpoint="/report",
            gives="Report",
            description="Times by stage, use of the processes and GPUs, outcomes and codes. The "
            "window is the last `window`, the `window` that begins at `since` or ends at `until`, "
            "or the time between the two.",
        ),
    )
    async def report(window: Duration = "", since: Time = "", until: Time = "") -> Response:
        return answer(await api.report({"window": window, "since": since, "until": until}))
