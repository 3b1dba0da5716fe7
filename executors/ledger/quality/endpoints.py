"""The ledger room's endpoints for quality over time, and for people's verdicts."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Callable
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import PersonVerdict, Problem, Quality
from adjudicate.errors import AdError, Code
from executors.ledger.learning.activity import activity
from executors.ledger.quality.figures import Figures
from executors.ledger.quality.tally import Counts, Tally
from executors.ledger.quality.verdicts import Verdicts
from executors.ledger.store import COUNTS, DECISIONS, VERDICTS, DecisionStore
from executors.shared.room import Room
from executors.shared.telemetry.catalogue import AGREEMENT, POSITIVE_RATE, SCREEN_MISS

logger = logging.getLogger(__name__)

_FAILED = Problem(code=Code.INTERNAL, detail="the ledger's tables cannot be read or written")


class QualityRoom(Room):
    """A room that says how good the decisions are that it records."""

    def open_quality(self, store: DecisionStore) -> Tally:
        """Call it from `open`. Returns what each recorded decision is to be counted by."""
        settings = self.settings
        self._verdicts = Verdicts(store.engine, VERDICTS, DECISIONS)
        self._figures = Figures(
            Tally(settings.library.audit_share, activity),
            Counts(store.engine, COUNTS),
            self._verdicts,
            settings.quality,
        )
        watch = self.telemetry.metrics.watch
        watch(POSITIVE_RATE, self._figures.rates)
        watch(SCREEN_MISS, self._figures.misses)
        watch(AGREEMENT, self._figures.agreed)
        return self._figures.tally

    def close_quality(self) -> None:
        """Call it before the store is closed."""
        try:
            self._figures.close()
        except SQLAlchemyError:
            logger.exception("the last counts of decisions could not be written")

    @requests(on="/quality")
    async def quality(self, docs: DocList[Quality], **kwargs: Any) -> DocList[Quality]:
        """The documents with what decisions and people say, for each its window."""
        for asked in docs:
            if asked.problem is None:
                asked.problem = await _problem_at(lambda one: self._figures.fill(one), asked)
        return docs

    @requests(on="/decision/verdict")
    async def verdict(self, docs: DocList[PersonVerdict], **kwargs: Any) -> DocList[PersonVerdict]:
        """The verdicts as they are held now, or each with its problem."""
        return DocList[PersonVerdict]([await self._held(asked) for asked in docs])

    async def _held(self, asked: PersonVerdict) -> PersonVerdict:
        held: list[PersonVerdict] = []
        problem = await _problem_at(lambda one: held.append(self._verdicts.add(one)), asked)
        return held[0] if held else PersonVerdict(id=asked.id, problem=problem)


async def _problem_at(work: Callable[[Any], None], asked: Any) -> Problem | None:
    try:
        await asyncio.to_thread(work, asked)
    except AdError as error:
        return Problem(code=error.code, detail=error.detail)
    except SQLAlchemyError:
        logger.exception("the ledger's tables cannot be read or written")
        return _FAILED
    return None
