"""Each image's command runs in the image's own file system: read-only, as its user, offline."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.images.alone import Outcome
from tests.images.roots import ALONE, BWRAP, UID, Root

Roots = Callable[[str], Root]
WITH_MODELS = [
    pytest.param(room, marks=pytest.mark.slow(reason="an environment with torch, uncompiled"))
    for room in ("encoder", "library", "judge")
]
EX_SOFTWARE = 70
"""sysexits.h: what a container ends with that cannot start."""


def alone(
    root: Root,
    prefix: list[str] | None = None,
    command: tuple[str, ...] = (),
    probe: str = "ready",
) -> Outcome:
    """What becomes of the image's own command, or another, with nothing but loopback."""
    assert BWRAP is not None
    image = root.image
    what = {
        "prefix": prefix or root.prefix(),
        "command": command or (*image.entrypoint, *image.command),
        "health": (*image.health, "--probe", probe),
    }
    done = subprocess.run(
        [BWRAP, *ALONE, sys.executable, "-m", "tests.images.alone"],
        input=json.dumps(what),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return Outcome(**json.loads(done.stdout))


def inside(root: Root, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*root.prefix(), *command], capture_output=True, text=True, timeout=120)


def without(root: Root, path: str, tmp_path: Path) -> list[str]:
    """The prefix of the same root with something hidden: an empty file or folder in its place."""
    hidden = root.path / path
    assert hidden.exists(), path
    empty = tmp_path / "empty"
    empty.mkdir() if hidden.is_dir() else empty.touch()
    prefix = root.prefix()
    at = prefix.index("--proc")
    return [*prefix[:at], "--ro-bind", str(empty), f"/{path}", *prefix[at:]]


@pytest.mark.parametrize("room", ["ledger", *WITH_MODELS])
def test_a_room_starts_becomes_healthy_and_ends_when_it_is_told_to(
    root_of: Roots, room: str
) -> None:
    outcome = alone(root_of(room))
    assert outcome.healthy, outcome.log
    assert json.loads(outcome.said)["room"] == room
    assert outcome.user == UID
    assert not outcome.reaches_others
    assert outcome.status == 0, outcome.log
    for line in outcome.log.splitlines():
        assert json.loads(line)["room"] == room, line  # no banner, no warning of a library


@pytest.mark.slow(reason="its code is compiled anew")
def test_the_gateway_lives_and_is_not_ready_without_its_rooms(root_of: Roots) -> None:
    root = root_of("gateway")
    graph = ("--graph-description", '{"start-gateway": ["encoder"], "encoder": ["end-gateway"]}')
    rooms = ("--deployments-addresses", '{"encoder": ["127.0.0.1:9"]}')
    ports = ("--port", "8080", "8081", "8082", "--protocol", "GRPC", "HTTP", "WEBSOCKET")
    command = (*root.image.entrypoint, *graph, *rooms, *ports)
    outcome = alone(root, command=command, probe="live")
    assert outcome.healthy, outcome.log
    assert outcome.status == 0, outcome.log


def test_nothing_can_be_written_but_in_tmp_and_the_volume(root_of: Roots) -> None:
    root = root_of("ledger")
    for place in ("/", "/app", "/opt/venv", "/etc", root.image.workdir):
        refused = inside(root, "touch", f"{place}/new")
        assert refused.returncode != 0, place
    for place in ("/tmp", *root.image.volumes):
        assert inside(root, "touch", f"{place}/new").returncode == 0, place


def test_nobody_but_root_may_change_what_is_in_an_image(root_of: Roots) -> None:
    root = root_of("client")
    open_to_all = [
        path
        for folder in ("app", "opt")
        for path in (root.path / folder).rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o002
    ]
    assert open_to_all == []


def test_the_clients_image_has_the_command_and_no_part_of_the_service(root_of: Roots) -> None:
    root = root_of("client")
    assert inside(root, "adjudicate", "--version").stdout.strip() == "0.1.0"
    assert not (root.path / "app/executors").exists()
    missing = inside(root, "python", "-c", "import executors, torch, sqlalchemy")
    assert "No module named 'executors'" in missing.stderr
    told = inside(root, "adjudicate", "up")
    assert told.returncode != 0
    assert "flow.yml" in told.stderr + told.stdout


@pytest.mark.slow(reason="environments with torch, uncompiled")
@pytest.mark.parametrize(
    ("name", "command", "says"),
    [
        ("gateway", ("keys", "create", "--name", "desk", "--scope", "review"), "adj"),
        ("gateway", ("policy", "check"), "rules"),
        ("ledger", ("database", "prepare"), ""),
        ("encoder", ("library", "reembed", "--database", "sqlite:////tmp/a.db"), "0 of 0"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else value,
)
def test_a_command_works_in_the_image_that_has_what_it_needs(
    root_of: Roots, name: str, command: tuple[str, ...], says: str
) -> None:
    done = inside(root_of(name), "adjudicate", *command)
    assert done.returncode == 0, done.stderr
    assert says in done.stdout


@pytest.mark.slow(reason="a start for each")
@pytest.mark.parametrize(
    "path",
    [
        "app/executors/ledger/config.yml",
        "app/executors/shared/telemetry/monitor.py",
        "opt/venv/lib/python3.11/site-packages/sqlalchemy",
    ],
)
def test_what_an_image_lacks_is_found(root_of: Roots, tmp_path: Path, path: str) -> None:
    root = root_of("ledger")
    outcome = alone(root, without(root, path, tmp_path))
    assert not outcome.healthy
    assert outcome.status == EX_SOFTWARE, outcome.log
