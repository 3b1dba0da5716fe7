"""`Flow`: a Jina Flow that supervises its rooms.

Jina's local Flow never restarts a dead room, and dies of SIGTERM leaving its children behind.
flow.yml loads this module, so `jina flow --uses flow.yml` and `adjudicate up` are the same thing.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
os.environ.setdefault("JINA_LOG_LEVEL", "ERROR")
# What flow.yml runs where nothing else is asked for. Jina puts variables in once this is loaded.
os.environ.setdefault("ADJUDICATE_GATEWAY_USES", "executors/gateway/config.yml")
os.environ.setdefault("ADJUDICATE_ENCODER_USES", "executors/encoder/config.yml")
os.environ.setdefault("ADJUDICATE_LIBRARY_USES", "executors/library/config.yml")
os.environ.setdefault("ADJUDICATE_JUDGE_USES", "executors/judge/config.yml")
os.environ.setdefault("ADJUDICATE_LEDGER_USES", "executors/ledger/config.yml")
# Jina's own imports warn in every process about what its pins already settle.
os.environ.setdefault(
    "PYTHONWARNINGS", "ignore:pkg_resources is deprecated,ignore:Valid config keys have changed"
)

import jina
from jina.constants import __default_host__
from jina.enums import FlowBuildLevel
from jina.helper import is_port_free
from sqlalchemy import MetaData

from adjudicate.errors import ConfigurationError
from executors.exporting import Exporting
from executors.gateway.access.binding import bind_address
from executors.gateway.access.loopback import HOST
from executors.gateway.access.tls import open_tls
from executors.shared.database import open_database
from executors.shared.health.board import Board
from executors.shared.logs.secrets import secrets_of
from executors.shared.policy import load_policy
from executors.shared.process import EX_CONFIG
from executors.shared.settings import (
    Settings,
    TelemetrySettings,
    load_settings,
)
from executors.shared.telemetry.logs import open_logs
from executors.supervisor.health import HealthWatch
from executors.supervisor.place import Place, interrupt_blocked
from executors.supervisor.targets import write_targets

logger = logging.getLogger("adjudicate.supervisor")

POLL_S = 0.2
BOARD_VARIABLE = "ADJUDICATE_HEALTH__BOARD"
SUPERVISOR = "supervisor"
"""The name of this process in the log."""
STOP_ROOM_S = 10.0
"""How long a room may take to end after the gateway has drained."""


def say(message: str, level: int = logging.INFO) -> None:
    """One line for the operator."""
    logger.log(level, "%s", message)


class Flow(Exporting, jina.Flow):
    """The Flow of flow.yml, supervised: dead rooms restart with back-off, signals drain first.

    It is called `Flow` since Jina builds from `jtype: Flow` the class registered last under that
    name, and takes no other name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stop_requested = threading.Event()
        self._supervised: list[Place] = []
        self._settings = self._load_settings()
        super().__init__(*args, **kwargs)

    def _load_settings(self) -> Settings:
        open_logs(TelemetrySettings(), SUPERVISOR)  # for settings that cannot be read
        try:
            settings = load_settings()
            open_logs(settings.telemetry, SUPERVISOR, secrets=secrets_of(settings))
            self._host = bind_address(settings.access)
            open_tls(settings.tls)  # the gateway's: said before anything starts
            return settings
        except ConfigurationError as error:
            say(str(error), logging.CRITICAL)
            raise SystemExit(EX_CONFIG) from None

    def config_gateway(self, *args: Any, **kwargs: Any) -> Any:
        """As Jina's, with the ports of the settings where they are set."""
        gateway = self._settings.gateway
        chosen = (gateway.grpc_port, gateway.http_port, gateway.websocket_port)
        if "port" in kwargs:
            kwargs["port"] = [
                setting or port for setting, port in zip(chosen, kwargs["port"], strict=True)
            ]
        return super().config_gateway(*args, **kwargs)

    def start(self) -> Flow:
        """Start every room and wait until all are ready.

        Raises `SystemExit` 78 when a port is taken, when policies or database cannot be opened, or
        when a room refuses its configuration, after one sentence; 70 when a room ends without
        saying why.
        """
        self._start_time = time.time()  # Jina's __exit__ reads it
        # A forked copy of this process would inherit gRPC's threads' locks.
        multiprocessing.set_start_method("spawn", force=True)
        self._install_signal_handlers()
        self.build(copy_flow=False)
        self._refuse_taken_ports()
        self._open_what_rooms_share()
        self._health = HealthWatch(self._open_board(), self._settings.health)
        self._keep_rooms_to_this_machine()
        with interrupt_blocked():
            for _, deployment in self:
                self.enter_context(deployment)
        self._wait_until_all_ready()
        self._tell_prometheus()
        self._build_level = FlowBuildLevel.RUNNING
        return self

    def block(self, stop_event: threading.Event | None = None) -> None:
        """Watch over the rooms until SIGINT, SIGTERM or `stop_event`."""
        while not self._stop_requested.wait(POLL_S):
            if stop_event is not None and stop_event.is_set():
                return
            for place in self._supervised:
                self._watch(place)

    def request_stop(self) -> None:
        """Make `block` return."""
        self._stop_requested.set()

    def __exit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if self._supervised:
            self._stop_all()
        super().__exit__(exc_type, exc_val, exc_tb)

    def _install_signal_handlers(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                signal.signal(signum, lambda *_: self._stop_requested.set())

    def _open_board(self) -> Board:
        """A folder that the gateway, a child, learns of by its environment."""
        folder = self._settings.health.board
        try:
            if folder is None:
                folder = Path(mkdtemp(prefix="adjudicate-"))
                atexit.register(shutil.rmtree, folder, ignore_errors=True)
                os.environ[BOARD_VARIABLE] = str(folder)
            board = Board(folder)
            board.clear()
        except OSError as error:
            say(f"{BOARD_VARIABLE}: set it to a folder to write to ({error}).", logging.CRITICAL)
            raise SystemExit(EX_CONFIG) from None
        return board

    def _open_what_rooms_share(self) -> None:
        """Each room would open policies and database for itself and say what is wrong with them,
        but only once it has loaded all else."""
        try:
            load_policy(self._settings.policies)
            open_database(self._settings.database, MetaData()).dispose()
        except ConfigurationError as error:
            say(str(error), logging.CRITICAL)
            raise SystemExit(EX_CONFIG) from None

    def _refuse_taken_ports(self) -> None:
        for port in self._deployment_nodes["gateway"].args.port:
            if not is_port_free(self._host, port):
                taken = f"port {port} is taken; stop what listens there or set another port."
                say(taken, logging.CRITICAL)
                raise SystemExit(EX_CONFIG)

    def _keep_rooms_to_this_machine(self) -> None:
        """Jina binds rooms to every address, where they would answer whoever finds their ports."""
        for room, deployment in self._deployment_nodes.items():
            if room == "gateway" or deployment.external or deployment._is_docker:
                continue
            parts = deployment.pod_args
            pods = [pod for shard in parts["pods"].values() for pod in shard]
            for pod in (*pods, parts["head"], parts["uses_before"], parts["uses_after"]):
                if pod is not None and pod.host == __default_host__:
                    pod.host = HOST

    def _wait_until_all_ready(self) -> None:
        """Instead of Jina's wait, which shows a stack and goes on when a room fails."""
        self._supervised = list(self._places())
        while not all(place.ready for place in self._supervised):
            if self._stop_requested.is_set():
                self._abort(0)
            for place in self._supervised:
                if not place.alive:
                    self._give_up_start(place)
                elif not place.ready and (why := self._health.why_restart(place)):
                    say(f"{place.name} {why}; restarting it", logging.ERROR)
                    place.stop(0)
                    self._health.restarted(place, "unhealthy")
                    place.restart()
            time.sleep(POLL_S)
        for place in self._supervised:
            place.announced = True
            self._health.came_up(place)
        ports = ", ".join(
            f"{name} {port}"
            for name, port in zip(
                ("gRPC", "HTTP", "WebSocket"),
                self._deployment_nodes["gateway"].args.port,
                strict=False,
            )
        )
        say(f"ready ({ports})")

    def _tell_prometheus(self) -> None:
        telemetry = self._settings.telemetry
        if telemetry.metrics_targets is None:
            return
        try:
            write_targets(telemetry.metrics_targets, telemetry, self._supervised)
        except OSError as error:
            say(f"{telemetry.metrics_targets} cannot be written: {error}", logging.WARNING)

    def _give_up_start(self, place: Place) -> None:
        if place.exit_code != EX_CONFIG:
            ended = f"{place.name} ended with status {place.exit_code} while starting."
            say(ended, logging.CRITICAL)
        self._abort(EX_CONFIG if place.exit_code == EX_CONFIG else os.EX_SOFTWARE)

    def _abort(self, status: int) -> None:
        """Nothing has been served yet, so there is nothing to drain."""
        for place in self._supervised:
            place.pod.worker.kill()
            place.stop(STOP_ROOM_S)
        self._supervised = []
        raise SystemExit(status)

    def _places(self) -> Iterator[Place]:
        for room, deployment in self._deployment_nodes.items():
            if deployment.gateway_pod is not None:
                put = partial(setattr, deployment, "gateway_pod")
                yield Place(room, 0, room, deployment.gateway_pod, put, self._settings.supervisor)
            for replicas in deployment.shards.values():
                for index, pod in enumerate(replicas._pods):
                    name = room if len(replicas._pods) == 1 else f"{room}/{index}"
                    put = partial(replicas._pods.__setitem__, index)
                    yield Place(room, index, name, pod, put, self._settings.supervisor)

    def _watch(self, place: Place) -> None:
        now = time.monotonic()
        if place.restart_at is not None:
            if now >= place.restart_at:
                place.restart()
        elif not place.alive:
            self._note_end(place, now)
        elif place.kill_at is not None:
            if now >= place.kill_at:
                place.pod.worker.kill()
        elif not place.announced and place.ready:
            place.announced = True
            self._health.came_up(place)
            say(f"{place.name} is back")
        elif why := self._health.why_restart(place):
            say(f"{place.name} {why}; it is ended", logging.ERROR)
            place.end(STOP_ROOM_S)

    def _note_end(self, place: Place, now: float) -> None:
        wait = place.backoff.died()
        place.restart_at = now + wait
        how = "died" if place.reason == "died" else "was ended"
        say(f"{place.name} {how} ({place.ending}); restarting in {wait:g} s", logging.ERROR)
        try:
            self._health.restarted(place, place.reason)
        except OSError as error:
            say(f"the restart cannot be told to the gateway: {error}", logging.ERROR)

    def _stop_all(self) -> None:
        """The gateway first, so that what is in flight finishes; then the rooms, all at once."""
        gateways = [place for place in self._supervised if place.room == "gateway"]
        rooms = [place for place in self._supervised if place.room != "gateway"]
        for places, seconds in (
            (gateways, self._settings.supervisor.drain_s),
            (rooms, STOP_ROOM_S),
        ):
            for place in places:
                if place.alive:
                    place.pod.worker.terminate()
            for place in places:
                if not place.stop(seconds):
                    killed = f"{place.name} did not end within {seconds:g} s and was killed"
                    say(killed, logging.WARNING)
        say("stopped")
        self._supervised = []
