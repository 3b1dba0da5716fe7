"""The queue in the JSON contract: its cases, claims, answers, and taking them back.

Who asks is written on the documents on their way into the rooms, see `routing.signing`.
"""

from __future__ import annotations

from typing import Any

from docarray import DocList

from adjudicate.documents import Claim, QueueAsk, QueueCounts, QueueItem, Review
from executors.gateway.operations.bodies import Body, page_of, plain, whole
from executors.gateway.operations.given import names_of, sound, text_of, texts_of, truth_of
from executors.gateway.routing.rooms import Rooms

MOST_SECONDS = 86_400
MOST_SKIPPED = 100
MOST_NUMBER = 2**53

_FILTERS = ("kind", "rule", "category", "advertiser", "market", "product", "language", "stage")


class QueueApi:
    """Each operation takes the request's JSON object and returns the answer's.

    All raise `RequestError` for a request that cannot be read or answered, and `ServiceError` when
    the ledger is down.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def list(self, query: Body) -> Body:
        """`{kind?, rule?, category?, advertiser?, market?, product?, language?, stage?, state?,
        mine?, free?, text?, sort?, limit?, offset?}` → `{"cases": [QueueItem, …]}`."""
        state = text_of(query, "state") or "open"
        asked = QueueAsk(
            **texts_of(query, (*_FILTERS, "text", "sort")),
            **{name: truth_of(query, name) for name in ("mine", "free")},
            **page_of(query),
            state="" if state == "all" else state,
        )
        found = await self._post("/queue/list", asked, QueueItem)
        return {"cases": [plain(sound(item)) for item in found]}

    async def counts(self, query: Body) -> Body:
        """`{kind?, rule?, …}` → a `QueueCounts` of the open cases that the filters choose."""
        asked = QueueAsk(**texts_of(query, (*_FILTERS, "text")))
        (found,) = await self._post("/queue/counts", asked, QueueCounts)
        said = plain(sound(found))
        return {name: value for name, value in said.items() if name not in ("id", "problem")}

    async def get(self, decision_id: str) -> Body:
        """A case by its decision's id. Raises `RequestError` `not_found`."""
        (found,) = await self._post("/queue/list", QueueAsk(decision_id=decision_id), QueueItem)
        return plain(sound(found))

    async def claim(self, body: Body) -> Body:
        """`{id?, seconds?, skip?, kind?, …}` → the `QueueItem` that is the caller's now: that of
        the id, or the next."""
        asked = Claim(
            id=text_of(body, "id"),
            seconds=whole(body.get("seconds") or 0, "seconds", 0, MOST_SECONDS),
            skip=names_of(body, "skip", MOST_SKIPPED),
            **texts_of(body, _FILTERS),
        )
        (found,) = await self._post("/queue/claim", asked, QueueItem)
        return plain(sound(found))

    async def release(self, body: Body) -> Body:
        """`{id?}` → `{"cases": […]}`: those given back, without an id all of the caller's."""
        found = await self._post("/queue/release", Claim(id=text_of(body, "id")), QueueItem)
        return {"cases": [plain(sound(item)) for item in found]}

    async def review(self, body: Body) -> Body:
        """`{id, answer, rule?, note?}` → the `Review` as it is held. Raises `RequestError`
        `invalid_field` for a rule that the policy does not have, and as the ledger does."""
        asked = Review(
            id=text_of(body, "id"),
            **{name: text_of(body, name) for name in ("answer", "rule", "note")},
        )
        (found,) = await self._post("/queue/review", asked, Review)
        return _review(sound(found))

    async def undo(self, body: Body) -> Body:
        """`{id?, number?}` → the `Review` that was taken back: the one of that number, else the
        caller's last of that decision, else their last of all."""
        number = whole(body.get("number") or 0, "number", 0, MOST_NUMBER)
        asked = Review(id=text_of(body, "id"), number=number)
        (found,) = await self._post("/queue/undo", asked, Review)
        return _review(sound(found))

    async def _post(self, endpoint: str, asked: Any, answers: Any) -> DocList[Any]:
        return await self._rooms.post(endpoint, DocList[type(asked)]([asked]), answers)


def _review(review: Review) -> Body:
    said = plain(review)
    return {name: value for name, value in said.items() if name not in ("role", "problem")}
