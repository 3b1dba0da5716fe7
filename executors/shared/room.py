"""What every room is: an executor that starts with one line, says its status, and passes on."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import os
import time
from typing import Any, ClassVar

from docarray import DocList
from jina import Executor, requests

from adjudicate.documents import Case, RoomStatus
from adjudicate.errors import ConfigurationError
from executors.shared.packing import pack_once
from executors.shared.pings import answer_pings
from executors.shared.process import (
    end_with_supervisor,
    keep_freed_memory,
    keep_what_is_loaded,
    refuse_start,
)
from executors.shared.settings import Settings, load_settings

answer_pings()
pack_once()


class Room(Executor):
    """Base of the rooms. A subclass sets `room`, loads in `open`, says itself in `describe`.

    A `ConfigurationError` in `open` ends the process with one sentence and status 78, so that
    the supervisor knows that a restart would not help.
    """

    room: ClassVar[str]

    def __init__(self, settings: Settings | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        end_with_supervisor()
        keep_freed_memory()
        started = time.perf_counter()
        try:
            self.settings = settings or load_settings()
            self.open()
        except ConfigurationError as error:
            refuse_start(self.room, error)
        keep_what_is_loaded()
        seconds = time.perf_counter() - started
        print(f"{self.room}: {self._line()}, loaded in {seconds:.1f} s", flush=True)

    def open(self) -> None:
        """Load what the room needs. Raises `ConfigurationError` with one clear sentence."""
        raise NotImplementedError

    def describe(self) -> RoomStatus:
        """The room's model, device, precision and facts such as versions and sizes."""
        raise NotImplementedError

    def _line(self) -> str:
        status = self.describe()
        named = {"model": status.model, "device": status.device, "precision": status.precision}
        facts = {**{name: value for name, value in named.items() if value}, **status.facts}
        return ", ".join(f"{name} {value}" for name, value in facts.items()) or "ready"

    @requests(on="/status")
    async def status(self, docs: DocList[RoomStatus], **kwargs: Any) -> DocList[RoomStatus]:
        """This room's `RoomStatus`, one for every document sent."""
        described = await asyncio.to_thread(self.describe)
        described.pid = os.getpid()
        return DocList[RoomStatus]([described for _ in docs])

    @requests
    async def pass_on(self, docs: DocList[Case], **kwargs: Any) -> DocList[Case]:
        """Any endpoint that is another room's: the documents go on as they are."""
        return docs
