"""The ledger room's endpoints for what people's answers teach, and how well all of it does."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from docarray import DocList
from jina import requests
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import (
    Learning,
    Lesson,
    Overview,
    Problem,
    Propagation,
    PropagationAsk,
    ThresholdEffect,
)
from adjudicate.errors import AdError, Code
from adjudicate.wire import Document
from executors.ledger.audit.trail import TrailLost
from executors.ledger.learning.effect import Effects
from executors.ledger.learning.estimating import Estimating
from executors.ledger.learning.lessons import Lessons
from executors.ledger.learning.propagation import Propagations
from executors.ledger.learning.undoing import Applied
from executors.ledger.store import DecisionStore
from executors.ledger.webhooks.outbox import Outbox
from executors.shared.room import Room

D = TypeVar("D", bound=Document)

logger = logging.getLogger(__name__)

_FAILED = "the ledger's tables cannot be read or written"


class LearningRoom(Room):
    """A room that knows what people settled, and carries it over."""

    def open_learning(
        self, store: DecisionStore, outbox: Outbox, write: Callable[[], None]
    ) -> None:
        """Call it from `open`. `write` writes the counts that are still in memory; it raises what
        the database raises."""
        self._estimating = Estimating(store.engine, self.settings.quality.confidence, write)
        most = self.settings.library.max_matches
        self._effects = Effects(store.engine, self.settings.quality.confidence, most)
        self._lessons = Lessons(store.engine)
        distance = self.settings.library.hash_distance
        self._propagations = Propagations(store.engine, distance, outbox)
        self._propagated = Applied(store.engine, outbox)

    @requests(on="/learning/lesson")
    async def learning_lesson(self, docs: DocList[Lesson], **kwargs: Any) -> DocList[Lesson]:
        """What each decision teaches, or taught already; the library is not asked."""
        return DocList[Lesson](await _each(self._lessons.prepare, docs, Lesson))

    @requests(on="/learning/taught")
    async def learning_taught(self, docs: DocList[Lesson], **kwargs: Any) -> DocList[Lesson]:
        """The lessons as they are recorded, once the library holds their exemplars."""
        return DocList[Lesson](await _each(self._lessons.add, docs, Lesson))

    @requests(on="/learning/forgotten")
    async def learning_forgotten(self, docs: DocList[Lesson], **kwargs: Any) -> DocList[Lesson]:
        """The lessons that are taken back, and whether their exemplars are to leave the library."""
        return DocList[Lesson](await _each(self._lessons.remove, docs, Lesson))

    @requests(on="/learning/preview")
    async def learning_preview(
        self, docs: DocList[Propagation], **kwargs: Any
    ) -> DocList[Propagation]:
        """What carrying each ruling over would do."""
        return DocList[Propagation](await _each(self._propagations.preview, docs, Propagation))

    @requests(on="/learning/apply")
    async def learning_apply(
        self, docs: DocList[Propagation], **kwargs: Any
    ) -> DocList[Propagation]:
        """What carrying each ruling over did."""
        return DocList[Propagation](await _each(self._propagations.apply, docs, Propagation))

    @requests(on="/learning/undo")
    async def learning_undo(
        self, docs: DocList[Propagation], **kwargs: Any
    ) -> DocList[Propagation]:
        """The propagations as they are once they were taken back."""
        return DocList[Propagation](await _each(self._propagated.undo, docs, Propagation))

    @requests(on="/learning/propagations")
    async def learning_propagations(
        self, docs: DocList[PropagationAsk], **kwargs: Any
    ) -> DocList[Propagation]:
        """The propagations that each document asks for."""
        return DocList[Propagation](await _each(self._propagated.page, docs, Propagation))

    @requests(on="/learning/figures")
    async def learning_figures(self, docs: DocList[Learning], **kwargs: Any) -> DocList[Learning]:
        """What people's answers say of the decisions of each document's window."""
        return DocList[Learning](await _each(self._estimating.learning, docs, Learning))

    @requests(on="/overview")
    async def overview(self, docs: DocList[Overview], **kwargs: Any) -> DocList[Overview]:
        """How the service did in each document's window."""
        return DocList[Overview](await _each(self._estimating.overview, docs, Overview))

    @requests(on="/thresholds/effect")
    async def threshold_effect(
        self, docs: DocList[ThresholdEffect], **kwargs: Any
    ) -> DocList[ThresholdEffect]:
        """The documents with what people answered; the library has filled in the rest."""
        return DocList[ThresholdEffect](await _each(self._effects.fill, docs, ThresholdEffect))


async def _each(work: Callable[[Any], Any], docs: Sequence[Document], kind: type[D]) -> list[D]:
    """What `work` makes of each document, one after another, from a thread; or its problem."""
    return await asyncio.to_thread(
        lambda: [one for asked in docs for one in _of(work, asked, kind)]
    )


def _of(work: Callable[[Any], Any], asked: Document, kind: type[D]) -> list[D]:
    try:
        made = work(asked)
    except AdError as error:
        problem = Problem(code=error.code, detail=error.detail)
    except (SQLAlchemyError, TrailLost):
        logger.exception(_FAILED)
        problem = Problem(code=Code.INTERNAL, detail=_FAILED)
    else:
        return made if isinstance(made, list) else [made]
    return [kind(id=asked.id, problem=problem)]
