"""`Flow`: a Jina Flow that supervises its rooms.

Jina's local Flow never restarts a dead room, and dies of SIGTERM leaving its children behind.
flow.yml loads this module, so `jina flow --uses flow.yml` and `adjudicate up` are the same thing.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
os.environ.setdefault("JINA_LOG_LEVEL", "ERROR")
# Jina's own imports warn in every process about what its pins already settle.
os.environ.setdefault(
    "PYTHONWARNINGS", "ignore:pkg_resources is deprecated,ignore:Valid config keys have changed"
)

import jina
from jina.constants import __default_host__
from jina.enums import FlowBuildLevel
from jina.helper import is_port_free
from jina.orchestrate.pods import Pod
from jina.orchestrate.pods.factory import PodFactory

from adjudicate.errors import ConfigurationError
from executors.gateway.access.binding import bind_address
from executors.gateway.access.loopback import HOST
from executors.gateway.access.tls import open_tls
from executors.shared.process import EX_CONFIG
from executors.shared.settings import Settings, SupervisorSettings, load_settings

POLL_S = 0.2
STOP_ROOM_S = 10.0
"""How long a room may take to end after the gateway has drained."""


def say(message: str) -> None:
    """One line for the operator."""
    print(f"adjudicate: {message}", file=sys.stderr, flush=True)


@contextmanager
def _interrupt_blocked() -> Iterator[None]:
    """Children that start inside never get Ctrl-C: a blocked signal stays blocked in a child.

    A terminal sends SIGINT to every process of its group; a room that obeyed it would drop what
    the gateway still drains. This process gets a Ctrl-C from inside at the end of the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Backoff:
    """When a room that keeps dying may start again: 1, 2, 4 … seconds, up to a bound.

    A room that stayed up for `healthy_after_s` starts from the first wait again.
    """

    def __init__(self, settings: SupervisorSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._deaths = 0
        self._started = clock()

    def started(self) -> None:
        """The room's process has just been started."""
        self._started = self._clock()

    def died(self) -> float:
        """The room has died. Returns the seconds to wait before its next start."""
        if self._clock() - self._started >= self._settings.healthy_after_s:
            self._deaths = 0
        wait = self._settings.backoff_s * 2.0 ** min(self._deaths, 30)
        self._deaths += 1
        return min(wait, self._settings.backoff_max_s)


class _Supervised:
    """One place for a pod: the pod that runs now, and how to put a new one in its place."""

    def __init__(
        self, room: str, pod: Pod, replace: Callable[[Pod], None], settings: SupervisorSettings
    ) -> None:
        self.room = room
        self.pod = pod
        self._replace = replace
        self.backoff = Backoff(settings, time.monotonic)
        self.restart_at: float | None = None
        self.announced = True

    @property
    def alive(self) -> bool:
        return bool(self.pod.worker.is_alive())

    @property
    def ready(self) -> bool:
        return bool(self.pod.is_ready.is_set()) and self.alive

    @property
    def exit_code(self) -> int | None:
        code: int | None = self.pod.worker.exitcode
        return code

    def restart(self) -> None:
        self.pod.is_shutdown.set()
        self.pod.args.noblock_on_start = True
        self.pod = PodFactory.build_pod(self.pod.args)
        self._replace(self.pod)
        with _interrupt_blocked():
            self.pod.start()
        self.backoff.started()
        self.restart_at = None
        self.announced = False

    def stop(self, seconds: float) -> bool:
        """Wait for the process to end; kill it after `seconds`. Whether it ended by itself."""
        self.pod.worker.join(seconds)
        by_itself = not self.alive
        if not by_itself:
            self.pod.worker.kill()
            self.pod.worker.join()
        self.pod.is_shutdown.set()
        return by_itself


class Flow(jina.Flow):
    """The Flow of flow.yml, supervised: dead rooms restart with back-off, signals drain first.

    It is called `Flow` since Jina builds from `jtype: Flow` the class registered last under that
    name, and takes no other name.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stop_requested = threading.Event()
        self._supervised: list[_Supervised] = []
        self._settings = self._load_settings()
        super().__init__(*args, **{**kwargs, **_tracing_arguments(self._settings)})

    def _load_settings(self) -> Settings:
        try:
            settings = load_settings()
            self._host = bind_address(settings.access)
            open_tls(settings.tls)  # the gateway's: said before anything starts
            return settings
        except ConfigurationError as error:
            say(str(error))
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

        Raises `SystemExit` 78 when a port is taken or a room refuses its configuration, after
        one sentence; 70 when a room ends without saying why.
        """
        self._start_time = time.time()  # Jina's __exit__ reads it
        # A forked copy of this process would inherit gRPC's threads' locks.
        multiprocessing.set_start_method("spawn", force=True)
        self._install_signal_handlers()
        self.build(copy_flow=False)
        self._refuse_taken_ports()
        self._keep_rooms_to_this_machine()
        with _interrupt_blocked():
            for _, deployment in self:
                self.enter_context(deployment)
        self._wait_until_all_ready()
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

    def _refuse_taken_ports(self) -> None:
        for port in self._deployment_nodes["gateway"].args.port:
            if not is_port_free(self._host, port):
                say(f"port {port} is taken; stop what listens there or set another port.")
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
            time.sleep(POLL_S)
        ports = ", ".join(
            f"{name} {port}"
            for name, port in zip(
                ("gRPC", "HTTP", "WebSocket"),
                self._deployment_nodes["gateway"].args.port,
                strict=False,
            )
        )
        say(f"ready ({ports})")

    def _give_up_start(self, place: _Supervised) -> None:
        if place.exit_code != EX_CONFIG:
            say(f"{place.room} ended with status {place.exit_code} while starting.")
        self._abort(EX_CONFIG if place.exit_code == EX_CONFIG else os.EX_SOFTWARE)

    def _abort(self, status: int) -> None:
        """Nothing has been served yet, so there is nothing to drain."""
        for place in self._supervised:
            place.pod.worker.kill()
            place.stop(STOP_ROOM_S)
        self._supervised = []
        raise SystemExit(status)

    def _places(self) -> Iterator[_Supervised]:
        for room, deployment in self._deployment_nodes.items():
            if deployment.gateway_pod is not None:
                put = partial(setattr, deployment, "gateway_pod")
                yield _Supervised(room, deployment.gateway_pod, put, self._settings.supervisor)
            for replicas in deployment.shards.values():
                for index, pod in enumerate(replicas._pods):
                    name = room if len(replicas._pods) == 1 else f"{room}/{index}"
                    put = partial(replicas._pods.__setitem__, index)
                    yield _Supervised(name, pod, put, self._settings.supervisor)

    def _watch(self, place: _Supervised) -> None:
        now = time.monotonic()
        if place.restart_at is not None:
            if now >= place.restart_at:
                place.restart()
        elif not place.alive:
            wait = place.backoff.died()
            place.restart_at = now + wait
            say(f"{place.room} died ({_ending(place.exit_code)}); restarting in {wait:g} s")
        elif not place.announced and place.ready:
            place.announced = True
            say(f"{place.room} is back")

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
                    say(f"{place.room} did not end within {seconds:g} s and was killed")
        say("stopped")
        self._supervised = []


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"status {exit_code}"


def _tracing_arguments(settings: Settings) -> dict[str, Any]:
    endpoint = settings.telemetry.otlp_endpoint
    if not endpoint:
        return {}
    host, _, port = endpoint.rpartition(":")
    # Jina's executors export with TLS unless told not to; a dead collector must not hold the stop.
    os.environ.setdefault("OTEL_EXPORTER_OTLP_INSECURE", "true")
    os.environ.setdefault("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    return {"tracing": True, "traces_exporter_host": host, "traces_exporter_port": int(port)}
