"""The way to an OTLP receiver. Whatever it does, nobody here waits for it.

Each export has one try within `telemetry.otlp_timeout_s`. After one that failed, what follows is
dropped for 1, 2, 4 … up to 30 s instead of tried. The log has one line when it begins to fail and
one when it is back, however many exports that were.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from adjudicate.errors import ConfigurationError
from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry.catalogue import EXPORT_FAILURES

Signal = Literal["traces", "metrics"]
Headers = tuple[tuple[str, str], ...]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
STEADY_S = 5.0
"""Without a failure, until it is back: one that fails now and then must not fill the log."""
DEFAULT_PORT = 4317

_SETTING = "ADJUDICATE_TELEMETRY__OTLP_"
_STUBS: dict[Signal, Any] = {"traces": TraceServiceStub, "metrics": MetricsServiceStub}
_NAME = re.compile("[a-z0-9_.-]+")
_VALUE = re.compile("[ -~]*")
_SAYS = {
    grpc.StatusCode.UNAVAILABLE: "it cannot be reached",
    grpc.StatusCode.DEADLINE_EXCEEDED: "it does not answer in time",
    grpc.StatusCode.UNIMPLEMENTED: "it does not take them",
    grpc.StatusCode.UNAUTHENTICATED: "it wants other otlp_headers",
    grpc.StatusCode.PERMISSION_DENIED: "it wants other otlp_headers",
}
_GONE = {_SAYS[grpc.StatusCode.UNAVAILABLE], _SAYS[grpc.StatusCode.DEADLINE_EXCEEDED]}
logger = logging.getLogger(__name__)


class Receiver:
    """One receiver, for all signals of this process. Threads may share it."""

    def __init__(
        self, settings: TelemetrySettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Connects with the first export. Raises `ConfigurationError` with what to set."""
        target, secure = _address(settings)
        self._headers = _headers(settings.otlp_headers.get_secret_value())
        self._timeout_s = settings.otlp_timeout_s
        self._clock = clock
        self._channel = _channel(target, secure)
        self._stubs = {signal: stub(self._channel) for signal, stub in _STUBS.items()}
        self._outage = _Outage(target, clock)
        self._pauses: dict[Signal, _Pause] = {signal: _Pause() for signal in _STUBS}
        self._overrun_until = 0.0
        self._closed = False

    def send(self, signal: Signal, request: Any) -> bool:
        """Export one OTLP request of the signal; whether it arrived. Never raises.

        Takes `otlp_timeout_s` at most, and no time at all while it pauses after a failure.
        """
        if self._closed or not self.wants(signal):
            EXPORT_FAILURES.add(1, {"signal": signal})
            return False
        why = self._failure(signal, request)
        if why is None:
            self._pauses[signal] = _Pause()
            self._outage.over(signal)
            return True
        EXPORT_FAILURES.add(1, {"signal": signal})
        if not self._closed:
            self._pauses[signal] = self._pauses[signal].longer(self._clock())
            self._outage.because(signal, why)
        return False

    def wants(self, signal: Signal) -> bool:
        """Whether the next export of the signal would be tried: what is dropped anyway need not be
        encoded."""
        return self._clock() >= self._pauses[signal].until

    def dropped(self, signal: Signal) -> None:
        """Count an export that was not even made."""
        EXPORT_FAILURES.add(1, {"signal": signal})

    def overrun(self, signal: Signal) -> None:
        """More comes than it takes. Counted once a second."""
        now = self._clock()
        if now >= self._overrun_until:
            self._overrun_until = now + 1.0
            EXPORT_FAILURES.add(1, {"signal": signal})
            self._outage.because(signal, "it is slower than they come")

    def finish(self) -> None:
        """Before the last exports: not even tried, if it is known that nobody takes them."""
        if self._outage.reasons & _GONE:
            self.close()

    def close(self) -> None:
        """End the connection, and with it an export that is under way."""
        self._closed = True
        self._channel.close()

    def _failure(self, signal: Signal, request: Any) -> str | None:
        try:
            self._stubs[signal].Export(
                request, timeout=self._timeout_s, metadata=self._headers or None
            )
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
            return _SAYS.get(code, f"it answers {code.name}")
        except ValueError:
            return "the connection is closed"  # by `close`, from another thread
        return None


