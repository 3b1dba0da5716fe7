"""What is on record, as a client sees it: searches, case files, export, erasure and expiry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from adjudicate.documents import CaseFile, DecisionAsk, DecisionRow, Erasure, Expiry, ExportRow

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient

PAGE = 500
"""Decisions of one request of an export."""


class AsyncRecords:
    """Reading takes a key of a reviewer, a lead or an auditor; export a lead's or an auditor's;
    erasure and expiry an admin's."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def search(
        self,
        *,
        decision: str = "",
        text: str = "",
        picture: str = "",
        phash: str = "",
        advertiser: str = "",
        outcome: str = "",
        rule: str = "",
        market: str = "",
        product: str = "",
        since: str = "",
        until: str = "",
        limit: int = 50,
        after: str = "",
    ) -> list[DecisionRow]:
        """Decisions that all of these hold of, the newest first; an empty filter means all.

        `decision` is an id of it or of its ad, `text` stands in the copy, however it is written,
        `picture` is the SHA-256 of a picture's bytes, `phash` the PDQ hash of one whose
        near-duplicates are wanted, nearest first; `rule` may end in `*`; `outcome` is what counts
        now; `since` and `until` are UTC, ISO 8601; `after` is the last id of the page before.

        Raises `RequestError` with code `invalid_field`, or `not_found` for `after`.
        """
        asked = DecisionAsk(
            decision=decision,
            text=text,
            picture=picture,
            phash=phash,
            advertiser=advertiser,
            outcome=outcome,
            rule=rule,
            market=market,
            product=product,
            since=since,
            until=until,
            limit=limit,
            after=after,
        )
        transport = self._client._transport
        return await self._client._ask(lambda: transport().search_decisions(asked))

    async def case(self, decision_id: str) -> CaseFile:
        """All that is known of a decision, by its id or its ad's.

        Raises `RequestError` with code `not_found`.
        """
        transport = self._client._transport
        return await self._client._ask(lambda: transport().case_file(decision_id))

    async def export(
        self,
        *,
        outcome: str = "",
        rule: str = "",
        advertiser: str = "",
        market: str = "",
        product: str = "",
        since: str = "",
        until: str = "",
    ) -> AsyncIterator[ExportRow]:
        """All decisions that these hold of, with their evidence, the oldest first. The audit trail
        notes it. Filters as in `search`.

        Raises `RequestError` with code `invalid_field`.
        """
        after = ""
        filters = {"outcome": outcome, "rule": rule, "advertiser": advertiser, "market": market}
        times = {"product": product, "since": since, "until": until}
        while True:
            page = await self._page(DecisionAsk(**filters, **times, limit=PAGE, after=after))
            for row in page:
                yield row
            if len(page) < PAGE:
                return
            after = page[-1].id or ""

    async def erase(self, *, ad: str = "", advertiser: str = "", dry_run: bool = False) -> Erasure:
        """Erase what is personal about an ad, by its id, or about all ads of an advertiser, by its
        name exactly; `dry_run` only counts. It cannot be undone.

        Raises `RequestError` with code `invalid_field` or `not_found`.
        """
        asked = Erasure(ad=ad, advertiser=advertiser, dry_run=dry_run)
        transport = self._client._transport
        return await self._client._ask(lambda: transport().erase(asked), repeat=dry_run)

    async def expire(self, *, dry_run: bool = False) -> Expiry:
        """Delete now what is past the time that the service keeps it; `dry_run` only counts."""
        transport = self._client._transport
        return await self._client._ask(lambda: transport().expire(Expiry(dry_run=dry_run)))

    async def _page(self, asked: DecisionAsk) -> list[ExportRow]:
        transport = self._client._transport
        return await self._client._ask(lambda: transport().export_decisions(asked))
