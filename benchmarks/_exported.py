"""The exported Flow as local processes: each service with the command that its container runs.

There is no supervisor. What differs from compose/docker-compose.flow.yml is only where they listen:
each replica has an address of its own in 127.0.0.0/8, as a container has, and the ports are free
ones. The gateways find the rooms by the names that they have there, which `_names` looks up in a
file in the place of a name server. So it needs Linux, where all of these addresses are the
machine's.

    with ExportedFlow(folder, {"ADJUDICATE_LIMITS__WAIT_S": "1"}, replicas={"encoder": 2}) as flow:
        Client(flow.urls[0]["grpc"]).review(ad)
        flow.start_replica("encoder")
        flow.stop_replica("encoder", 0)
        flow.restart_replica("gateway", 0)
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from benchmarks._replica import Replica
from benchmarks._servers import free_ports, free_range, healthy
from executors.shared.settings import ROOT

COMPOSE = ROOT / "compose" / "docker-compose.flow.yml"
NAMES = Path(__file__).with_name("_names")
JINA = ROOT / "executors" / "bin" / "jina"
"""What `jina` is in the images."""
READY_S = 240.0
GATEWAY = "gateway"
PROTOCOLS = ("grpc", "http", "ws")
MONITORS = {GATEWAY: 0, "encoder": 1, "library": 2, "judge": 3, "ledger": 4}
"""Of each room's monitor port, how far it is from `ADJUDICATE_TELEMETRY__METRICS_PORT`."""

Prefix = Sequence[str] | Callable[[str], Sequence[str]]


