"""What the process of a container does at its start and its end, as an orchestrator sees it."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import jina_cli
import psutil
import pytest
from docarray import DocList
from jina.proto import jina_pb2_grpc
from jina.types.request.data import DataRequest

from adjudicate.documents import Ad, Case
from executors.container import command
from executors.shared.settings import ROOT
from tests.container.alone import Alone

CONFIG = 78


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Alone]:
    room = Alone(tmp_path, "ledger")
    room.start()
    yield room
    room.end(signal.SIGKILL)


def embed(port: int) -> DataRequest:
    """An ad, asked of an encoder by itself."""
    request = DataRequest()
    request.header.exec_endpoint = "/embed"
    request.document_array_cls = DocList[Ad]
    request.data.docs = DocList[Ad]([Ad(text="Apples from the Wachau")])
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(channel)
        return stub.process_single_data(request, timeout=60, wait_for_ready=True)


def test_a_room_says_only_json_lines_and_has_no_framework_that_it_does_not_need(
    ledger: Alone,
) -> None:
    ledger.until(ledger.ready)
    loaded = {path.path for path in psutil.Process(ledger.process.pid).memory_maps()}
    assert not [path for path in loaded if "/torch/" in path]
    assert ledger.end() == 0
    lines = ledger.lines()
    assert {line["level"] for line in lines} == {"info"}
    assert "loaded in" in lines[-2]["event"]
    assert lines[-1]["event"] == "stopped"
    assert {line["room"] for line in lines} == {"ledger"}


def test_a_room_finishes_what_is_in_flight_before_it_ends(tmp_path: Path) -> None:
    (tmp_path / "encoder.yml").write_text(
        "jtype: NoopEncoder\npy_modules: benchmarks._noop_encoder\n"
    )
    settings = {"NOOP_ENCODER_MS": "500", "ADJUDICATE_ENCODER__MAX_BATCH": "1"}
    room = Alone(tmp_path, "encoder", settings)
    room.start(uses=str(tmp_path / "encoder.yml"))
    answers: list[DataRequest] = []
    threads = [threading.Thread(target=lambda: answers.append(embed(room.port))) for _ in range(4)]
    try:
        room.until(room.ready)
        for thread in threads:
            thread.start()
        # One is at work then, and others wait.
        room.until(lambda: room.metric('adjudicate_queue_depth{queue="clip"}') >= 2)
        status = room.end()
        for thread in threads:
            thread.join(60)
    finally:
        room.end(signal.SIGKILL)
    assert status == 0
    assert len(answers) == 4
    for answer in answers:
        answer.document_array_cls = DocList[Case]
        (case,) = answer.data.docs
        assert (case.text, case.problem) == ("Apples from the Wachau", None)


def test_a_room_that_is_still_loading_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import time\nprint('loading', flush=True)\ntime.sleep(600)\n"
    )
    (tmp_path / "slow.yml").write_text("jtype: Slow\npy_modules: slow\n")
    room = Alone(tmp_path, "ledger", {"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    room.start(uses=str(tmp_path / "slow.yml"))
    room.until(lambda: "loading" in room.output())
    assert room.end() == 0
    assert "Traceback" not in room.output()


@pytest.mark.parametrize(
    ("name", "room", "value", "sentence"),
    [
        ("DECISION__REJECT", "ledger", "7", "ADJUDICATE_DECISION__REJECT: "),
        ("DATABASE", "ledger", "sqlite:////proc/nowhere/x.db", "ADJUDICATE_DATABASE: "),
        ("POLICIES", "library", "no/such/folder", "The policy folder no/such/folder does not"),
    ],
)
def test_a_wrong_setting_is_one_sentence(
    tmp_path: Path, name: str, room: str, value: str, sentence: str
) -> None:
    alone = Alone(tmp_path, room, {f"ADJUDICATE_{name}": value})
    alone.start()
    assert alone.end(None) == CONFIG
    # The database is new, and a room that gets as far as to open it says so.
    (line,) = [each for each in alone.lines() if "migrations" not in each["logger"]]
    assert (line["level"], line["room"]) == ("critical", room)
    assert line["event"].startswith(sentence)


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    room = Alone(tmp_path, "ledger")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", room.port))
        taken.listen()
        room.start()
        assert room.end(None) == CONFIG
    (line,) = room.lines()
    assert line["event"].startswith(f"port {room.port} is taken")


def test_a_room_that_cannot_load_ends_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("jtype: Nobody\n")
    room = Alone(tmp_path, "ledger")
    room.start(uses=str(tmp_path / "broken.yml"))
    assert room.end(None) == 70
    last = room.lines()[-1]
    assert (last["level"], last["event"]) == ("critical", "it cannot start")
    assert "Nobody" in last["exception"]


def test_a_gateway_that_waits_for_its_rooms_is_not_ready_and_ends_at_once(tmp_path: Path) -> None:
    gateway = Alone(tmp_path, "gateway", {"ADJUDICATE_ACCESS__MODE": "open"})
    gateway.start(
        [
            *("gateway", "--uses", "config.yml", "--protocol", "GRPC", "--port", str(gateway.port)),
            *("--graph-description", '{"start-gateway": ["encoder"], "encoder": ["end-gateway"]}'),
            *("--deployments-addresses", '{"encoder": ["127.0.0.1:1"]}'),
        ]
    )
    gateway.until(lambda: gateway.readiness() is not None)
    answer = gateway.readiness()
    assert answer is not None
    assert answer.status_code == 503
    assert answer.json()["checks"][0]["detail"] == "it waits for its rooms to answer"
    assert gateway.end() == 0


def test_other_commands_of_jina_are_jinas(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(sys, "argv", ["jina", "ping", "executor", "127.0.0.1:1"])
    monkeypatch.setattr(jina_cli, "main", lambda: asked.append(sys.argv))
    assert command.main() == 0
    assert asked == [["jina", "ping", "executor", "127.0.0.1:1"]]
