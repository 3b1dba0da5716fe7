"""Who is told what people have settled: a receiver of webhooks on this machine."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WAIT_S = 60.0


class Receiver:
    """Takes every message, and keeps it with its headers."""

    def __init__(self) -> None:
        self.messages: list[tuple[dict[str, str], bytes]] = []
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing is logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/settled"

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, headers: dict[str, str], body: bytes) -> None:
        with self._came:
            self.messages.append((headers, body))
            self._came.notify_all()

    def wait_for(self, kind: str, decision_id: str) -> tuple[dict[str, str], bytes]:
        """The message of this kind about a decision, when it has come."""

        def found() -> tuple[dict[str, str], bytes] | None:
            for headers, body in self.messages:
                told: dict[str, Any] = json.loads(body)
                if told["type"] == kind and decision_id in json.dumps(told["data"]):
                    return headers, body
            return None

        with self._came:
            assert self._came.wait_for(found, WAIT_S), [body for _, body in self.messages]
            message = found()
        assert message is not None
        return message
