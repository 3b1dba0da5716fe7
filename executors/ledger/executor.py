"""The ledger room: merges both branches, decides, and records before it answers."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import (
    Case,
    Decision,
    Lookup,
    Problem,
    RoomReport,
    RoomStatus,
)
from adjudicate.errors import AdError, Code
from adjudicate.report.parts import Part
from executors.ledger.audit.endpoints import AuditRoom
from executors.ledger.learning.endpoints import LearningRoom
from executors.ledger.merge import merge
from executors.ledger.quality.endpoints import QualityRoom
from executors.ledger.queue.endpoints import QueueRoom
from executors.ledger.recorder import Recorder
from executors.ledger.records.endpoints import RecordsRoom
from executors.ledger.reporting import Reporting
from executors.ledger.store import DECISIONS, DecisionStore
from executors.shared.batcher import Batcher
from executors.shared.health.ad import canary_case
from executors.shared.health.checks import Check, writable
from executors.shared.parameters import whole_number
from executors.shared.reporting import report_of
from executors.shared.telemetry.tracing import batch_span, inside

SCREENED, JUDGED = "library", "judge"
"""The rooms whose branches come together here, by their names in the Flow."""

MAX_PAGE = 1_000
MAX_REPORTS = 4

MAX_BATCH = 16
"""Requests in one transaction. Each is synced to disk: what waits is written together."""

Work = tuple[list[Case], list[str | None]]
"""The cases of one request, and the traces that they are recorded for."""

logger = logging.getLogger(__name__)


class Ledger(QualityRoom, AuditRoom, RecordsRoom, QueueRoom, LearningRoom):
    """Decides cases, and keeps the decisions."""

    room = "ledger"

    def open(self) -> None:
        """Raises `ConfigurationError` for a database that cannot be opened."""
        self._store = DecisionStore(self.settings.database)
        self._reporting = Reporting(self._store.engine)
        self._one_report = asyncio.Semaphore(1)
        self._reports = 0
        tally = self.open_quality(self._store)
        self.open_audit(self._store)
        self.open_queue(self._store)
        self.open_learning(self._store, self._outbox, self._figures.write)
        self.open_records(self._store)
        self._recorder = Recorder(
            self._store,
            self.settings.decision,
            tally,
            self.settings.keep_pictures,
            self.settings.queue,
        )
        self._batcher: Batcher[Work, list[Decision]] = Batcher(
            self._settle, max_batch=MAX_BATCH, max_wait=0, name="ledger"
        )
        # Its own: a database that hangs must not take the threads of others with each canary.
        self._canary_thread = ThreadPoolExecutor(1, "canary")

    def describe(self) -> RoomStatus:
        """How many decisions are on record, and in what kind of database."""
        facts = {"database": self._store.kind}
        try:
            facts = {"decisions": str(self._store.count()), **facts}
        except SQLAlchemyError:
            logger.exception("the decisions cannot be read")
            return RoomStatus(room=self.room, ready=False, facts=facts)
        return RoomStatus(room=self.room, facts=facts)

    async def try_canary(self) -> None:
        """Decide a case, and write the decision in a transaction that is rolled back."""
        await self._batcher.submit(([], []))  # nothing to decide; its thread answers all the same
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._canary_thread, self._recorder.rehearse, canary_case())

    def work_done(self) -> int:
        """Requests whose decisions were written."""
        return self._batcher.done

    def checks(self) -> Mapping[str, Check]:
        """The table of decisions."""
        return {"sql": writable(self._store.engine, DECISIONS)}

    @requests(on="/review")
    async def review(
        self, docs: DocList[Case], docs_map: dict | None = None, **kwargs: Any
    ) -> DocList[Decision]:
        """One decision per case of the library's branch, in its order, recorded.

        Without branches, as in a Flow that has no judge, `docs` are the cases.
        """
        branches = docs_map or {}
        cases = merge(branches.get(SCREENED, docs), branches.get(JUDGED, ()))
        traces = [inside(case.traceparent) for case in cases]
        return DocList[Decision](await self._batcher.submit((cases, traces)) if cases else ())

    @requests(on="/decision")
    async def decision(
        self, docs: DocList[Lookup], parameters: dict, **kwargs: Any
    ) -> DocList[Decision]:
        """The decision of each id, or the latest on the ad of that id; for an empty id a page,
        the newest first.

        `parameters`: `limit` (100), `offset` (0).
        """
        try:
            limit = whole_number(parameters, "limit", 100, least=1, most=MAX_PAGE)
            offset = whole_number(parameters, "offset", 0, most=10**9)
        except AdError as error:
            return DocList[Decision](_missing(d.id, error.code, error.detail) for d in docs)
        lookups = list(docs)
        found = await asyncio.to_thread(lambda: list(self._found(lookups, limit, offset)))
        return DocList[Decision](found)

    @requests(on="/report/decisions")
    async def report_decisions(
        self, docs: DocList[RoomReport], **kwargs: Any
    ) -> DocList[RoomReport]:
        """Of each window, what was decided in it, as the `decided` of a report's part.

        One after another: each reads up to 50,000 decisions. Of more than `MAX_REPORTS` at a time
        the further ones are refused.
        """
        if self._reports >= MAX_REPORTS:
            problem = Problem(code=Code.OVERLOADED, detail="other reports are being made")
            refused = RoomReport(about="decisions", room=self.room, problem=problem)
            return DocList[RoomReport]([refused for _ in docs])
        self._reports += 1
        try:
            async with self._one_report:
                found = [await asyncio.to_thread(self._reported, asked) for asked in docs]
        finally:
            self._reports -= 1
        return DocList[RoomReport](found)

    def shut(self) -> None:
        """End the connections to the database."""
        self._batcher.close()
        self._canary_thread.shutdown(wait=False, cancel_futures=True)
        self.close_queue()
        self.close_quality()
        self.close_records()
        self._store.close()
        super().shut()

    def _settle(self, requests: Sequence[Work]) -> list[list[Decision]]:
        traces = [trace for _, its in requests for trace in its]
        with batch_span("record", traces):
            decided = self._recorder.settle([case for cases, _ in requests for case in cases])
        decisions = iter(decided)
        return [list(islice(decisions, len(cases))) for cases, _ in requests]

    def _reported(self, asked: RoomReport) -> RoomReport:
        try:
            return report_of(
                asked,
                self.room,
                0,
                lambda window: Part(decided=self._reporting.decided(window)),
                about="decisions",
            )
        except SQLAlchemyError:
            logger.exception("the decisions cannot be read")
            problem = Problem(code=Code.INTERNAL, detail="the decisions cannot be read")
            return RoomReport(about="decisions", room=self.room, problem=problem)

    def _found(self, lookups: Sequence[Lookup], limit: int, offset: int) -> Iterator[Decision]:
        for lookup in lookups:
            if not lookup.id:
                yield from self._store.page(limit, offset)
                continue
            held = self._store.get(lookup.id)
            yield held or _missing(lookup.id, Code.NOT_FOUND, "no decision or ad has this id")


def _missing(lookup_id: str | None, code: Code, detail: str) -> Decision:
    return Decision(id=lookup_id, reasons=[code], problem=Problem(code=code, detail=detail))
