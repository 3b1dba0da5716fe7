"""What people decide, as a client sees it: the queue, appeals, and the webhook's messages.

Who does it is the key that the client has: no method takes a name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from docarray import BaseDoc

from adjudicate.documents import (
    Appeal,
    AppealAsk,
    CaseAnswer,
    Claim,
    DeliveryAsk,
    QueueAsk,
    QueueCounts,
    QueueItem,
    Review,
    WebhookDelivery,
)
from adjudicate.errors import Code, ServiceError

if TYPE_CHECKING:
    from adjudicate.client import AsyncClient

D = TypeVar("D", bound=BaseDoc)


class _Asking:
    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def _all(self, op: str, asked: BaseDoc, kind: type[D], *, repeat: bool = True) -> list[D]:
        transport = self._client._transport
        return await self._client._ask(lambda: transport().work(op, asked, kind), repeat=repeat)

    async def _one(self, op: str, asked: BaseDoc, kind: type[D], *, repeat: bool = True) -> D:
        found = await self._all(op, asked, kind, repeat=repeat)
        if not found:
            raise ServiceError(Code.INTERNAL, f"The answer holds no {kind.__name__}.")
        return found[0]


class AsyncQueue(_Asking):
    """The cases that people decide."""

    async def list(self, asked: QueueAsk | None = None) -> Sequence[QueueItem]:
        """A page of the queue; by default the first open cases, in the order in which they are
        given out.

        Raises `RequestError` with code `invalid_field`.
        """
        return await self._all("queue", asked or QueueAsk(), QueueItem)

    async def counts(self, asked: QueueAsk | None = None) -> QueueCounts:
        """How much there is to do, of what the filters choose."""
        return await self._one("queue.counts", asked or QueueAsk(), QueueCounts)

    async def get(self, decision_id: str) -> QueueItem:
        """The case of a decision. Raises `NotFoundError`."""
        return await self._one("queue.get", QueueAsk(decision_id=decision_id), QueueItem)

    async def claim(
        self, decision_id: str = "", *, seconds: int = 0, skip: Sequence[str] = (), kind: str = ""
    ) -> QueueItem:
        """Take a case, or renew that; without an id the next one, of that kind if one is named,
        that is none of `skip`.

        Raises `NotFoundError` with code `queue_empty`, `ConflictError` with code
        `claimed_elsewhere`, `case_settled` or `other_person`.
        """
        asked = Claim(id=decision_id, seconds=seconds, skip=[*skip], kind=kind)
        return await self._one("queue.claim", asked, QueueItem)

    async def release(self, decision_id: str = "") -> Sequence[QueueItem]:
        """Give a case back, or, without an id, all that are yours."""
        return await self._all("queue.release", Claim(id=decision_id), QueueItem)

    async def answer(
        self, decision_id: str, answer: CaseAnswer, *, rule: str = "", note: str = ""
    ) -> Review:
        """Say `violation` or `compliant` of a case, or `skip` it with a reason as `note`. The same
        again changes nothing.

        Raises `ConflictError` as `claim`, and `RequestError` with code `invalid_field`.
        """
        asked = Review(id=decision_id, answer=answer, rule=rule, note=note)
        return await self._one("queue.review", asked, Review)

    async def undo(self, decision_id: str = "", *, number: int = 0) -> Review:
        """Take an answer back: the one of that number, else your last of that decision, else your
        last.

        Raises `ConflictError` with code `undo_refused`.
        """
        return await self._one("queue.undo", Review(id=decision_id, number=number), Review)


class AsyncAppeals(_Asking):
    """What is held against decisions, and what became of it."""

    async def open(self, decision_id: str, reason: str, *, contact: str = "") -> Appeal:
        """Hold that what counts for an ad is wrong.

        Raises `ConflictError` with code `appeal_open`, `RequestError` with code `not_reviewable`.
        """
        asked = Appeal(decision_id=decision_id, reason=reason, contact=contact)
        return await self._one("appeals.open", asked, Appeal, repeat=False)

    async def list(
        self, *, state: str = "", decision_id: str = "", limit: int = 50, offset: int = 0
    ) -> Sequence[Appeal]:
        """The newest appeals."""
        filters = {"state": state, "decision_id": decision_id}
        asked = AppealAsk(id="", limit=limit, offset=offset, **filters)
        return await self._all("appeals", asked, Appeal)

    async def get(self, appeal_id: str) -> Appeal:
        """One by its id. Raises `NotFoundError`."""
        return await self._one("appeals.get", AppealAsk(id=appeal_id), Appeal)

    async def uphold(self, appeal_id: str, *, note: str = "") -> Appeal:
        """Let what counted count. Raises `ConflictError` with code `other_person`, `case_settled`
        or `claimed_elsewhere`."""
        asked = Appeal(id=appeal_id, state="upheld", note=note)
        return await self._one("appeals.decide", asked, Appeal)

    async def overturn(self, appeal_id: str, *, note: str = "", rule: str = "") -> Appeal:
        """Let the opposite count; an ad that was approved then breaks `rule`. As `uphold`."""
        asked = Appeal(id=appeal_id, state="overturned", note=note, rule=rule)
        return await self._one("appeals.decide", asked, Appeal)


class AsyncWebhooks(_Asking):
    """The messages to the webhook's receiver."""

    async def messages(
        self, *, state: str = "", limit: int = 50, offset: int = 0
    ) -> list[WebhookDelivery]:
        """The newest messages."""
        asked = DeliveryAsk(id="", state=state, limit=limit, offset=offset)
        return await self._all("webhooks", asked, WebhookDelivery)

    async def retry(self, message_id: str = "") -> list[WebhookDelivery]:
        """Try a message anew, or, without an id, all that are dead."""
        return await self._all("webhooks.retry", DeliveryAsk(id=message_id), WebhookDelivery)

    async def test(self) -> WebhookDelivery:
        """Send a message now, and say what came of it. Raises `RequestError` with code
        `webhook_off`."""
        asked = DeliveryAsk(id="")
        return await self._one("webhooks.test", asked, WebhookDelivery, repeat=False)
