"""The small HTTP port of each room: `/metrics` for Prometheus, and the probes of health."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted

from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry.ports import port_of

logger = logging.getLogger(__name__)

CONNECTIONS = 16
"""Open at a time; one more is closed at once."""
PATIENCE_S = 5.0
"""For a request to arrive, or its answer to be taken."""
POLL_S = 3_600.0
"""It sleeps until somebody comes, or it is woken to close."""

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

Page = Callable[[], tuple[int, str, bytes]]
"""Returns status, content type and body."""


class Monitor:
    """Threads of its own answer, so that a busy event loop does not look like a dead room."""

    def __init__(self, server: _Server | None = None) -> None:
        self._server = server
        self.port: int = server.server_address[1] if server is not None else 0
        """0: there is none."""
        self._pages: dict[str, Page] = {} if server is None else server.pages
        if server is not None:
            threading.Thread(
                target=server.serve_forever, args=(POLL_S,), name="monitor", daemon=True
            ).start()

    def add(self, path: str, page: Page) -> None:
        """Answer a path from now on."""
        self._pages[path] = page

    def close(self) -> None:
        """Stop to answer."""
        server, self._server = self._server, None
        if server is None:
            return
        ending = threading.Thread(target=server.shutdown, name="monitor-end")
        ending.start()
        while ending.is_alive():
            server.wake()
            ending.join(0.05)
        server.server_close()


def open_monitor(
    settings: TelemetrySettings, room: str, replica: int, registry: CollectorRegistry
) -> Monitor:
    """Listen. A port that is taken is a warning: what is only looked at must not stop the room."""
    port = port_of(settings.metrics_port, room, replica)
    if not port:
        return Monitor()
    try:
        return Monitor(_Server(settings.metrics_host, port, registry))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        logger.warning("no monitor on %s:%d: %s", settings.metrics_host, port, reason)
        return Monitor()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family = found[0][0]
        self.registry = registry
        self.pages: dict[str, Page] = {}
        self._free = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        """Without the base's look-up of the host's name, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def wake(self) -> None:
        """Have it look up from its sleep."""
        host, port = str(self.server_address[0]), self.server_address[1]
        with suppress(OSError):
            socket.create_connection((_WILDCARDS.get(host, host), port), 1).close()

    def verify_request(self, request: object, client_address: object) -> bool:
        return self._free.acquire(blocking=False)

    def process_request_thread(self, request: object, client_address: object) -> None:
        try:
            super().process_request_thread(request, client_address)  # type: ignore[arg-type]
        finally:
            self._free.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes in the middle of an answer is no news."""
        logger.debug("a request to the monitor failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE_S
    server_version, sys_version = "adjudicate", ""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/metrics":
            self._metrics()
            return
        page = self.server.pages.get(path)
        if page is None:
            known = "".join(f"{each}\n" for each in sorted({"/metrics", *self.server.pages}))
            self._say(404, "text/plain; charset=utf-8", known.encode())
            return
        try:
            status, kind, body = page()
        except Exception:
            logger.exception("%s could not be answered", path)
            status, kind, body = 500, "text/plain; charset=utf-8", b"internal error\n"
        self._say(status, kind, body)

    do_HEAD = do_GET

    def _metrics(self) -> None:
        encode, kind = choose_encoder(self.headers.get("Accept", ""))
        self._say(200, kind, encode(self.server.registry))

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        if gzip_accepted(self.headers.get("Accept-Encoding", "")) and len(body) > 1_000:
            body = gzip.compress(body, 1)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """A probe every few seconds is not worth a line."""
