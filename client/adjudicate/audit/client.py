"""The audit trail, as a client sees it: who did what, and whether it is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from adjudicate.documents import AuditAsk, AuditCheck, AuditEntry

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient

PAGE = 1_000
"""Entries of one request, at most."""


class AsyncAudit:
    """Takes a key with the scope `audit`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def page(
        self,
        *,
        what: str = "",
        subject: str = "",
        by: str = "",
        since: str = "",
        until: str = "",
        before: int = 0,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """Entries, the newest first; an empty filter means all.

        `by` may be a beginning with a `*` after it, as `key:*`; `since` and `until` are UTC, ISO
        8601; `before` is the last number of the page before.

        Raises `RequestError` with code `invalid_field`.
        """
        filters = {"what": what, "subject": subject, "since": since, "until": until}
        return await self._page(AuditAsk(**filters, actor=by, before=before, limit=limit))

    async def entries(self, *, after: int = 0) -> AsyncIterator[AuditEntry]:
        """All entries with a number above `after`, in their order, up to the last one now."""
        while True:
            found = await self._page(AuditAsk(oldest=True, before=after, limit=PAGE))
            for entry in found:
                yield entry
            if len(found) < PAGE:
                return
            after = found[-1].number

    async def verify(self, head: str = "") -> AuditCheck:
        """Let the service go through the whole trail, and compare the decisions on record with it.

        `head` is the hash of an end that was noted earlier: it must still be in the trail. To
        check without trusting the service, take `entries` to `adjudicate.audit.checking.Chain`.
        """
        transport = self._client._transport
        return await self._client._ask(lambda: transport().check_trail(AuditCheck(head=head)))

    async def _page(self, asked: AuditAsk) -> list[AuditEntry]:
        transport = self._client._transport
        return await self._client._ask(lambda: transport().read_trail(asked))