class ExportedFlow:
    """Entering starts it and waits until it is ready, leaving ends it."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        *,
        replicas: Mapping[str, int] | None = None,
        gateways: int = 1,
        prefix: Prefix = (),
        uses: Mapping[str, Path] | None = None,
        compose: Path = COMPOSE,
    ) -> None:
        """`settings` are added to the environment of every process.

        `prefix` goes before each command, such as `bwrap …`; a function gets the room's name. With
        one, `jina` is whatever that finds, else it is `JINA`, run in the room's folder; and names
        are looked up by `folder / "names"` only if that is its /etc/hosts.
        `uses` names other configuration files than the rooms' own.
        """
        self._folder = folder
        wanted = {**(replicas or {}), GATEWAY: gateways}
        self._wanted = {room: wanted.get(room, 1) for room in MONITORS}
        self._prefix = prefix
        self._uses = dict(uses or {})
        self._services = read_services(compose)
        self._network = f"127.{random.randint(1, 254)}.{random.randint(0, 254)}"
        self._ports = dict(zip(self._services, free_ports(len(self._services)), strict=True))
        self._monitors = free_range(len(MONITORS))
        self._settings = {
            "ADJUDICATE_DATABASE": f"sqlite:///{folder / 'adjudicate.db'}",
            "ADJUDICATE_ACCESS__MODE": "open",
            "ADJUDICATE_TELEMETRY__METRICS_PORT": str(self._monitors),
            **(settings or {}),
        }
        self._monitors = int(self._settings["ADJUDICATE_TELEMETRY__METRICS_PORT"])
        self._started: list[Replica] = []
        self._names = folder / "names"
        self._names.touch()
        self._published: dict[str, list[str]] = {}

    @property
    def urls(self) -> list[dict[str, str]]:
        """Of each gateway, its URLs by `grpc`, `http` and `ws`."""
        return [
            {
                protocol: f"{protocol}://{gateway.address}:{port}"
                for protocol, port in zip(PROTOCOLS, gateway.ports, strict=True)
            }
            for gateway in self.replicas(GATEWAY)
        ]

    def replicas(self, room: str) -> list[Replica]:
        """All that were started of a room, those that have ended too."""
        return [replica for replica in self._started if replica.room == room]

    def process(self, room: str, index: int = 0) -> subprocess.Popen[bytes]:
        """The process of a replica that was started."""
        process = self.replicas(room)[index].process
        assert process is not None
        return process

    def log(self, room: str, index: int = 0) -> str:
        """What a replica has printed."""
        return self.replicas(room)[index].log.read_text(errors="replace")

    def publish(self, room: str, *indices: int) -> None:
        """Have a room's name stand for these replicas alone, as a headless service does with those
        that are ready. Gateways learn of it at their next look."""
        self._published[room] = [self.replicas(room)[index].address for index in indices]
        lines = [f"{one} {name}" for name, found in self._published.items() for one in found]
        # Written in place: another root may have it as its /etc/hosts.
        self._names.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def start(self) -> None:
        """Start every process without waiting, the rooms before the gateways."""
        for room in sorted(self._services, key=lambda name: name == GATEWAY):
            for _ in range(self._wanted[room]):
                self.start_replica(room)

    def start_replica(self, room: str, settings: Mapping[str, str] | None = None) -> Replica:
        """One more of a room, without waiting; `settings` are its own. Its address is behind the
        room's name at once."""
        index = len(self.replicas(room))
        address = f"{self._network}.{10 + 40 * MONITORS[room] + index}"
        count = len(PROTOCOLS) if room == GATEWAY else 1
        ports = free_ports(count) if room == GATEWAY else [self._ports[room]]
        monitor = f"http://{address}:{self._monitors + MONITORS[room]}"
        log = self._folder / f"{room}-{index}.log"
        replica = Replica(room, index, address, ports, monitor, log)
        replica.command = self._command(replica)
        replica.environment = {**self._environment(replica), **(settings or {})}
        replica.start()
        self._started.append(replica)
        self._publish_living(room)
        return replica

    def stop_replica(self, room: str, index: int, signum: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end. Returns the exit status. The room's name is without
        the replica's address from then on."""
        replica = self.replicas(room)[index]
        replica.send(signum)
        status = replica.wait()
        self._publish_living(room)
        return status

    def restart_replica(self, room: str, index: int) -> Replica:
        """End a replica, if it lives, and start it again at its address, without waiting."""
        self.stop_replica(room, index)
        replica = self.replicas(room)[index]
        replica.start()
        self._publish_living(room)
        return replica

    def _publish_living(self, room: str) -> None:
        if room != GATEWAY:
            self.publish(room, *(one.index for one in self.replicas(room) if one.alive))

    def wait_until_ready(self) -> None:
        """Until every process is ready, and each gateway says that all rooms are.

        Raises `RuntimeError` with the log of the process that ended or was late.
        """
        until = time.monotonic() + READY_S
        for replica in self._started:
            self.wait_for(replica, until)
        for url in self.urls:
            while not healthy(url["http"]):
                if time.monotonic() > until:
                    raise RuntimeError(f"{url['http']} is not healthy\n{self.log(GATEWAY)[-2000:]}")
                time.sleep(0.2)

    def wait_for(self, replica: Replica, until: float | None = None) -> None:
        """Until a replica's monitor says that it is ready."""
        until = until or time.monotonic() + READY_S
        while not replica.ready():
            if not replica.alive or time.monotonic() > until:
                name = f"{replica.room}/{replica.index}"
                raise RuntimeError(f"{name} is not ready:\n{replica.told()}")
            time.sleep(0.1)

    def stop(self) -> dict[tuple[str, int], int]:
        """End all that live, the gateways first. Returns the exit statuses by room and index."""
        ended: dict[tuple[str, int], int] = {}
        living = [replica for replica in self._started if replica.alive]
        for group in (True, False):
            members = [one for one in living if (one.room == GATEWAY) is group]
            for replica in members:
                replica.send(signal.SIGTERM)
            for replica in members:
                ended[replica.room, replica.index] = replica.wait()
        return ended

    def __enter__(self) -> ExportedFlow:
        try:
            self.start()
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _environment(self, replica: Replica) -> dict[str, str]:
        service = self._services[replica.room].get("environment", [])
        exported = dict(line.split("=", 1) for line in service)
        own = {
            "ADJUDICATE_ACCESS__HOST": replica.address,
            "ADJUDICATE_TELEMETRY__METRICS_HOST": replica.address,
            "ADJUDICATE_TELEMETRY__INSTANCE": f"{replica.room}-{replica.index}",
            "EXPORTED_NAMES": str(self._names),
        }
        if not self._prefix:
            own["PYTHONPATH"] = os.pathsep.join((str(NAMES), str(ROOT)))
        return {**exported, **own, **self._settings}

    def _command(self, replica: Replica) -> list[str]:
        service = self._services[replica.room]
        prefix = self._prefix(replica.room) if callable(self._prefix) else self._prefix
        program = [str(part) for part in service["entrypoint"]]
        if not prefix:
            program = [sys.executable, str(JINA), *program[1:]]
        options = _options(service["command"][1:])
        options["--port"] = [str(port) for port in replica.ports]
        if replica.room == GATEWAY:
            targets = {name: [f"{name}:{self._ports[name]}"] for name in self._services}
            del targets[GATEWAY]
            options["--deployments-addresses"] = [json.dumps(targets)]
        else:
            options["--host"] = [replica.address]
            options["--workspace"] = [str(self._folder / "workspace")]
        if replica.room in self._uses:
            options["--uses"] = [str(self._uses[replica.room])]
        flat = [part for name, values in options.items() for part in (name, *values)]
        return [*prefix, *program, service["command"][0], *flat]


def read_services(compose: Path) -> dict[str, Any]:
    """The services of an exported file. In it `$$` is Compose's `$`."""
    text = compose.read_text(encoding="utf-8").replace("$$", "$")
    services: dict[str, Any] = yaml.safe_load(text)["services"]
    return services


def _options(command: Sequence[str]) -> dict[str, list[str]]:
    """The options of a command by name, in their order."""
    options: dict[str, list[str]] = {}
    for part in command:
        if part.startswith("--"):
            values = options[part] = []
        else:
            values.append(part)
    return options
