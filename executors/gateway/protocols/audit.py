"""The HTTP routes of the audit trail: thin, over `AuditApi`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import FastAPI, Query, Response

from adjudicate.errors import Code
from executors.gateway.operations.audit import MOST, AuditApi
from executors.gateway.operations.bodies import Body
from executors.gateway.protocols.openapi import told

What = Annotated[str, Query(description="As `reviewed` or `decided`; empty for all.")]
Subject = Annotated[str, Query(description="The id of what it was done to; empty for all.")]
By = Annotated[
    str, Query(description="Who did it, as `key:3f9c01d2a4b5`; or a beginning, as `key:*`.")
]
Since = Annotated[str, Query(description="From then on. UTC, ISO 8601.")]
Until = Annotated[str, Query(description="Before then. UTC, ISO 8601.")]
Before = Annotated[
    int,
    Query(ge=0, description="The last number of the page before; 0 for the first page."),
]
Oldest = Annotated[bool, Query(description="The oldest first.")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Entries of the page, at most.")]
Head = Annotated[
    str, Query(description="The hash of an end that was noted earlier: it must still be there.")
]


def add_audit_routes(app: FastAPI, api: AuditApi, answer: Callable[[Body], Response]) -> None:
    """Put `/v1/audit…` on the application."""

    @app.get(
        "/v1/audit",
        **told(
            "audit",
            "Who did what, the newest first",
            endpoint="/audit/list",
            gives="AuditEntries",
            refuses=[Code.INVALID_FIELD],
            description="Each entry holds the hash of the one before. docs/audit.md says what is "
            "hashed.",
        ),
    )
    async def audit(
        what: What = "",
        subject: Subject = "",
        by: By = "",
        since: Since = "",
        until: Until = "",
        before: Before = 0,
        oldest: Oldest = False,
        limit: Limit = 100,
    ) -> Response:
        asked = {"what": what, "subject": subject, "by": by, "since": since, "until": until}
        page = {"before": before, "oldest": oldest, "limit": limit}
        return answer(await api.list({**asked, **page}))

    @app.get(
        "/v1/audit/verify",
        **told(
            "audit",
            "Whether the trail is whole",
            endpoint="/audit/verify",
            gives="AuditCheck",
            refuses=[Code.INVALID_FIELD],
            description="Reads the whole trail, some 30 s for a million entries, and compares the "
            "decisions on record with it.",
        ),
    )
    async def audit_verify(head: Head = "") -> Response:
        return answer(await api.verify({"head": head}))
