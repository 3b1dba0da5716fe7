"""flow.yml and what `make export` writes from it are one Flow."""

from __future__ import annotations

import filecmp
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks._exported import read_services
from executors.shared.settings import ROOT

ROOMS = ("encoder", "library", "judge", "ledger")
ALL = ("gateway", *ROOMS)
COMPOSE = Path("compose", "docker-compose.flow.yml")
KUBERNETES = {name: Path("k8s", "base", name, f"{name}.yml") for name in ALL}
K8S_PORTS = ["8080", "8081", "8082"]
"""Jina's own: of a gateway's protocols in their order."""


def options(arguments: list[str]) -> dict[str, list[str]]:
    """The values of each option, by its name."""
    found: dict[str, list[str]] = {}
    for argument in arguments:
        if argument.startswith("--"):
            found[argument] = []
        elif found:
            found[list(found)[-1]].append(argument)
    return found


def kubernetes(room: str) -> dict[str, Any]:
    """The one container of a room's Deployment."""
    documents = yaml.safe_load_all((ROOT / KUBERNETES[room]).read_text(encoding="utf-8"))
    (deployment,) = [one for one in documents if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return container


def composed(room: str) -> dict[str, Any]:
    return read_services(ROOT / COMPOSE)[room]


@pytest.fixture(scope="module")
def flow() -> Mapping[str, Any]:
    return yaml.safe_load((ROOT / "flow.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def exported() -> dict[str, dict[str, dict[str, list[str]]]]:
    """The options of each container's command: on Kubernetes, and of Compose."""
    return {
        "kubernetes": {room: options(kubernetes(room)["args"]) for room in ALL},
        "compose": {room: options(composed(room)["command"]) for room in ALL},
    }


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a new export, by a developer who has settings of his own."""
    folder = tmp_path_factory.mktemp("export")
    # The environment stands: what is tested is the export, not whether it is up to date.
    command = ["make", "--old-file=.venv/.ready", f"BIN={Path(sys.executable).parent}", "export"]
    done = subprocess.run(
        [*command, f"EXPORT_DIR={folder}"],
        cwd=ROOT,
        env={**os.environ, "ADJUDICATE_GATEWAY__GRPC_PORT": "4", "JINA_LOG_LEVEL": "DEBUG"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return folder


@pytest.mark.parametrize("path", [COMPOSE, *KUBERNETES.values()], ids=str)
def test_the_exported_files_are_those_of_this_flow(again: Path, path: Path) -> None:
    assert filecmp.cmp(again / path, ROOT / path, shallow=False), "run `make export`"


def test_an_export_writes_no_file_that_is_not_kept(again: Path) -> None:
    written = {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    assert written == {COMPOSE, *KUBERNETES.values()}


@pytest.mark.parametrize("kind", ["kubernetes", "compose"])
def test_the_exported_gateway_walks_the_graph_of_the_flow(
    flow: Mapping[str, Any], exported: Any, kind: str
) -> None:
    gateway = exported[kind]["gateway"]
    graph = json.loads(*gateway["--graph-description"])
    expected: dict[str, set[str]] = {"start-gateway": {"encoder"}, "ledger": {"end-gateway"}}
    before = "start-gateway"
    for room in flow["executors"]:
        needs = room.get("needs", before)
        for name in [needs] if isinstance(needs, str) else needs:
            expected.setdefault(name, set()).add(room["name"])
        before = room["name"]
    assert {name: set(after) for name, after in graph.items()} == expected
    conditions = {room["name"]: room["when"] for room in flow["executors"] if "when" in room}
    assert (
        json.loads(*gateway["--graph-conditions"])
        == conditions
        == {"judge": {"flagged": {"$eq": True}}}
    )
    unreduced = [room["name"] for room in flow["executors"] if room.get("no_reduce")]
    assert json.loads(*gateway["--deployments-no-reduce"]) == unreduced == ["ledger"]


@pytest.mark.parametrize("kind", ["kubernetes", "compose"])
def test_the_exported_gateway_speaks_the_flows_protocols(
    flow: Mapping[str, Any], exported: Any, kind: str
) -> None:
    gateway = exported[kind]["gateway"]
    ports = {"kubernetes": K8S_PORTS, "compose": [str(port) for port in flow["gateway"]["port"]]}
    assert [name.lower() for name in gateway["--protocol"]] == flow["gateway"]["protocol"]
    assert gateway["--port"] == ports[kind]


@pytest.mark.parametrize("kind", ["kubernetes", "compose"])
def test_each_room_listens_where_the_gateway_looks_for_it(exported: Any, kind: str) -> None:
    targets = json.loads(*exported[kind]["gateway"]["--deployments-addresses"])
    assert set(targets) == set(ROOMS)
    for room, (address,) in targets.items():
        host, _, port = address.removeprefix("grpc://").partition(":")
        assert host.split(".")[0] == room
        assert exported[kind][room]["--port"] == [port]
        assert exported[kind][room]["--host"] == ["0.0.0.0"]


def test_kubernetes_and_compose_run_the_same_flow(exported: Any) -> None:
    # Where they listen, and find each other, is for each of them to say.
    own = {"--port", "--deployments-addresses", "--k8s-namespace"}
    for room in ALL:
        one, other = (
            {name: values for name, values in exported[kind][room].items() if name not in own}
            for kind in ("kubernetes", "compose")
        )
        assert one == other
        assert kubernetes(room)["image"] == composed(room)["image"]


def test_the_images_are_the_rooms_at_this_version() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = project.partition('\nversion = "')[2].partition('"')[0]
    images = [kubernetes(room)["image"] for room in ALL]
    assert images == [f"adjudicate/{room}:{version}" for room in ALL]


def test_no_container_of_compose_sees_a_folder_of_the_host() -> None:
    assert [room for room in ALL if "volumes" in composed(room)] == []


def test_flow_yml_runs_the_rooms_own_configuration_where_nothing_else_is_asked_for() -> None:
    # In a process of its own: the defaults are set when the module is loaded.
    code = (
        "import executors.flow as m, os; f = m.Flow.load_config('flow.yml');"
        "print({n: d.args.uses for n, d in f._deployment_nodes.items()}, f.gateway_args.uses)"
    )
    environment = {name: value for name, value in os.environ.items() if "_USES" not in name}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    for room in ALL:
        assert f"executors/{room}/config.yml" in done.stdout
