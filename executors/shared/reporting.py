"""A room's answer to who asks for a report."""

from __future__ import annotations

from collections.abc import Callable

from adjudicate.documents import Problem, RoomReport
from adjudicate.errors import Code
from adjudicate.report.parts import Part
from adjudicate.report.window import Window


def report_of(
    asked: RoomReport,
    room: str,
    replica: int,
    tell: Callable[[Window], Part],
    about: str = "process",
) -> RoomReport:
    """What `tell` has to say of the window, ready to be sent; of a wrong window, what is wrong."""
    try:
        window = Window.of(asked.window, asked.since, asked.until)
    except ValueError as error:
        problem = Problem(code=Code.MALFORMED, detail=str(error))
        return RoomReport(about=about, room=room, replica=replica, problem=problem)
    return RoomReport(
        about=about,
        room=room,
        replica=replica,
        since=window.since.isoformat(),
        until=window.until.isoformat(),
        content=tell(window).model_dump_json(exclude_none=True),
    )
