"""The webhook's messages in the JSON contract: what was sent, what waits, what is dead."""

from __future__ import annotations

from typing import Any

from docarray import DocList

from adjudicate.documents import DeliveryAsk, WebhookDelivery
from executors.gateway.operations.bodies import Body, page_of, plain
from executors.gateway.operations.given import sound, text_of
from executors.gateway.routing.rooms import Rooms


class WebhookApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    the ledger is down.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def list(self, query: Body) -> Body:
        """`{state?, limit?, offset?}` → `{"messages": […]}`, the newest first."""
        asked = DeliveryAsk(id="", state=text_of(query, "state"), **page_of(query))
        return await self._messages("/webhooks/list", asked)

    async def retry(self, body: Body) -> Body:
        """`{id?}` → `{"messages": […]}`: those that are tried anew, without an id all dead ones."""
        return await self._messages("/webhooks/retry", DeliveryAsk(id=text_of(body, "id")))

    async def test(self) -> Body:
        """What came of a message that was sent now. Raises `RequestError` `webhook_off`."""
        (found,) = await self._post("/webhooks/test", DeliveryAsk(id=""))
        return _shown(found)

    async def _messages(self, endpoint: str, asked: DeliveryAsk) -> Body:
        return {"messages": [_shown(message) for message in await self._post(endpoint, asked)]}

    async def _post(self, endpoint: str, asked: DeliveryAsk) -> DocList[Any]:
        return await self._rooms.post(endpoint, DocList[DeliveryAsk]([asked]), WebhookDelivery)


def _shown(message: WebhookDelivery) -> Body:
    said = plain(sound(message))
    return {name: value for name, value in said.items() if name != "problem"}
