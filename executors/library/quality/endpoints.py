"""The library room's endpoints for quality over time."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import Case, Problem, Quality, Reference
from adjudicate.errors import AdError, Code, ServiceError
from executors.library.checks import problem_of
from executors.library.index import FollowingIndex
from executors.library.quality.watch import DriftWatch
from executors.shared.room import Room
from executors.shared.telemetry.catalogue import PSI

logger = logging.getLogger(__name__)

_UNREADABLE = Problem(code=Code.INTERNAL, detail="the sample of the ads cannot be read or written")


class QualityRoom(Room):
    """A room that watches how the ads that it screens drift."""

    def open_quality(self, index: FollowingIndex) -> None:
        """Call it from `open`. Raises `ConfigurationError` for a database that cannot be opened."""
        self._watch = DriftWatch(self.settings, index)
        self.telemetry.metrics.watch(PSI, self._watch.indexes)

    def close_quality(self) -> None:
        """Call it before the index is closed."""
        self._watch.close()

    def sample(self, cases: Iterable[Case]) -> None:
        """Cases that were just screened, still with their embeddings."""
        self._watch.offer(cases)

    @requests(on="/quality")
    async def quality(self, docs: DocList[Quality], **kwargs: Any) -> DocList[Quality]:
        """The documents with reference and drift, for each its window; the ledger adds the rest."""
        for asked in docs:
            asked.problem = asked.problem or await _problem_at(self._watch.fill, asked)
        return docs

    @requests(on="/quality/reference")
    async def set_reference(self, docs: DocList[Reference], **kwargs: Any) -> DocList[Reference]:
        """The references that are set now, made of the last `hours` of each; or its problem."""
        return DocList[Reference]([await self._made(asked) for asked in docs])

    async def _made(self, asked: Reference) -> Reference:
        made: list[Reference] = []
        problem = await _problem_at(lambda one: made.append(self._watch.set_reference(one)), asked)
        return made[0] if made else Reference(id=asked.id, problem=problem)


async def _problem_at(work: Callable[[Any], None], asked: Any) -> Problem | None:
    try:
        await asyncio.to_thread(work, asked)
    except AdError as error:
        return problem_of(error)
    except (SQLAlchemyError, ServiceError):
        logger.exception("the quality of the ads cannot be found out")
        return _UNREADABLE
    return None
