"""What every room is: an executor that starts with one line, says its status, and passes on."""

# No `from __future__ import annotations` in a file with @requests: Jina reads the annotations as
# classes.
import asyncio
import logging
import os
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from docarray import DocList
from jina import Executor, requests

from adjudicate.documents import Canary, Case, RoomReport, RoomStatus
from adjudicate.errors import ConfigurationError
from adjudicate.report.parts import Part
from executors.shared.health.checks import Check
from executors.shared.health.probes import RoomProbes
from executors.shared.packing import pack_once
from executors.shared.pings import answer_pings
from executors.shared.process import (
    end_with_supervisor,
    keep_freed_memory,
    keep_what_is_loaded,
    refuse_start,
    replica_of,
)
from executors.shared.reporting import report_of
from executors.shared.settings import Settings, load_settings
from executors.shared.telemetry.opening import open_telemetry
from executors.shared.telemetry.tracing import note_problems, visit

logger = logging.getLogger(__name__)

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
            replica = replica_of(getattr(self.runtime_args, "name", None) or "")
            self.telemetry = open_telemetry(self.settings, self.room, replica)
            self.probes = RoomProbes(
                self.room,
                replica,
                self.settings.health,
                work=self.try_canary,
                done=self.work_done,
                checks=self.checks,
                patience_s=self.patience_s(),
            )
            self.probes.add_to(self.telemetry.monitor)
            self.open()
        except ConfigurationError as error:
            refuse_start(self.room, error)
        self.probes.opened()
        keep_what_is_loaded()
        seconds = time.perf_counter() - started
        logger.info("%s, loaded in %.1f s", self._line(), seconds)

    def open(self) -> None:
        """Load what the room needs. Raises `ConfigurationError` with one clear sentence."""
        raise NotImplementedError

    def describe(self) -> RoomStatus:
        """The room's model, device, precision and facts such as versions and sizes."""
        raise NotImplementedError

    async def try_canary(self) -> None:
        """Do the room's work once on `canary_case()`, leaving no trace of it.

        Raises `CanaryFailed` when it comes out wrong.
        """
        raise NotImplementedError

    def work_done(self) -> int:
        """A number that differs from an earlier one if the room has done work meanwhile."""
        raise NotImplementedError

    def patience_s(self) -> float:
        """How long a piece of the room's work may take without the room having hung."""
        return 0.0

    def checks(self) -> Mapping[str, Check]:
        """What must be well for the room to be ready, by name. They run in a thread of theirs."""
        raise NotImplementedError

    def _line(self) -> str:
        status = self.describe()
        named = {"model": status.model, "device": status.device, "precision": status.precision}
        facts = {**{name: value for name, value in named.items() if value}, **status.facts}
        return ", ".join(f"{name} {value}" for name, value in facts.items()) or "ready"

    def shut(self) -> None:
        """End what `open` has opened."""

    def close(self) -> None:
        """End the room: first what asks it whether it works, last what tells of it."""
        self.probes.close()
        self.shut()
        self.telemetry.close()
        super().close()

    async def __acall_endpoint__(self, req_endpoint: str, **kwargs: Any) -> Any:
        """As Jina's, with a span for each trace that the documents are of."""
        with visit(self.room, req_endpoint, kwargs.get("docs")):
            answered = await super().__acall_endpoint__(req_endpoint, **kwargs)
            note_problems(answered)
            return answered

    @requests(on="/status")
    async def status(self, docs: DocList[RoomStatus], **kwargs: Any) -> DocList[RoomStatus]:
        """This room's `RoomStatus`, one for every document sent."""
        described = await asyncio.to_thread(self.describe)
        described.pid = os.getpid()
        return DocList[RoomStatus]([described for _ in docs])

    @requests(on="/canary")
    async def canary(self, docs: DocList[Canary], **kwargs: Any) -> DocList[Canary]:
        """What became of a canary sent through this room now, one for every document sent."""
        return DocList[Canary]([await self.probes.canary() for _ in docs])

    @requests(on="/report")
    async def report(self, docs: DocList[RoomReport], **kwargs: Any) -> DocList[RoomReport]:
        """Of each window, what this process and its machine used, as a report's part."""
        found = [await asyncio.to_thread(self._measured, asked) for asked in docs]
        return DocList[RoomReport](found)

    def _measured(self, asked: RoomReport) -> RoomReport:
        telemetry = self.telemetry
        return report_of(
            asked,
            self.room,
            telemetry.replica,
            lambda window: Part(measured=telemetry.samples.measured(window)),
        )

    @requests
    async def pass_on(self, docs: DocList[Case], **kwargs: Any) -> DocList[Case]:
        """Any endpoint that is another room's: the documents go on as they are."""
        return docs
