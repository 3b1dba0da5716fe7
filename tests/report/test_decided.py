"""What the ledger has recorded in a window, on both databases."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from docarray import DocList

from adjudicate.documents import Decision, Problem, RoomReport
from adjudicate.report.parts import Part
from adjudicate.report.statistics import statistics_of
from adjudicate.report.window import Window
from executors.ledger.executor import MAX_REPORTS, Ledger
from executors.ledger.reporting import Reporting
from executors.ledger.store import DecisionStore, Record
from executors.shared.settings import Settings
from tests.report.made import BEGAN, WINDOW

ADS = 240


def decisions(seed: int = 0) -> list[Decision]:
    """One a second from the window's beginning on, in no order of time."""
    chance = random.Random(seed)
    made = []
    for number in range(ADS):
        wrong, judged = number % 8 == 0, number % 5 == 1
        timings = {"encoder": chance.gammavariate(2, 20), "ledger": 0.1}
        if judged:
            timings |= {"judge": chance.uniform(100, 900), "judge.model": 90.0}
        code = ("image_empty", "out_of_memory")[number % 16 == 0]
        made.append(
            Decision(
                id=f"d{number}",
                ad_id=f"ad{number}",
                outcome="error" if wrong else "reject" if judged else "approve",
                reasons=[code, "term:cure"] if wrong else ["below_thresholds"],
                problem=Problem(code=code) if wrong else None,
                judged=judged,
                cached=judged and number % 2 == 0,
                flagged=judged,
                timings=timings,
                decided_at=(BEGAN + timedelta(seconds=number)).isoformat(timespec="milliseconds"),
            )
        )
    chance.shuffle(made)
    return made


@pytest.fixture
def store(any_database: str) -> Iterator[DecisionStore]:
    opened = DecisionStore(any_database)
    opened.record([Record(decision, "hash") for decision in decisions()])
    yield opened
    opened.close()


def test_counts_and_times_are_those_of_the_decisions_themselves(store: DecisionStore) -> None:
    found = Reporting(store.engine).decided(WINDOW)
    made = decisions()
    assert found.ads == found.read == ADS
    assert found.outcomes == {
        name: sum(one.outcome == name for one in made) for name in ("approve", "reject", "error")
    }
    assert found.codes == {"image_empty": 15, "out_of_memory": 15}
    for name in ("encoder", "judge", "judge.model"):
        said = statistics_of([one.timings[name] for one in made if name in one.timings])
        assert said is not None
        assert found.stages[name].model_dump() == pytest.approx(said.model_dump())
    assert found.stages["ledger.decide"].max == 0.1
    assert "ledger" not in found.stages
    assert found.reasons == {"below_thresholds": 210, **found.codes}
    assert (found.judged, found.flagged) == (48, 48)
    assert found.cached == sum(one.cached for one in made)
    assert found.audited == 0


def test_a_window_takes_its_beginning_and_leaves_its_end(store: DecisionStore) -> None:
    window = Window(BEGAN + timedelta(seconds=10), BEGAN + timedelta(seconds=30))
    found = Reporting(store.engine).decided(window)
    assert found.ads == 20
    assert {name: sum(counts) for name, counts in found.series.items()} == found.outcomes
    assert [sum(counts) for counts in zip(*found.series.values(), strict=True)] == [10, 10]


def test_of_many_decisions_an_even_sample_is_read_and_all_are_counted(
    store: DecisionStore,
) -> None:
    found = Reporting(store.engine, most=100).decided(WINDOW)
    assert found.ads == ADS
    assert found.read == ADS // 3
    assert found.stages["encoder"].count == ADS // 3


def test_a_window_without_decisions_has_none(store: DecisionStore) -> None:
    found = Reporting(store.engine).decided(Window(BEGAN - timedelta(hours=1), BEGAN))
    assert (found.ads, found.read, found.outcomes, found.stages) == (0, 0, {}, {})


async def test_the_room_tells_what_it_recorded_and_what_its_process_used(sqlite_url: str) -> None:
    ledger = Ledger(settings=Settings(database=sqlite_url))
    try:
        ledger._store.record([Record(decision, "hash") for decision in decisions()])
        ledger.telemetry.samples.take()
        asked = RoomReport(since=WINDOW.since.isoformat(), until=WINDOW.until.isoformat())
        (recorded,) = await ledger.report_decisions(DocList[RoomReport]([asked]))
        (process,) = await ledger.report(DocList[RoomReport]([RoomReport(window="1m")]))
        (wrong,) = await ledger.report(DocList[RoomReport]([RoomReport(window="soon")]))
    finally:
        ledger.close()
    assert (recorded.room, recorded.about) == ("ledger", "decisions")
    decided = Part.model_validate_json(recorded.content).decided
    assert decided is not None
    assert decided.ads == ADS
    measured = Part.model_validate_json(process.content).measured
    assert measured is not None
    assert measured.readings >= 1
    assert wrong.problem.code == "malformed_request"


async def test_reports_wait_for_each_other_and_those_that_are_too_many_are_refused(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(settings=Settings(database=sqlite_url))
    at_work, most, free = [0], [0], threading.Event()

    def slow(asked: RoomReport) -> RoomReport:
        at_work[0] += 1
        most[0] = max(most[0], at_work[0])
        assert free.wait(30)
        at_work[0] -= 1
        return RoomReport()

    monkeypatch.setattr(ledger, "_reported", slow)
    try:
        asked = [
            asyncio.ensure_future(ledger.report_decisions(DocList[RoomReport]([RoomReport()])))
            for _ in range(MAX_REPORTS + 2)
        ]
        await asyncio.wait(asked, timeout=30, return_when=asyncio.FIRST_COMPLETED)
        free.set()
        told = [found for (found,) in await asyncio.gather(*asked)]
    finally:
        ledger.close()
    assert most[0] == 1
    refused = [one.problem.code for one in told if one.problem]
    assert refused == ["overloaded", "overloaded"]


async def test_a_database_that_cannot_be_read_is_a_problem_and_no_exception(
    sqlite_url: str,
) -> None:
    ledger = Ledger(settings=Settings(database=sqlite_url))
    try:
        with ledger._store.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE decisions RENAME TO gone")
        (told,) = await ledger.report_decisions(DocList[RoomReport]([RoomReport()]))
    finally:
        ledger.close()
    assert (told.about, told.problem.code) == ("decisions", "internal")
    assert "gone" not in told.problem.detail
