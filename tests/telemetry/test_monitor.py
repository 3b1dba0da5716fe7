"""The monitor's port: pages, probes, and clients that behave badly."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from benchmarks._servers import MONITORS, free_range
from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry.monitor import CONNECTIONS, Monitor, open_monitor
from executors.shared.telemetry.ports import port_of

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def registry() -> CollectorRegistry:
    made = CollectorRegistry()
    for number in range(30):
        Counter(f"seen_{number}", "Of a test.", registry=made).inc()
    return made


def opened(room: str = "gateway", **settings: object) -> Monitor:
    base = free_range(MONITORS)
    return open_monitor(TelemetrySettings(metrics_port=base, **settings), room, 0, registry())


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    made = opened()
    assert made.port
    yield made
    made.close()


def url(monitor: Monitor, path: str) -> str:
    return f"http://127.0.0.1:{monitor.port}{path}"


def test_each_room_and_replica_has_a_port_of_its_own() -> None:
    ports = [port_of(51100, room, replica) for replica in range(3) for room in ROOMS]
    assert ports[:5] == [51100, 51101, 51102, 51103, 51104]
    assert len(set(ports)) == len(ports)
    assert port_of(0, "judge", 2) == 0


ROOMS = ("gateway", "encoder", "library", "judge", "ledger")


@pytest.mark.parametrize(
    ("accepted", "kind", "ends"),
    [
        ("", "text/plain; version=0.0.4", b""),
        (f"{OPENMETRICS},text/plain;q=0.5", "application/openmetrics-text", b"# EOF\n"),
    ],
)
def test_metrics_come_in_the_form_that_is_asked_for(
    monitor: Monitor, accepted: str, kind: str, ends: bytes
) -> None:
    answer = httpx.get(url(monitor, "/metrics"), headers={"Accept": accepted})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["content-encoding"] == "gzip"
    assert b"seen_7_total 1.0" in answer.content
    assert answer.content.endswith(ends)


def test_a_page_that_was_added_answers_with_its_status(monitor: Monitor) -> None:
    monitor.add("/health/live", lambda: (503, "application/json", b'{"ready": false}'))
    answer = httpx.get(url(monitor, "/health/live?verbose=1"))
    assert (answer.status_code, answer.json()) == (503, {"ready": False})
    head = httpx.head(url(monitor, "/health/live"))
    assert (head.status_code, head.content) == (503, b"")


def test_an_unknown_path_says_which_there_are(monitor: Monitor) -> None:
    monitor.add("/health/live", lambda: (200, "text/plain", b"ok"))
    answer = httpx.get(url(monitor, "/metric"))
    assert (answer.status_code, answer.text) == (404, "/health/live\n/metrics\n")


def test_a_page_that_fails_is_a_500_and_no_stack(monitor: Monitor) -> None:
    def fail() -> tuple[int, str, bytes]:
        raise RuntimeError("of no one's business")

    monitor.add("/broken", fail)
    answer = httpx.get(url(monitor, "/broken"))
    assert (answer.status_code, answer.text) == (500, "internal error\n")
    assert httpx.get(url(monitor, "/metrics")).status_code == 200


def test_only_reading_is_possible(monitor: Monitor) -> None:
    assert httpx.post(url(monitor, "/metrics"), content=b"x").status_code == 501


def test_a_busy_page_does_not_hold_up_the_others(monitor: Monitor) -> None:
    entered, go_on = threading.Event(), threading.Event()

    def wait() -> tuple[int, str, bytes]:
        entered.set()
        go_on.wait(60)
        return 200, "text/plain", b"done"

    monitor.add("/slow", wait)
    slow = threading.Thread(target=lambda: httpx.get(url(monitor, "/slow"), timeout=60))
    slow.start()
    assert entered.wait(30)
    assert httpx.get(url(monitor, "/metrics"), timeout=30).status_code == 200
    go_on.set()
    slow.join(60)


def test_connections_that_say_nothing_take_no_more_than_their_places(monitor: Monitor) -> None:
    idle = [socket.create_connection(("127.0.0.1", monitor.port)) for _ in range(CONNECTIONS)]
    try:
        one_more = socket.create_connection(("127.0.0.1", monitor.port))
        one_more.settimeout(30)
        assert one_more.recv(1) == b""
        one_more.close()
        idle[0].setblocking(False)
        with pytest.raises(BlockingIOError):  # it was not for want of words
            idle[0].recv(1)
    finally:
        for connection in idle:
            connection.close()
    for _ in range(100):  # their threads notice
        try:
            assert httpx.get(url(monitor, "/metrics"), timeout=30).status_code == 200
            break
        except httpx.TransportError:
            continue
    else:
        pytest.fail("the places were not given back")


def test_a_port_that_is_taken_is_a_warning_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    base = free_range(MONITORS)
    settings = TelemetrySettings(metrics_port=base)
    first = open_monitor(settings, "gateway", 0, registry())
    with caplog.at_level(logging.WARNING):
        second = open_monitor(settings, "gateway", 0, registry())
    assert (first.port, second.port) == (base, 0)
    assert [r.message for r in caplog.records] == [
        f"no monitor on 127.0.0.1:{base}: Address already in use"
    ]
    second.add("/health/live", lambda: (200, "text/plain", b"ok"))
    second.close()
    first.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.1"])
def test_an_address_that_is_not_this_machines_is_a_warning_and_no_more(host: str) -> None:
    assert opened(metrics_host=host).port == 0


@pytest.mark.parametrize(
    ("host", "asked"), [("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "localhost")]
)
def test_it_listens_where_it_is_told(host: str, asked: str) -> None:
    if host == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    monitor = opened(metrics_host=host)
    try:
        assert httpx.get(f"http://{asked}:{monitor.port}/metrics").status_code == 200
    finally:
        monitor.close()


def test_port_0_opens_none() -> None:
    assert open_monitor(TelemetrySettings(metrics_port=0), "judge", 1, registry()).port == 0


def test_a_closed_monitor_frees_its_port() -> None:
    monitor = opened()
    port = monitor.port
    monitor.close()
    monitor.close()
    with socket.create_server(("127.0.0.1", port)):
        pass
