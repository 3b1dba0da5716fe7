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

JINA_FLOW = (str(Path(sys.executable).parent / "jina"), "flow", "--uses", "flow.yml")


def gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended within a few seconds."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def test_jina_flow_starts_tells_its_rooms_and_an_interrupt_stops_it(tmp_path: Path) -> None:
    service = Service(tmp_path, {}, JINA_FLOW)
    service.start()
    try:
        service.wait_until_ready()
        family = service.family()
        assert len(family) >= 6
        # The `jina` command prints a banner before it loads flow.yml.
        ours = [line for line in service.output().splitlines() if line.startswith("{")]
        lines = [json.loads(line) for line in ours]
        for room, told in {
            "encoder": ("model clip", "device cpu", "precision "),
            "judge": ("model shipped", "device cpu", "precision "),
            "library": ("exemplars 0",),
            "ledger": ("decisions 0",),
        }.items():
            loaded = [line["event"] for line in lines if line["room"] == room]
            (event,) = [event for event in loaded if "loaded in" in event]
            for words in told:
                assert words in event
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


def without_models(folder: Path, settings: dict[str, str]) -> Service:
    """A service whose encoder and judge have no model, where the test is not about those."""
    return Service(folder, settings, (*UP, "--flow", str(write_flow(folder))))


def test_sigterm_lets_what_is_in_flight_finish(tmp_path: Path) -> None:
    service = without_models(tmp_path, {"NOOP_ENCODER_MS": "2000"})
    service.start()
    answers: list[int] = []

    def review() -> None:
        ads = [{"text": f"in flight {n}"} for n in range(32)]
        answer = httpx.post(f"{service.urls['http']}/v1/review", json={"ads": ads}, timeout=60)
        answers.append(len(answer.json()["decisions"]))

    try:
        service.wait_until_ready()
        family = service.family()
        thread = threading.Thread(target=review)
        thread.start()
        time.sleep(0.7)
        assert not answers
        status = service.stop(signal.SIGTERM)
        thread.join(30)
    finally:
        service.stop(signal.SIGKILL)
    assert status == 0
    assert answers == [32]
    assert gone(family)
    assert "Traceback" not in service.output()


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
    about_a_model = "__MODEL" in next(iter(settings))
    service = Service(tmp_path, settings) if about_a_model else without_models(tmp_path, settings)
    service.start()
    try:
        status = service.process.wait(120)
    finally:
        service.stop(signal.SIGKILL)
    output = service.output()
    assert status == 78
    assert sentence in output
    assert "Traceback" not in output
    levels = [json.loads(line)["level"] for line in output.splitlines()]
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
