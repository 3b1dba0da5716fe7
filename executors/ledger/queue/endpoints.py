"""The ledger room's endpoints for the queue, for appeals, and for the webhook's messages."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from docarray import DocList
from jina import requests
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from adjudicate.documents import (
    Appeal,
    AppealAsk,
    Claim,
    DeliveryAsk,
    Problem,
    QueueAsk,
    QueueCounts,
    QueueItem,
    Review,
    WebhookDelivery,
)
from adjudicate.errors import AdError, Code
from adjudicate.wire import Document
from executors.ledger.appeals.appealing import decide_appeal, open_appeal
from executors.ledger.appeals.reading import page as appeals_page
from executors.ledger.audit.trail import TrailLost
from executors.ledger.learning.built import built_on
from executors.ledger.queue.claims import claim, release
from executors.ledger.queue.reading import counts, page
from executors.ledger.queue.reviewing import Reviewing
from executors.ledger.queue.undoing import Undoing
from executors.ledger.queue.upkeep import EVERY_S, Upkeep
from executors.ledger.store import DecisionStore
from executors.ledger.webhooks.deliveries import page as deliveries_page
from executors.ledger.webhooks.deliveries import retry
from executors.ledger.webhooks.outbox import Outbox
from executors.ledger.webhooks.sender import Sender
from executors.shared.database import writing
from executors.shared.quality.refreshing import Refreshing
from executors.shared.room import Room

D = TypeVar("D", bound=Document)
Work = Callable[[Connection, Any], Any]

logger = logging.getLogger(__name__)


class QueueRoom(Room):
    """A room that keeps what people work on. Who asks is what the gateway says."""

    def open_queue(self, store: DecisionStore) -> None:
        """Call it from `open`."""
        webhook = self.settings.webhook
        self._desk = store.engine
        self._outbox = Outbox(bool(webhook.url))
        self._reviewing = Reviewing(self.settings.queue, self._outbox)
        self._undoing = Undoing(self.settings.queue, self._outbox, built_on)
        self._queue_upkeep = Refreshing("the queue's upkeep", Upkeep(store.engine), EVERY_S, None)
        self._queue_upkeep.start()
        self._sender: Sender | None = None
        if webhook.url:
            self._sender = Sender(store.engine, webhook, self._outbox.wake)
            self._sender.start()

    def close_queue(self) -> None:
        """Call it before the store is closed."""
        self._queue_upkeep.close()
        if self._sender is not None:
            self._sender.close()

    @requests(on="/queue/list")
    async def queue_list(self, docs: DocList[QueueAsk], **kwargs: Any) -> DocList[QueueItem]:
        """The cases that each document asks for."""
        return DocList[QueueItem](await self._from_desk(page, docs, QueueItem))

    @requests(on="/queue/counts")
    async def queue_counts(self, docs: DocList[QueueAsk], **kwargs: Any) -> DocList[QueueCounts]:
        """How many of the open cases there are, of those that each document's filters choose."""
        return DocList[QueueCounts](await self._from_desk(counts, docs, QueueCounts))

    @requests(on="/queue/claim")
    async def queue_claim(self, docs: DocList[Claim], **kwargs: Any) -> DocList[QueueItem]:
        """The case that each claim got, or its problem."""
        lease_s = self.settings.queue.lease_s
        return DocList[QueueItem](
            await self._at_desk(lambda c, asked: claim(c, asked, lease_s), docs, QueueItem)
        )

    @requests(on="/queue/release")
    async def queue_release(self, docs: DocList[Claim], **kwargs: Any) -> DocList[QueueItem]:
        """The cases that were given back."""
        return DocList[QueueItem](await self._at_desk(release, docs, QueueItem))

    @requests(on="/queue/review")
    async def queue_review(self, docs: DocList[Review], **kwargs: Any) -> DocList[Review]:
        """The answers as they are held, or each with its problem."""
        return DocList[Review](await self._at_desk(self._reviewing.answer, docs, Review))

    @requests(on="/queue/undo")
    async def queue_undo(self, docs: DocList[Review], **kwargs: Any) -> DocList[Review]:
        """The answers as they were taken back, or each with its problem."""
        return DocList[Review](await self._at_desk(self._undoing.undo, docs, Review))

    @requests(on="/appeals/add")
    async def appeals_add(self, docs: DocList[Appeal], **kwargs: Any) -> DocList[Appeal]:
        """The appeals as they are open now, or each with its problem."""
        return DocList[Appeal](await self._at_desk(open_appeal, docs, Appeal))

    @requests(on="/appeals/list")
    async def appeals_list(self, docs: DocList[AppealAsk], **kwargs: Any) -> DocList[Appeal]:
        """The appeals that each document asks for."""
        return DocList[Appeal](await self._from_desk(appeals_page, docs, Appeal))

    @requests(on="/appeals/decide")
    async def appeals_decide(self, docs: DocList[Appeal], **kwargs: Any) -> DocList[Appeal]:
        """The appeals as they were decided, or each with its problem."""
        return DocList[Appeal](
            await self._at_desk(lambda c, a: decide_appeal(c, a, self._reviewing), docs, Appeal)
        )

    @requests(on="/webhooks/list")
    async def webhooks_list(
        self, docs: DocList[DeliveryAsk], **kwargs: Any
    ) -> DocList[WebhookDelivery]:
        """The messages that each document asks for."""
        return DocList[WebhookDelivery](
            await self._from_desk(deliveries_page, docs, WebhookDelivery)
        )

    @requests(on="/webhooks/retry")
    async def webhooks_retry(
        self, docs: DocList[DeliveryAsk], **kwargs: Any
    ) -> DocList[WebhookDelivery]:
        """The messages that are tried anew."""
        return DocList[WebhookDelivery](await self._at_desk(retry, docs, WebhookDelivery))

    @requests(on="/webhooks/test")
    async def webhooks_test(
        self, docs: DocList[DeliveryAsk], **kwargs: Any
    ) -> DocList[WebhookDelivery]:
        """What came of a message that was sent now, one for every document sent."""
        if self._sender is None:
            problem = Problem(code=Code.WEBHOOK_OFF, detail="ADJUDICATE_WEBHOOK__URL is not set")
            return DocList[WebhookDelivery]([WebhookDelivery(problem=problem) for _ in docs])
        sent = [await asyncio.to_thread(self._sender.test) for _ in docs]
        return DocList[WebhookDelivery](sent)

    async def _from_desk(self, work: Work, docs: Sequence[Document], kind: type[D]) -> list[D]:
        return await asyncio.to_thread(self._desk_answers, work, docs, kind, False)

    async def _at_desk(self, work: Work, docs: Sequence[Document], kind: type[D]) -> list[D]:
        found = await asyncio.to_thread(self._desk_answers, work, docs, kind, True)
        self._outbox.wake.set()
        return found

    def _desk_answers(
        self, work: Work, docs: Sequence[Document], kind: type[D], writes: bool
    ) -> list[D]:
        """What `work` makes of each document, in a transaction of its own."""
        found: list[D] = []
        for asked in docs:
            try:
                with writing(self._desk) if writes else self._desk.connect() as connection:
                    made = work(connection, asked)
                found += made if isinstance(made, list) else [made]
            except AdError as error:
                found.append(_failed(kind, asked, error.code, error.detail))
            except (SQLAlchemyError, TrailLost):
                logger.exception("the queue's tables cannot be read or written")
                detail = "the queue's tables cannot be read or written"
                found.append(_failed(kind, asked, Code.INTERNAL, detail))
        return found


def _failed(kind: type[D], asked: Document, code: Code, detail: str) -> D:
    return kind(id=asked.id, problem=Problem(code=code, detail=detail))
