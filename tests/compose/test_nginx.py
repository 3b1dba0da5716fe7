"""What nginx does by itself: its own refusals, which requests it repeats, what it hands on."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from adjudicate.errors import STATUS, Code
from benchmarks._servers import free_ports
from executors.gateway.access.credentials import MAX_CHARACTERS
from executors.gateway.operations import api
from executors.shared.settings import Settings
from tests.compose.conftest import NewEdge
from tests.compose.edge import TEMPLATE, UPSTREAMS, Edge
from tests.compose.files import MAIN as COMPOSE_FILE
from tests.compose.files import edge_variables, services
from tests.services.nginx import NginxError

SETTINGS = Settings.model_fields


class Gateway(ThreadingHTTPServer):
    """Answers with 200; hangs up on `/cut`, and lets `/wait` wait until told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.go_on = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def urls(self) -> dict[str, str]:
        at = f"127.0.0.1:{self.server_address[1]}"
        return {"grpc": f"grpc://{at}", "http": f"http://{at}", "ws": f"ws://{at}"}


class _Handler(BaseHTTPRequestHandler):
    server: Gateway
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers))
        if self.path == "/cut":
            self.close_connection = True
            return
        if self.path == "/wait":
            self.server.go_on.wait(30)
        self.rfile.read(int(headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def gateways() -> Iterator[list[Gateway]]:
    both = [Gateway(), Gateway()]
    yield both
    for each in both:
        each.go_on.set()
        each.shutdown()
        each.server_close()


@pytest.fixture(scope="module")
def edge(new_edge: NewEdge) -> Edge:
    """Not started; its limits are small, so that a test can pass them."""
    return new_edge(NGINX_REQUESTS_PER_ADDRESS="2", NGINX_MAX_REQUEST_BYTES="100000")


@pytest.fixture
def ask(edge: Edge, gateways: list[Gateway], secrets: Path) -> Iterator[httpx.Client]:
    """A client of nginx before the first gateway."""
    edge.start([gateways[0].urls])
    context = ssl.create_default_context(cafile=str(secrets / "ca.pem"))
    with httpx.Client(base_url=edge.urls["http"], verify=context, timeout=30) as client:
        yield client
    edge.stop()


def raw(edge: Edge, secrets: Path, sent: bytes, version: Any = None) -> bytes:
    """What comes back over TLS until the other side hangs up."""
    context = ssl.create_default_context(cafile=str(secrets / "ca.pem"))
    if version is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.maximum_version = version
    with (
        socket.create_connection(("localhost", edge.port), 30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(sent)
        parts = []
        while part := tls.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def test_debians_nginx_accepts_the_template(edge: Edge) -> None:
    said = edge.nginx.test(
        edge.config([dict.fromkeys(("grpc", "http", "ws"), "http://127.0.0.1:1")])
    )
    assert "successful" in said
    assert "warn" not in said


def test_a_mistake_in_the_template_is_noticed(edge: Edge) -> None:
    config = edge.config([dict.fromkeys(("grpc", "http", "ws"), "http://127.0.0.1:1")])
    with pytest.raises(NginxError, match="grpc_reed_timeout"):
        edge.nginx.test(config.replace("grpc_read_timeout", "grpc_reed_timeout"))


def test_its_limits_are_the_services() -> None:
    given = edge_variables()
    gateway = services(COMPOSE_FILE)["gateway"]["environment"]
    most = SETTINGS["gateway"].default.max_request_bytes
    assert given["NGINX_MAX_REQUEST_BYTES"] == str(most)
    assert str(gateway["ADJUDICATE_GATEWAY__MAX_REQUEST_BYTES"]) == str(most)
    assert given["NGINX_HEADER_S"] == f"{SETTINGS['limits'].default.header_s:g}"


def test_an_idle_connection_is_closed_before_the_gateway_closes_it() -> None:
    (kept,) = re.findall(r"keepalive_timeout (\d+)s", UPSTREAMS.read_text(encoding="utf-8"))
    assert int(kept) < SETTINGS["limits"].default.idle_s


def test_it_waits_longer_than_the_longest_deadline() -> None:
    longest_ms = 3_600_000
    assert api._deadline({"deadline_ms": longest_ms}) == longest_ms / 1_000
    with pytest.raises(Exception, match="deadline_ms"):
        api._deadline({"deadline_ms": longest_ms + 1})
    template = TEMPLATE.read_text(encoding="utf-8")
    for name in ("proxy_read", "proxy_send", "grpc_read", "grpc_send", "client_body"):
        (seconds,) = re.findall(rf"\b{name}_timeout (\d+)s;", template)
        assert int(seconds) > longest_ms / 1_000, name


def test_its_own_refusals_are_of_the_table_of_errors() -> None:
    template = TEMPLATE.read_text(encoding="utf-8")
    bodies = re.findall(r"return (\d+) '({.+})';", template)
    assert len(bodies) == 6
    for status, body in bodies:
        code = Code(re.search(r'"code": "(\w+)"', body)[1])  # type: ignore[index]
        assert f'"title": "{STATUS[code].title}"' in body
        assert f'"status": {STATUS[code].http}' in body
        assert f'"urn:adjudicate:problem:{code}"' in body
        assert int(status) == STATUS[code].http
    statuses = {"INVALID_ARGUMENT": 3, "UNAVAILABLE": 14}
    for number, code in re.findall(
        r'grpc-status (\d+) always;\s+add_header grpc-message "(\w+):', template
    ):
        assert int(number) == statuses[STATUS[Code(code)].grpc]


def test_who_asks_is_said_by_nginx_alone(ask: httpx.Client, gateways: list[Gateway]) -> None:
    lies = dict.fromkeys(("x-forwarded-for", "x-real-ip", "forwarded"), "203.0.113.9")
    own = {
        "authorization": "Bearer key",
        "x-api-key": "key",
        "idempotency-key": "once",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "vendor=1",
        "origin": "https://desk.example",
    }
    ask.get("/v1/status?a=1", headers={**lies, **own, "x-forwarded-proto": "http"})
    ((_, path, headers),) = gateways[0].asked
    assert path == "/v1/status?a=1"
    assert {name: headers.get(name) for name in own} == own
    assert headers["x-forwarded-for"] == headers["x-real-ip"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == headers["x-forwarded-host"] == ask.base_url.netloc.decode()
    assert "forwarded" not in headers


@pytest.mark.parametrize(
    ("upgrade", "expected"), [("websocket", "websocket"), ("WebSocket", "websocket"), ("h2c", None)]
)
def test_only_websockets_are_upgraded(
    ask: httpx.Client, gateways: list[Gateway], upgrade: str, expected: str | None
) -> None:
    ask.get("/v1/stream", headers={"upgrade": upgrade, "connection": "upgrade"})
    ((_, _, headers),) = gateways[0].asked
    assert headers.get("upgrade") == expected
    assert headers.get("connection") == ("upgrade" if expected else None)


def test_a_post_that_was_sent_is_not_sent_again(
    ask: httpx.Client, edge: Edge, gateways: list[Gateway]
) -> None:
    """Without a body too: one that goes on as it comes could not be repeated anyway."""
    edge.reload([gateway.urls for gateway in gateways])
    for body in (b"{}", b""):
        assert ask.post("/cut", content=body).status_code == 503
    assert sum(len(gateway.asked) for gateway in gateways) == 2


def test_a_get_goes_to_the_next_gateway(
    ask: httpx.Client, edge: Edge, gateways: list[Gateway]
) -> None:
    edge.reload([gateway.urls for gateway in gateways])
    ask.get("/cut")
    assert [len(gateway.asked) for gateway in gateways] == [1, 1]


def test_a_gateway_that_does_not_listen_is_passed_over(
    ask: httpx.Client, edge: Edge, gateways: list[Gateway]
) -> None:
    closed = f"http://127.0.0.1:{free_ports(1)[0]}"
    edge.reload([dict.fromkeys(("grpc", "http", "ws"), closed), gateways[1].urls])
    assert [ask.post("/v1/review", content=b"{}").status_code for _ in range(4)] == [200] * 4
    assert len(gateways[1].asked) == 4


def test_no_gateway_at_all_is_an_answer_in_the_services_form(ask: httpx.Client, edge: Edge) -> None:
    closed = f"http://127.0.0.1:{free_ports(1)[0]}"
    edge.reload([dict.fromkeys(("grpc", "http", "ws"), closed)])
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = ask.post("/v1/review", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (503, Code.ROOM_UNAVAILABLE)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert problem["trace_id"] == trace_id


def test_a_body_that_is_too_large_is_refused_before_the_gateway_sees_it(
    ask: httpx.Client, gateways: list[Gateway]
) -> None:
    problem = ask.post("/v1/review", content=b"x" * 100_001)
    assert (problem.status_code, problem.json()["code"]) == (413, Code.REQUEST_TOO_LARGE)
    assert gateways[0].asked == []
    assert ask.post("/v1/review", content=b"x" * 100_000).status_code == 200


def test_one_address_cannot_take_every_connection(
    ask: httpx.Client, edge: Edge, gateways: list[Gateway], secrets: Path
) -> None:
    waiting = b"GET /wait HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    held = [threading.Thread(target=raw, args=(edge, secrets, waiting)) for _ in range(2)]
    for thread in held:
        thread.start()
    until(lambda: len(gateways[0].asked) == 2)
    refused = ask.get("/v1/status")
    gateways[0].go_on.set()
    for thread in held:
        thread.join(30)
    assert (refused.status_code, refused.json()["code"]) == (503, Code.OVERLOADED)
    assert refused.headers["retry-after"] == "1"
    until(lambda: ask.get("/v1/status").status_code == 200)


def test_the_longest_key_reaches_the_gateway(ask: httpx.Client, gateways: list[Gateway]) -> None:
    key = f"Bearer {'x' * MAX_CHARACTERS}"
    assert ask.get("/v1/status", headers={"authorization": key}).status_code == 200
    assert gateways[0].asked[0][2]["authorization"] == key


def test_headers_that_do_not_fit_and_plain_http_are_malformed(
    ask: httpx.Client, edge: Edge, secrets: Path
) -> None:
    long = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n"
    assert b'"code": "malformed_request"' in raw(edge, secrets, long)
    plain = httpx.get(f"http://localhost:{edge.port}/v1/status")
    assert (plain.status_code, plain.json()["code"]) == (400, Code.MALFORMED)


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ],
)
def test_tls_is_of_version_1_2_or_later(
    ask: httpx.Client, edge: Edge, secrets: Path, version: ssl.TLSVersion, spoken: bool
) -> None:
    sent = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    if spoken:
        assert raw(edge, secrets, sent, version).startswith(b"HTTP/1.1 200")
    else:
        with pytest.raises(ssl.SSLError):
            raw(edge, secrets, sent, version)


def test_it_tells_neither_its_name_nor_its_version(ask: httpx.Client) -> None:
    assert re.fullmatch(r"nginx|BaseHTTP.*", ask.get("/").headers["server"])


def until(holds: Callable[[], bool]) -> None:
    """Wait, with a generous bound."""
    for _ in range(600):
        if holds():
            return
        threading.Event().wait(0.05)
    raise AssertionError("it does not come to hold")
