"""What is known of a replica follows from its canaries."""

from __future__ import annotations

import logging

import pytest

from adjudicate.documents import Canary
from executors.gateway.health.replicas import Replicas
from executors.shared.health.board import Restarts

FAILED = Canary(result="failed", detail="its index finds nothing", milliseconds=7)
OUTSIDE = Canary(result="failed", detail="connection refused", outside=True)


@pytest.fixture
def replicas() -> Replicas:
    known = Replicas()
    for number in (0, 1):
        known.of("encoder", f"127.0.0.1:500{number}", number)
    return known


def test_nothing_is_known_before_the_first_canary(replicas: Replicas) -> None:
    assert replicas.healthy("encoder") is None
    assert replicas.all_healthy() == {}
    assert [one.state for one in replicas.shown("encoder")] == ["unknown", "unknown"]


def test_a_room_works_as_long_as_one_replica_does(replicas: Replicas) -> None:
    first, second = replicas
    first.note(FAILED)
    assert replicas.healthy("encoder") is False
    second.note(Canary())
    assert replicas.healthy("encoder") is True
    assert replicas.all_healthy() == {"encoder": False}
    first.note(Canary())
    assert replicas.all_healthy() == {"encoder": True}


def test_failures_are_counted_in_a_row_with_the_last_reason_and_time(replicas: Replicas) -> None:
    first, _ = replicas
    for _ in range(3):
        first.note(FAILED)
    shown = replicas.shown("encoder")[0]
    assert (shown.state, shown.failures, shown.detail) == ("unhealthy", 3, FAILED.detail)
    assert shown.milliseconds == 7
    assert shown.last_canary.endswith("+00:00")
    assert replicas.seen()["5000"].failures == 3
    first.note(Canary())
    shown = replicas.shown("encoder")[0]
    assert (shown.state, shown.failures, shown.detail) == ("healthy", 0, "")
    assert (replicas.seen()["5000"].failures, replicas.seen()["5000"].sent) == (0, 4)


def test_what_is_not_the_replicas_fault_is_shown_and_not_told_to_the_supervisor(
    replicas: Replicas,
) -> None:
    first, _ = replicas
    first.note(FAILED)
    first.note(OUTSIDE)
    assert replicas.shown("encoder")[0].failures == 2
    assert replicas.seen()["5000"].failures == 0


def test_a_busy_replica_is_healthy(replicas: Replicas) -> None:
    first, _ = replicas
    first.note(FAILED)
    first.note(Canary(result="busy"))
    assert replicas.shown("encoder")[0].state == "busy"
    assert replicas.healthy("encoder") is True
    assert replicas.seen()["5000"].failures == 0


def test_one_line_when_it_fails_and_one_when_it_answers_again(
    replicas: Replicas, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = replicas
    with caplog.at_level(logging.INFO):
        for canary in (Canary(), FAILED, FAILED, FAILED, Canary(), Canary()):
            first.note(canary)
    assert caplog.messages == [
        "encoder/0 fails its canary: its index finds nothing",
        "encoder/0 answers its canary again",
    ]


def test_restarts_are_those_of_the_process_on_the_same_port() -> None:
    restarts = {"5001": Restarts("encoder", died=1, unhealthy=2, last="now", reason="unhealthy")}
    known = Replicas(lambda: restarts)
    for number in (0, 1):
        known.of("encoder", f"127.0.0.1:500{number}", number)
    first, second = known.shown("encoder")
    assert (first.restarts, first.restart_reason) == (0, "")
    assert (second.restarts, second.restarted_at, second.restart_reason) == (3, "now", "unhealthy")


def test_without_a_supervisor_no_restarts_are_known(replicas: Replicas) -> None:
    shown = replicas.shown("encoder")[0]
    assert (shown.restarts, shown.address) == (None, "127.0.0.1:5000")


def test_a_replica_that_has_gone_is_forgotten_and_its_number_is_free(replicas: Replicas) -> None:
    first, second = replicas
    first.note(FAILED)
    second.note(Canary())
    replicas.forget(first.address)
    replicas.forget("unknown:1")
    assert first not in replicas
    assert second in replicas
    assert replicas.all_healthy() == {"encoder": True}
    new = replicas.of("encoder", "127.0.0.1:5002", 1)
    assert (new.number, second.number) == (0, 1)
