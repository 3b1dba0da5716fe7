"""Quality over time, as a client sees it: figures, the reference of drift, people's verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adjudicate.documents import PersonsVerdict, PersonVerdict, Quality, Reference

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient


class AsyncQuality:
    """How good the decisions are, and what people say of them."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def figures(self, hours: float | None = None) -> Quality:
        """Drift, what the judge finds, what the screen misses, and how often people agree, over
        the last `hours`; None as the service is set.

        Raises `RequestError` with code `invalid_field` for a window that cannot be.
        """
        transport = self._client._transport
        return await self._client._ask(lambda: transport().quality(_length(hours)))

    async def set_reference(
        self, hours: float | None = None, *, by: str = "", note: str = ""
    ) -> Reference:
        """Make the ads of the last `hours` the reference that drift is measured against.

        Raises `RequestError` with code `too_few_ads` or `invalid_field`.
        """
        asked = Reference(hours=_length(hours), created_by=by, note=note)
        transport = self._client._transport
        return await self._client._ask(lambda: transport().set_reference(asked), repeat=False)

    async def uphold(self, decision_id: str, *, by: str, note: str = "") -> PersonVerdict:
        """Say that a decision is right. It does not change the decision; saying it again changes
        nothing.

        Raises `RequestError` with code `not_found`, `not_reviewable` for an escalation or an
        error, or `invalid_field` without `by`.
        """
        return await self._say(decision_id, "upheld", by, note)

    async def overturn(self, decision_id: str, *, by: str, note: str = "") -> PersonVerdict:
        """Say that a decision is wrong. As `uphold`."""
        return await self._say(decision_id, "overturned", by, note)

    async def _say(
        self, decision_id: str, verdict: PersonsVerdict, by: str, note: str
    ) -> PersonVerdict:
        asked = PersonVerdict(id=decision_id, verdict=verdict, by=by, note=note)
        transport = self._client._transport
        return await self._client._ask(lambda: transport().verdict(asked))


def _length(hours: float | None) -> float:
    """As a request has it, where 0 means as the service is set. Raises `ValueError` for 0."""
    if hours == 0:
        raise ValueError("hours must be above 0, or None")
    return 0.0 if hours is None else float(hours)
