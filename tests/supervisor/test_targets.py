"""The file by which Prometheus finds the processes."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from executors.shared.settings import TelemetrySettings
from executors.supervisor.targets import write_targets

PLACES: Any = [
    SimpleNamespace(room="gateway", replica=0),
    SimpleNamespace(room="encoder", replica=0),
    SimpleNamespace(room="encoder", replica=1),
    SimpleNamespace(room="a room of somebody else's", replica=0),
]


def written(folder: Path, **settings: object) -> list[dict[str, Any]]:
    path = folder / "data" / "targets.json"
    write_targets(path, TelemetrySettings(**settings), PLACES)
    assert [each.name for each in path.parent.iterdir()] == ["targets.json"]
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_each_process_of_ours_has_its_address_and_labels(tmp_path: Path) -> None:
    found = written(tmp_path, metrics_port=52000)
    assert [one["targets"] for one in found] == [
        ["127.0.0.1:52000"],
        ["127.0.0.1:52001"],
        ["127.0.0.1:52011"],
    ]
    assert found[2]["labels"] == {"job": "adjudicate/adjudicate-encoder", "instance": "encoder/1"}
    written(tmp_path)  # in its place


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", socket.gethostname()), ("::", socket.gethostname()), ("::1", "[::1]")],
)
def test_an_address_is_one_that_can_be_asked(tmp_path: Path, host: str, address: str) -> None:
    (target,) = written(tmp_path, metrics_host=host)[0]["targets"]
    assert target == f"{address}:51100"


def test_without_ports_there_is_nothing_to_find(tmp_path: Path) -> None:
    assert written(tmp_path, metrics_port=0) == []
