"""One ad's time taken apart: complete, never negative, each millisecond once."""

from __future__ import annotations

import pytest

from adjudicate.profiling.stages import PARTS, split

TIMINGS = {
    "encoder": 20.0,
    "encoder.decode": 4.0,
    "encoder.wait": 3.0,
    "encoder.model": 10.0,
    "library": 2.0,
    "judge": 50.0,
    "judge.model": 45.0,
    "ledger": 5.0,
    "gateway": 6.0,
    "gateway.encoder": 2.5,
    "gateway.judge": 1.5,
}


def test_every_millisecond_belongs_to_one_part() -> None:
    found = split(100.0, TIMINGS)
    assert found.parts["network"] == pytest.approx(17.0)
    assert found.parts["encoder.rest"] == pytest.approx(3.0)
    assert found.parts["judge.wait"] == 0.0
    assert found.parts["judge.rest"] == pytest.approx(5.0)
    assert found.parts["gateway.own"] == pytest.approx(2.0)
    assert found.total == pytest.approx(100.0)
    assert sum(map(found.stage, PARTS)) == pytest.approx(found.total)


def test_a_stage_is_what_the_decision_says_of_it() -> None:
    found = split(100.0, TIMINGS)
    stages = {name: found.stage(name) for name in ("gateway", "encoder", "library", "judge")}
    assert stages == pytest.approx({"gateway": 6, "encoder": 20, "library": 2, "judge": 50})


def test_an_ad_that_was_not_judged_spent_nothing_in_the_judge() -> None:
    assert split(10.0, {"encoder": 4.0}).stage("judge") == 0.0


def test_parts_that_say_more_than_their_stage_are_cut() -> None:
    found = split(10.0, {"encoder": 4.0, "encoder.decode": 3.0, "encoder.model": 9.0})
    assert found.stage("encoder") == pytest.approx(4.0)
    assert found.parts["encoder.rest"] == 0.0


def test_a_service_that_says_more_than_the_client_waited_leaves_the_network_nothing() -> None:
    found = split(5.0, {"encoder": 8.0})
    assert (found.parts["network"], found.total) == (0.0, 8.0)


def test_an_older_service_without_the_gateways_time_gives_it_to_the_network() -> None:
    found = split(10.0, {"encoder": 4.0, "library": 1.0})
    assert (found.stage("gateway"), found.parts["network"]) == (0.0, 5.0)
