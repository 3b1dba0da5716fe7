"""How a room ends."""

from __future__ import annotations

import pytest

from adjudicate.documents import RoomStatus
from executors.shared.room import Room
from executors.shared.settings import Settings


class Small(Room):
    """A room that holds nothing."""

    room = "encoder"

    def open(self) -> None:
        self.ended: list[str] = []

    def describe(self) -> RoomStatus:
        return RoomStatus(room=self.room)

    def work_done(self) -> int:
        return 0

    def shut(self) -> None:
        self.ended.append("what it opened")


def test_who_asks_ends_first_then_what_it_opened_then_what_tells_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = Small(settings=Settings())
    probes, telemetry = room.probes.close, room.telemetry.close
    monkeypatch.setattr(room.probes, "close", lambda: (room.ended.append("probes"), probes()))
    monkeypatch.setattr(
        room.telemetry, "close", lambda: (room.ended.append("telemetry"), telemetry())
    )
    room.close()
    assert room.ended == ["probes", "what it opened", "telemetry"]
