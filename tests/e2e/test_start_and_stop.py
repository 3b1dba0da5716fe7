"""Every way to start the Flow, what it says when it cannot, and that nothing is left behind."""

from __future__ import annotations

import json
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import httpx
import psutil
import pytest

from benchmarks._noop_flow import write_flow
from tests.e2e.service import UP, Service
from tests.e2e.small import SmallFlow

JINA_FLOW = (str(Path(sys.executable).parent / "jina"), "flow", "--uses")
UP_FLOW = (*UP, "--flow")
IN_FLIGHT = 200
"""Ads of 15 ms each, one by one."""


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended within a few seconds."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def without_models(
    folder: Path,
    settings: dict[str, str] | None = None,
    command: tuple[str, ...] = UP_FLOW,
    real: str = "",
) -> Service:
    """A service whose encoder and judge have no model, but for the one that the test is about."""
    return Service(folder, settings or {}, (*command, str(write_flow(folder, real))))


def events(service: Service) -> dict[str, list[str]]:
    """What each room has logged."""
    found: dict[str, list[str]] = {}
    for line in service.output().splitlines():
        if line.startswith("{"):  # the `jina` command prints a banner before it loads flow.yml
            said = json.loads(line)
            found.setdefault(said["room"], []).append(said["event"])
    return found


def test_a_room_tells_what_it_has_loaded(service: Service) -> None:
    logged = events(service)
    for room, told in {
        "encoder": ("model clip", "device cpu", "precision "),
        "judge": ("model shipped", "device cpu", "precision "),
        "library": ("exemplars 0",),
        "ledger": ("decisions 0",),
    }.items():
        event = next(event for event in logged[room] if "loaded in" in event)
        for words in told:
            assert words in event


def test_jina_flow_starts_tells_its_rooms_and_an_interrupt_stops_it(tmp_path: Path) -> None:
    service = without_models(tmp_path, command=JINA_FLOW)
    service.start()
    try:
        service.wait_until_ready()
        family = service.family()
        assert len(family) >= 6
        logged = events(service)
        for room in ("encoder", "library", "judge", "ledger"):
            (_,) = [event for event in logged[room] if "loaded in" in event]
        # A terminal's Ctrl-C reaches every process of the group.
        for process in family[1:]:
            process.send_signal(signal.SIGINT)
        status = service.stop(signal.SIGINT)
    finally:
        service.stop(signal.SIGKILL)
    assert status == 0
    assert gone(family)
    assert "Traceback" not in service.output()
    assert "died" not in service.output()


def test_sigterm_lets_what_is_in_flight_finish(small: SmallFlow) -> None:
    """The last of its Flow, whose encoder takes one ad after the other."""
    answers: list[int] = []

    def encoded() -> int:
        return int(small.room("encoder")["counters"]["encoded"])

    def review() -> None:
        ads = [{"text": f"in flight {n}"} for n in range(IN_FLIGHT)]
        answer = httpx.post(f"{small.http}/v1/review", json={"ads": ads}, timeout=60)
        answers.append(len(answer.json()["decisions"]))

    process, family, logged = small.process, small.family(), len(small.log())
    before = encoded()
    thread = threading.Thread(target=review)
    thread.start()
    deadline = time.monotonic() + 30
    while encoded() == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers
    process.send_signal(signal.SIGTERM)
    status = process.wait(60)
    thread.join(30)
    assert status == 0
    assert answers == [IN_FLIGHT]
    assert gone(family)
    assert "Traceback" not in small.log()[logged:]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"ADJUDICATE_ENCODER__PRECISION": "bf15"},
            "ADJUDICATE_ENCODER__PRECISION: Input should be",
        ),
        ({"ADJUDICATE_ENCODER__MODEL": "no/such/folder"}, '"room":"encoder"'),
        ({"ADJUDICATE_JUDGE__MODEL": "./no-such-folder"}, '"room":"judge"'),
        ({"ADJUDICATE_POLICIES": "no/such/folder"}, "The policy folder no/such/folder does not"),
        ({"ADJUDICATE_DATABASE": "sqlite:////proc/nowhere/x.db"}, "ADJUDICATE_DATABASE: "),
    ],
    ids=["wrong setting", "no encoder model", "no judge model", "no policies", "no database"],
)
def test_what_cannot_start_says_why_in_one_sentence(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    (name,) = settings
    room = name.removeprefix("ADJUDICATE_").removesuffix("__MODEL").lower()
    real = room if name.endswith("__MODEL") else ""
    service = without_models(tmp_path, settings, real=real)
    service.start()
    try:
        status = service.process.wait(120)
    finally:
        service.stop(signal.SIGKILL)
    output = service.output()
    assert status == 78
    assert sentence in output
    assert "Traceback" not in output
    lines = [json.loads(line) for line in output.splitlines()]
    if not real:  # nothing was started for it
        assert {line["room"] for line in lines} == {"supervisor"}
    levels = [line["level"] for line in lines]
    assert 1 <= levels.count("critical") <= 2
    assert "error" not in levels


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        service = Service(tmp_path, {"ADJUDICATE_GATEWAY__HTTP_PORT": str(port)})
        service.start()
        assert service.process.wait(60) == 78
    assert f"port {port} is taken" in service.output()
    assert "Traceback" not in service.output()
