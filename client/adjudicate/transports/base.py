"""What a transport does. Three implementations, one shared test suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar

from docarray import BaseDoc

from adjudicate.answers import Embedding, SearchResult
from adjudicate.documents import (
    Ad,
    AuditAsk,
    AuditCheck,
    AuditEntry,
    Bank,
    CaseFile,
    Change,
    Decision,
    DecisionAsk,
    DecisionRow,
    Erasure,
    Exemplar,
    Expiry,
    ExportRow,
    ModelVersion,
    PersonVerdict,
    Quality,
    Ranking,
    Reference,
    RoomReport,
    RoomStatus,
    ThresholdVersion,
)
from adjudicate.errors import Code, ServiceError
from adjudicate.report.model import Report

D = TypeVar("D", bound=BaseDoc)

Fields = Mapping[str, Any]
"""What an operation sets, by name."""


@dataclass(frozen=True)
class Page:
    """A page of the library; empty filters mean all."""

    limit: int = 100
    offset: int = 0
    category: str = ""
    polarity: str = ""
    bank: str = ""
    sort: str = "newest"
    after: str = ""

    def parameters(self) -> dict[str, str | int]:
        """The fields that are set, as a request carries them."""
        set_ = {name: value for name, value in asdict(self).items() if value}
        return {**set_, "limit": self.limit, "offset": self.offset}


class Transport(Protocol):
    """One request, one answer. No retries, no time limit, no bound on what is in flight: those are
    the client's, the same for all.

    Every method raises `RequestError` when the service refuses the request and `ServiceError` when
    it cannot answer.
    """

    def review(self, ads: Sequence[Ad]) -> AsyncIterator[tuple[int, Decision]]:
        """A decision per ad with the ad's position, in any order, as they become ready."""

    async def embed(self, ads: Sequence[Ad]) -> list[Embedding]: ...

    async def search(
        self, ads: Sequence[Ad], limit: int, *, per_category: bool = False
    ) -> list[SearchResult]: ...

    async def rank(self, queries: Sequence[Ranking]) -> list[Ranking]: ...

    async def classify(
        self, queries: Sequence[Ranking], labels: Sequence[str], template: str
    ) -> list[Ranking]: ...

    async def list_exemplars(self, page: Page) -> list[Exemplar]: ...

    async def get_exemplar(self, exemplar_id: str) -> Exemplar: ...

    async def add_exemplars(
        self, exemplars: Sequence[Exemplar], dry_run: bool
    ) -> list[Exemplar]: ...

    async def held_exemplars(self, content_hashes: Sequence[str]) -> list[Exemplar]: ...

    async def set_exemplar(self, exemplar_id: str, fields: Fields) -> Exemplar: ...

    async def remove_exemplar(self, exemplar_id: str, said: Fields) -> None: ...

    async def banks(self) -> list[Bank]: ...

    async def switch_bank(self, name: str, fields: Fields) -> Bank: ...

    async def changes(self, exemplar_id: str, limit: int, offset: int) -> list[Change]: ...

    async def list_thresholds(self) -> list[ThresholdVersion]: ...

    async def get_thresholds(self, version: str) -> ThresholdVersion: ...

    async def add_thresholds(self, version: ThresholdVersion) -> ThresholdVersion: ...

    async def set_thresholds(self, asked: ThresholdVersion) -> ThresholdVersion: ...

    async def list_models(self) -> list[ModelVersion]: ...

    async def load_model(self, name: str) -> list[ModelVersion]: ...

    async def decision(self, decision_id: str) -> Decision: ...

    async def decisions(self, limit: int, offset: int) -> list[Decision]: ...

    async def verdict(self, asked: PersonVerdict) -> PersonVerdict: ...

    async def quality(self, hours: float) -> Quality: ...

    async def set_reference(self, asked: Reference) -> Reference: ...

    async def read_trail(self, asked: AuditAsk) -> list[AuditEntry]: ...

    async def check_trail(self, asked: AuditCheck) -> AuditCheck: ...

    async def search_decisions(self, asked: DecisionAsk) -> list[DecisionRow]: ...

    async def export_decisions(self, asked: DecisionAsk) -> list[ExportRow]: ...

    async def case_file(self, decision_id: str) -> CaseFile: ...

    async def erase(self, asked: Erasure) -> Erasure: ...

    async def expire(self, asked: Expiry) -> Expiry: ...

    async def work(self, op: str, asked: BaseDoc, kind: type[D]) -> list[D]: ...

    async def status(self) -> list[RoomStatus]: ...

    async def report(self, asked: RoomReport) -> Report: ...

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
