"""The report over the three transports."""

from __future__ import annotations

from docarray import DocList

from adjudicate.documents import RoomReport
from adjudicate.errors import Code, ServiceError
from adjudicate.report.merge import merge
from adjudicate.report.model import Report
from adjudicate.transports.parts import GrpcPart, JsonPart


class GrpcReports(GrpcPart):
    """By the gateway's endpoint, which answers for all rooms."""

    async def report(self, asked: RoomReport) -> Report:
        """What each process tells, in one."""
        found = await self._post("/report", DocList[RoomReport]([asked]), RoomReport)
        try:
            return merge(found)
        except ValueError as error:
            raise _no_report(error) from error


class JsonReports(JsonPart):
    """By the operation of HTTP and WebSocket."""

    async def report(self, asked: RoomReport) -> Report:
        """As the gateway made it."""
        said = {name: getattr(asked, name) for name in ("window", "since", "until")}
        answer = await self.call("report", {name: text for name, text in said.items() if text})
        try:
            return Report.model_validate(answer)
        except ValueError as error:
            raise _no_report(error) from error


def _no_report(error: ValueError) -> ServiceError:
    first = str(error).splitlines()[0]
    return ServiceError(Code.INTERNAL, f"The answer holds no report: {first}")
