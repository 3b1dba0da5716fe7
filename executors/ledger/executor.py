"""The ledger room: merges both branches, decides, and records before it answers."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import Case, Decision, Lookup, Problem, RoomStatus
from adjudicate.errors import AdError, Code
from executors.ledger.merge import merge
from executors.ledger.recorder import Recorder
from executors.ledger.store import DecisionStore
from executors.shared.batcher import Batcher
from executors.shared.parameters import whole_number
from executors.shared.room import Room

SCREENED, JUDGED = "library", "judge"
"""The rooms whose branches come together here, by their names in the Flow."""

MAX_PAGE = 1_000

MAX_BATCH = 16
"""Requests in one transaction. Each is synced to disk: what waits is written together."""

logger = logging.getLogger(__name__)


class Ledger(Room):
    """Decides cases, and keeps the decisions."""

    room = "ledger"

    def open(self) -> None:
        """Raises `ConfigurationError` for a database that cannot be opened."""
        self._store = DecisionStore(self.settings.database)
        self._recorder = Recorder(self._store, self.settings.decision)
        self._batcher: Batcher[list[Case], list[Decision]] = Batcher(
            self._settle, max_batch=MAX_BATCH, max_wait=0, name="ledger"
        )

    def describe(self) -> RoomStatus:
        """How many decisions are on record, and in what kind of database."""
        facts = {"database": self._store.kind}
        try:
            facts = {"decisions": str(self._store.count()), **facts}
        except SQLAlchemyError:
            logger.exception("the decisions cannot be read")
            return RoomStatus(room=self.room, ready=False, facts=facts)
        return RoomStatus(room=self.room, facts=facts)

    @requests(on="/review")
    async def review(
        self, docs: DocList[Case], docs_map: dict | None = None, **kwargs: Any
    ) -> DocList[Decision]:
        """One decision per case of the library's branch, in its order, recorded.

        Without branches, as in a Flow that has no judge, `docs` are the cases.
        """
        branches = docs_map or {}
        cases = merge(branches.get(SCREENED, docs), branches.get(JUDGED, ()))
        return DocList[Decision](await self._batcher.submit(cases) if cases else ())

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

    def close(self) -> None:
        """End the connections to the database."""
        self._batcher.close()
        self._store.close()
        super().close()

    def _settle(self, requests: Sequence[list[Case]]) -> list[list[Decision]]:
        decisions = iter(self._recorder.settle([case for cases in requests for case in cases]))
        return [list(islice(decisions, len(cases))) for cases in requests]

    def _found(self, lookups: Sequence[Lookup], limit: int, offset: int) -> Iterator[Decision]:
        for lookup in lookups:
            if not lookup.id:
                yield from self._store.page(limit, offset)
                continue
            held = self._store.get(lookup.id)
            yield held or _missing(lookup.id, Code.NOT_FOUND, "no decision or ad has this id")


def _missing(lookup_id: str | None, code: Code, detail: str) -> Decision:
    return Decision(id=lookup_id, reasons=[code], problem=Problem(code=code, detail=detail))