def closing(seconds: float, *ends: Callable[[], object]) -> None:
    """Call all of `ends` side by side, and return when they have returned, or after so long."""
    threads = [threading.Thread(target=end, name="telemetry-end", daemon=True) for end in ends]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


class _Pause:
    """Between one try and the next, after `failures` in a row."""

    def __init__(self, until: float = 0.0, failures: int = 0) -> None:
        self.until = until
        self._failures = failures

    def longer(self, now: float) -> _Pause:
        pause = min(FIRST_PAUSE_S * 2.0 ** min(self._failures, 30), LONGEST_PAUSE_S)
        return _Pause(now + pause, self._failures + 1)


class _Outage:
    """Says once for each reason that the receiver fails, and once that this is over."""

    def __init__(self, target: str, clock: Callable[[], float]) -> None:
        self._target = target
        self._clock = clock
        self._failing: dict[Signal, tuple[str, float]] = {}
        """Why, and when each last did."""
        self._lock = threading.Lock()

    @property
    def reasons(self) -> set[str]:
        """Why it fails now; empty where it does not."""
        return {why for why, _ in list(self._failing.values())}

    def because(self, signal: Signal, why: str) -> None:
        with self._lock:
            known = self.reasons
            self._failing[signal] = why, self._clock()
        if why not in known:
            logger.warning(
                "the OTLP receiver %s fails: %s; %s are lost until it is back",
                *(self._target, why, signal),
            )

    def over(self, signal: Signal) -> None:
        if signal not in self._failing:
            return
        with self._lock:
            why, last = self._failing[signal]
            if self._clock() - last < STEADY_S:
                return
            del self._failing[signal]
            left = self.reasons
        if why not in left:
            logger.warning("the OTLP receiver %s is back", self._target)


def _address(settings: TelemetrySettings) -> tuple[str, bool]:
    """`host:port`, and whether by TLS."""
    given = settings.otlp_endpoint.strip()
    secure = not settings.otlp_insecure
    parts = urlsplit(given if "://" in given else f"//{given}")
    try:
        port = parts.port or DEFAULT_PORT
    except ValueError:
        port = 0
    if (
        not (parts.hostname and port)
        or parts.scheme not in ("", "http", "https")
        or parts.path not in ("", "/")
        or parts.username is not None
        or parts.query
    ):
        raise ConfigurationError(
            f"{_SETTING}ENDPOINT: must be the host:port or the URL of an OTLP gRPC receiver, "
            "such as localhost:4317 or https://otlp.example.com."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if parts.scheme == "https" and parts.port is None:
        port = 443
    return f"{host}:{port}", secure or parts.scheme == "https"


def _headers(given: str) -> Headers:
    """`a=1,b=2` as metadata; values may be percent-encoded, as OpenTelemetry has them.

    Raises `ConfigurationError`, which does not show them: one may be a key.
    """
    found = []
    for place, part in enumerate(filter(None, map(str.strip, given.split(","))), 1):
        name, equals, value = part.partition("=")
        name, value = name.strip().lower(), unquote(value.strip())
        if not equals or not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ConfigurationError(
                f"{_SETTING}HEADERS: must be name=value with commas between; number {place} is not."
            )
        found.append((name, value))
    return tuple(found)


def _channel(target: str, secure: bool) -> grpc.Channel:
    local = target.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
    options = [
        ("grpc.enable_http_proxy", int(not local)),
        # gRPC's own wait before it dials again grows to minutes; ours is shorter.
        ("grpc.initial_reconnect_backoff_ms", 500),
        ("grpc.max_reconnect_backoff_ms", 5_000),
    ]
    if secure:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(), options)
    return grpc.insecure_channel(target, options)
