"""Web pages for a browser of the tests, on several origins of this machine."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HELD_S = 45.0
_PAGE = """<!doctype html><meta charset="utf-8"><title>a page</title>
<pre id="said"></pre><img src="/held">
<script type="module">
const say = (...all) => said.append(all.join(" ") + "\\n");
const said = document.getElementById("said");
console.log = say;
try {
SCRIPT
} catch (fault) { say(`fault: ${fault}`); }
fetch("/done", { method: "POST" });
</script>"""


class Pages:
    """Serves one page at a time. A picture of it arrives when its script is done, and with that the
    browser's load event. What the script logs stands on the page."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._page = b""
        pages = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/held":
                    pages._done.wait(HELD_S)
                body = pages._page if self.path == "/" else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.send_response(204)
                self.end_headers()
                pages._done.set()

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing is logged."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._done.set()
        self._server.shutdown()
        self._server.server_close()

    def origin(self, name: str) -> str:
        """An origin of its own for each name: browsers take `*.localhost` for this machine."""
        return f"http://{name}.localhost:{self._server.server_port}"

    def show(self, script: str) -> None:
        """Serve a page with this script, a module's, at every origin."""
        self._done.clear()
        self._page = _PAGE.replace("SCRIPT", script).encode()
