"""The exemplars, as a client sees them: known violations, and look-alikes that are fine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from adjudicate.documents import Bank, Change, Exemplar
from adjudicate.transports.base import Page

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient


class AsyncLibrary:
    """What `AsyncClient.library` does. All but `remove` and `switch_bank` is repeated when the
    service is away: it is safe to repeat."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def list(
        self,
        *,
        limit: int = 100,
        offset: int = 0,
        category: str = "",
        polarity: str = "",
        bank: str = "",
        sort: str = "newest",
        after: str = "",
    ) -> list[Exemplar]:
        """One page, without pictures; filters that are empty mean all.

        `sort`: `newest`, `id`, or by hit counts `flagged`, `rejected`, `overturned`, the worst
        first. `after`, an id, goes on with a listing sorted by `id`.
        """
        page = Page(limit, offset, category, polarity, bank, sort, after)
        return await self._client._ask(lambda: self._client._transport().list_exemplars(page))

    async def get(self, exemplar_id: str) -> Exemplar:
        """One exemplar with its picture. Raises `RequestError` with code `not_found`."""
        return await self._client._ask(lambda: self._client._transport().get_exemplar(exemplar_id))

    async def add(
        self, exemplars: Exemplar | Sequence[Exemplar], *, dry_run: bool = False
    ) -> Sequence[Exemplar]:
        """Add exemplars, in one request; each comes back as held, or with its `problem`.

        Content that is held already is not added again: `repeats` names it. `near_duplicate` names
        an exemplar that a new one is almost a copy of. A dry run answers the same, adds nothing.
        """
        group = [exemplars] if isinstance(exemplars, Exemplar) else exemplars
        return await self._client._ask(
            lambda: self._client._transport().add_exemplars(group, dry_run)
        )

    async def held(self, content_hashes: Sequence[str]) -> dict[str, Exemplar]:
        """The exemplars that have this content, by its hash (`adjudicate.content`)."""
        if not content_hashes:
            return {}
        found = await self._client._ask(
            lambda: self._client._transport().held_exemplars(content_hashes)
        )
        return {exemplar.content_hash: exemplar for exemplar in found}

    async def set(
        self, exemplar_id: str, /, *, by: str = "", why: str = "", **fields: Any
    ) -> Exemplar:
        """Set `enabled`, `bank`, `category`, `rule`, `severity`, `polarity`, `note` of one.

        `by` and `why` go into the log. Raises `RequestError` with code `not_found` or
        `invalid_field`.
        """
        said = {**fields, **{name: v for name, v in (("by", by), ("why", why)) if v}}
        return await self._client._ask(
            lambda: self._client._transport().set_exemplar(exemplar_id, said)
        )

    async def remove(self, exemplar_id: str, *, by: str = "", why: str = "") -> None:
        """Take one exemplar out. Raises `RequestError` with code `not_found`."""
        said = {name: value for name, value in (("by", by), ("why", why)) if value}
        await self._client._ask(
            lambda: self._client._transport().remove_exemplar(exemplar_id, said), repeat=False
        )

    async def banks(self) -> Sequence[Bank]:
        """Every bank with its counts."""
        return await self._client._ask(lambda: self._client._transport().banks())

    async def switch_bank(
        self, name: str, enabled: bool | None = None, *, by: str = "", note: str = ""
    ) -> Bank:
        """Switch a bank on or off; None only sets its note. A bank that is not there is made."""
        given = {"enabled": enabled, "by": by, "note": note}
        said = {name: value for name, value in given.items() if value not in (None, "")}
        return await self._client._ask(
            lambda: self._client._transport().switch_bank(name, said), repeat=False
        )

    async def changes(
        self, exemplar_id: str = "", *, limit: int = 100, offset: int = 0
    ) -> Sequence[Change]:
        """Who did what to one exemplar and its bank, or to all, the newest first."""
        return await self._client._ask(
            lambda: self._client._transport().changes(exemplar_id, limit, offset)
        )
