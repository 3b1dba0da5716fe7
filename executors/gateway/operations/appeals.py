"""Appeals in the JSON contract: opened against a decision, listed, decided by another person.

Who asks is written on the documents on their way into the rooms, see `routing.signing`.
"""

from __future__ import annotations

from typing import Any

from docarray import DocList

from adjudicate.documents import Appeal, AppealAsk
from executors.gateway.operations.bodies import Body, page_of, plain
from executors.gateway.operations.given import sound, text_of, texts_of
from executors.gateway.routing.rooms import Rooms


class AppealApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    the ledger is down.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def open(self, decision_id: str, body: Body) -> Body:
        """`{reason, contact?}` → the `Appeal` as it is open now."""
        asked = Appeal(decision_id=decision_id, **texts_of(body, ("reason", "contact")))
        return await self._one("/appeals/add", asked)

    async def list(self, query: Body) -> Body:
        """`{state?, decision_id?, limit?, offset?}` → `{"appeals": […]}`, the newest first."""
        asked = AppealAsk(id="", **texts_of(query, ("state", "decision_id")), **page_of(query))
        found = await self._rooms.post("/appeals/list", DocList[AppealAsk]([asked]), Appeal)
        return {"appeals": [_shown(sound(appeal)) for appeal in found]}

    async def get(self, appeal_id: str) -> Body:
        """One by its id. Raises `RequestError` `not_found`."""
        asked = DocList[AppealAsk]([AppealAsk(id=appeal_id)])
        (found,) = await self._rooms.post("/appeals/list", asked, Appeal)
        return _shown(sound(found))

    async def decide(self, appeal_id: str, body: Body) -> Body:
        """`{state, note?, rule?}` → the `Appeal` as it was decided: `upheld`, what counted still
        does, or `overturned`."""
        said = {name: text_of(body, name) for name in ("state", "note", "rule")}
        return await self._one("/appeals/decide", Appeal(id=appeal_id, **said))

    async def _one(self, endpoint: str, asked: Any) -> Body:
        (answer,) = await self._rooms.post(endpoint, DocList[Appeal]([asked]), Appeal)
        return _shown(sound(answer))


def _shown(appeal: Appeal) -> Body:
    said = plain(appeal)
    return {name: value for name, value in said.items() if name not in ("role", "problem")}
