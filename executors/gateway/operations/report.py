"""The report's part of the JSON contract: what the service did over a window of time."""

from __future__ import annotations

from docarray import DocList

from adjudicate.documents import RoomReport
from adjudicate.errors import Code, RequestError
from adjudicate.report.merge import merge
from executors.gateway.operations.bodies import Body
from executors.gateway.routing.rooms import Rooms

_WINDOW = ("window", "since", "until")


class ReportApi:
    """It raises `RequestError` for a window that is none."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def report(self, query: Body) -> Body:
        """`{window?, since?, until?}` → a `Report`; by default of the last hour.

        A room that does not answer is missing from it, and its notes say so.
        """
        asked = RoomReport(**{name: _text(query, name) for name in _WINDOW})
        windows = DocList[RoomReport]([asked])
        found = await self._rooms.post("/report", windows, RoomReport)
        return merge(found).model_dump(mode="json")


def _text(query: Body, name: str) -> str:
    value = query.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(Code.MALFORMED, f"{name} must be text")
    return value
