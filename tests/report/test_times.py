"""What the gateway remembers of its ads and requests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adjudicate.report.window import Window
from executors.gateway.routing.times import AdTimes
from executors.gateway.telemetry.codes import CodeCounts
from tests.report.made import BEGAN, WINDOW, Clock, packed, times_of


def test_the_ads_of_the_window_are_what_is_told() -> None:
    answered = times_of(100.0, 200.0, 600.0).answering(
        Window(BEGAN + timedelta(seconds=1), BEGAN + timedelta(minutes=1))
    )()
    assert answered.ads == 2
    assert answered.stages["total"].mean == 400.0
    assert answered.stages["gateway"].max == 300.0
    assert answered.stages["ledger"].min == 50.0
    assert answered.first is None
    assert answered.series["p50"] == [400.0, *[None] * 4]


def test_an_ad_that_was_not_in_a_stage_has_no_time_there() -> None:
    times = AdTimes(clock=Clock())
    times.add(10.0, packed({"gateway": 1.0, "gateway.judge": 0.5}))
    times.add(20.0, packed({"gateway": 2.0}))
    stages = times.answering(WINDOW)().stages
    assert (stages["gateway"].count, stages["gateway.judge"].count) == (2, 1)
    assert "ledger" not in stages


def test_what_was_forgotten_is_said_by_when_it_begins_to_remember() -> None:
    clock = Clock()
    times = AdTimes(most=3, clock=clock)
    for total in range(5):
        times.add(float(total), packed({}))
        clock.now += 1
    answered = times.answering(WINDOW)()
    assert (answered.ads, answered.stages["total"].min) == (3, 2.0)
    assert answered.first == BEGAN.timestamp() + 2


def test_requests_are_counted_by_code_for_a_day() -> None:
    clock = Clock()
    codes = CodeCounts(clock)
    codes.add("ok")
    codes.add("ok")
    clock.now += 300
    codes.add("rate_limited")
    assert codes.between(WINDOW) == {"ok": 2, "rate_limited": 1}
    assert codes.between(Window(BEGAN + timedelta(minutes=2), BEGAN + timedelta(minutes=9))) == {
        "rate_limited": 1
    }
    clock.now += 86_400 * 2
    for _ in range(8_640):
        clock.now += 10
        codes.add("ok")
    assert codes.between(WINDOW) == {}


@pytest.mark.parametrize("back_s", [5, 500])
def test_a_clock_that_is_set_back_loses_no_request(back_s: int) -> None:
    clock = Clock(BEGAN + timedelta(minutes=5))
    codes = CodeCounts(clock)
    codes.add("ok")
    clock.now -= back_s
    codes.add("ok")
    assert codes.between(WINDOW) == {"ok": 2}
