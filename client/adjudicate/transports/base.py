"""What a transport does. Three implementations, one shared test suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from adjudicate.answers import Embedding, SearchResult
from adjudicate.documents import Ad, Decision, Exemplar, RoomStatus
from adjudicate.errors import Code, ServiceError


@dataclass(frozen=True)
class Page:
    """A page of the library; empty filters mean all."""

    limit: int = 100
    offset: int = 0
    category: str = ""
    polarity: str = ""

    def parameters(self) -> dict[str, str | int]:
        """The fields that are set, as a request carries them."""
        named = {"category": self.category, "polarity": self.polarity}
        filters = {name: value for name, value in named.items() if value}
        return {"limit": self.limit, "offset": self.offset, **filters}


class Transport(Protocol):
    """One request, one answer. No retries, no time limit, no bound on what is in flight: those are
    the client's, the same for all.

    Every method raises `RequestError` when the service refuses the request and `ServiceError` when
    it cannot answer.
    """

    def review(self, ads: Sequence[Ad]) -> AsyncIterator[tuple[int, Decision]]:
        """A decision per ad with the ad's position, in any order, as they become ready."""

    async def embed(self, ads: Sequence[Ad]) -> list[Embedding]: ...

    async def search(self, ads: Sequence[Ad], limit: int) -> list[SearchResult]: ...

    async def list_exemplars(self, page: Page) -> list[Exemplar]: ...

    async def get_exemplar(self, exemplar_id: str) -> Exemplar: ...

    async def add_exemplars(self, exemplars: Sequence[Exemplar]) -> list[Exemplar]: ...

    async def remove_exemplar(self, exemplar_id: str) -> None: ...

    async def decision(self, decision_id: str) -> Decision: ...

    async def decisions(self, limit: int, offset: int) -> list[Decision]: ...

    async def status(self) -> list[RoomStatus]: ...

    async def close(self) -> None: ...


def in_order(ads: Sequence[Ad], decisions: Sequence[Decision]) -> list[tuple[int, Decision]]:
    """Positions for an answer that promises the order of its request.

    Raises `ServiceError` when the answer is not one decision per ad: better than a decision that
    stands beside the wrong ad.
    """
    if [ad.id for ad in ads] != [decision.ad_id for decision in decisions]:
        detail = f"{len(decisions)} decisions for {len(ads)} ads, or not theirs"
        raise ServiceError(Code.INTERNAL, detail)
    return list(enumerate(decisions))
