"""What processes tell, made by what makes it in the service."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from adjudicate.documents import Problem, RoomReport
from adjudicate.report.merge import merge
from adjudicate.report.model import Report
from adjudicate.report.parts import Decided, Part
from adjudicate.report.statistics import statistics_of
from adjudicate.report.window import Window
from executors.gateway.routing.times import AdTimes
from executors.shared.telemetry.samples import Samples
from executors.shared.telemetry.system import Gpu, Reading

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = Window(BEGAN, BEGAN + timedelta(minutes=10))


class Clock:
    """Stands still until it is moved."""

    def __init__(self, at: datetime = BEGAN) -> None:
        self.now = at.timestamp()

    def __call__(self) -> float:
        return self.now


def reading(cpu: float = 0.5, *cards: Gpu) -> Reading:
    """A process that uses so many cores."""
    return Reading(cpu, 500_000_000, 20, 40 * 10**9, 60 * 10**9, cards)


def card(utilization: float | None = 0.5, *, name: str = "GPU-0123456789ab") -> Gpu:
    """A card that is busy so much of the time."""
    return Gpu(name, "NVIDIA H200", utilization, 70 * 10**9, 140 * 10**9, 60.0)


def packed(timings: dict[str, float]) -> dict[str, Any]:
    """Timings as a decision's message has them."""
    return {name: SimpleNamespace(float=value) for name, value in timings.items()}


def samples_of(*readings: Reading) -> Samples:
    """One reading a minute."""
    clock = Clock()
    waiting = list(readings)
    samples = Samples(lambda: waiting.pop(0), 5.0, clock)
    for _ in readings:
        samples.take()
        clock.now += 60
    return samples


def told(room: str, part: Part, *, replica: int = 0, about: str = "process") -> RoomReport:
    """As a process answers."""
    return RoomReport(
        about=about,
        room=room,
        replica=replica,
        since=WINDOW.since.isoformat(),
        until=WINDOW.until.isoformat(),
        content=part.model_dump_json(exclude_none=True),
    )


def silent(room: str, *, about: str = "process") -> RoomReport:
    """A room that does not answer."""
    problem = Problem(code="room_unavailable", detail=f"the {room} is not answering")
    return RoomReport(about=about, room=room, problem=problem)


def times_of(*totals: float) -> AdTimes:
    """Ads of so many milliseconds, one a second from the window's beginning on."""
    clock = Clock(BEGAN - timedelta(minutes=1))
    times = AdTimes(clock=clock)
    clock.now = BEGAN.timestamp()
    for total in totals:
        times.add(total, packed({"gateway": total / 2, "ledger": total / 4}))
        clock.now += 1
    return times


def answers(*, cards: tuple[Gpu, ...] = ()) -> list[RoomReport]:
    """Ten ads, three rooms that answer and one that does not."""
    decided = Decided(
        ads=10,
        outcomes={"approve": 7, "reject": 1, "error": 2},
        codes={"image_empty": 1, "room_unavailable": 1},
        read=10,
        reasons={"below_thresholds": 7, "judged_violation": 1, "image_empty": 2},
        judged=2,
        cached=1,
        flagged=2,
        stages={
            name: found
            for name, values in {
                "encoder": [10.0, 20.0],
                "encoder.model": [8.0, 12.0],
                "judge": [400.0],
                "ledger.decide": [0.1],
                "later.invention": [1.0],
            }.items()
            if (found := statistics_of(values)) is not None
        },
        series={"approve": [7, *[0] * 59], "reject": [1, *[0] * 59], "error": [2, *[0] * 59]},
    )
    measured = [samples_of(reading(cpu, *cards), reading(cpu)) for cpu in (0.25, 1.5, 0.1)]
    gateway, encoder, ledger = (samples.measured(WINDOW) for samples in measured)
    answered = times_of(*(100.0 * place for place in range(1, 11))).answering(WINDOW)()
    counted = answered.model_copy(update={"requests": {"ok": 9, "rate_limited": 1}})
    return [
        told("gateway", Part(measured=gateway, answered=counted)),
        told("encoder", Part(measured=encoder), replica=1),
        silent("judge"),
        told("ledger", Part(measured=ledger)),
        told("ledger", Part(decided=decided), about="decisions"),
    ]


def made(*, cards: tuple[Gpu, ...] = ()) -> Report:
    """The report of `answers`, through JSON and back as it travels."""
    report = merge(answers(cards=cards))
    return Report.model_validate(json.loads(report.model_dump_json()))
