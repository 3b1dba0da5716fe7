"""What the edge costs: CPU ms of all server processes per ad, without the models' time.

The whole Flow with no-op encoder and judge (see `_noop_flow`), one ad of ten flagged, beside bare
servers that echo the same bytes. Rounds are interleaved; each ratio is of one round, and the
median round counts. The client's CPU is not counted, and its bodies are packed before.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from adjudicate import Ad
from benchmarks._clients import (
    GRPC_METHOD,
    Sent,
    check_json,
    check_message,
    check_same,
    over_grpc,
    over_http,
    over_websocket,
    packed,
)
from benchmarks._echo import METHOD, ROUTE
from benchmarks._noop_flow import NoopFlow, ad
from benchmarks._servers import Server, free_ports
from benchmarks.rows import Row, median_ratio, row

IMAGE_BYTES = 100_000
IMAGES = 64
FLAGGED_OF_TEN = 1
CONCURRENCY = 16
ROUNDS = 5
ADS = {1: 320, 8: 768, 32: 1_536}
"""Ads in a round, by the ads in a request: some seconds of CPU each."""
ECHOES = 3
"""An echo costs so little that more are needed to measure it."""
PROTOCOLS = {"grpc": "gRPC", "http": "HTTP", "ws": "WebSocket"}
BARS = {("grpc", 1): "<= 6", ("grpc", 32): "<= 1.5"}
HTTP_BAR = "<= 1.5"

Cell = tuple[str, int]
"""A protocol, and the ads in a request."""
Spent = dict[Cell, list[float]]
"""CPU ms per ad, a figure per round."""


def run() -> list[Row]:
    """Rows by protocol and ads a request: the Flow, the echo, and what one is of the other."""
    ads = make_ads()
    cells = [(protocol, size) for protocol in PROTOCOLS for size in ADS]
    ours: Spent = {cell: [] for cell in cells}
    bare: Spent = {cell: [] for cell in cells}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        flow = stack.enter_context(NoopFlow(folder))
        ports = dict(zip(PROTOCOLS, free_ports(len(PROTOCOLS)), strict=True))
        echoes = {
            protocol: stack.enter_context(_echo_server(protocol, port, folder))
            for protocol, port in ports.items()
        }
        for round_ in range(ROUNDS + 1):
            for protocol, size in cells:
                sent = _requests(protocol, ads, size)
                sent = sent[: 2 * CONCURRENCY] if round_ == 0 else sent
                count = sum(len(request.ads) for request in sent)
                spent = _spent(flow.server, review(protocol, flow.urls[protocol], sent))
                of_echo = _spent(echoes[protocol], echo(protocol, ports[protocol], ECHOES * sent))
                if round_:  # the first warms up
                    ours[protocol, size].append(spent / count)
                    bare[protocol, size].append(of_echo / count / ECHOES)
    return _rows(ours, bare)


def make_ads() -> list[Ad]:
    """Ads with pictures of 100 KB that nothing can compress, one of ten for the judge."""
    rng = np.random.default_rng(0)
    return [
        ad(rng.bytes(IMAGE_BYTES), flagged=number % 10 < FLAGGED_OF_TEN) for number in range(IMAGES)
    ]


async def review(protocol: str, url: str, sent: Sequence[Sent]) -> None:
    """Send reviews, 16 at a time. Raises `AssertionError` for an answer that is not the right one;
    on the WebSocket their number is all that is looked at."""
    if protocol == "grpc":
        target = url.removeprefix("grpc://")
        await over_grpc(target, GRPC_METHOD, sent, CONCURRENCY, check_message)
    elif protocol == "http":
        await over_http(f"{url}/v1/review", sent, CONCURRENCY, check_json)
    else:
        # One for each decision, and the end.
        frames = lambda request: len(request.ads) + 1  # noqa: E731
        await over_websocket(f"{url}/v1/stream", sent, CONCURRENCY, frames)


async def echo(protocol: str, port: int, sent: Sequence[Sent]) -> None:
    """Send the same bytes to a bare server. Raises `AssertionError` for another answer."""
    if protocol == "grpc":
        await over_grpc(f"127.0.0.1:{port}", METHOD, sent, CONCURRENCY, check_same)
    elif protocol == "http":
        await over_http(f"http://127.0.0.1:{port}{ROUTE}", sent, CONCURRENCY, check_same)
    else:
        await over_websocket(f"ws://127.0.0.1:{port}{ROUTE}", sent, CONCURRENCY, lambda _: 1)


def _echo_server(protocol: str, port: int, folder: Path) -> Server:
    kind = "grpc" if protocol == "grpc" else "http"
    command = ("benchmarks._echo", kind, str(port))
    return Server(command, {}, folder / f"echo-{protocol}.log")


def _requests(protocol: str, ads: list[Ad], size: int) -> list[Sent]:
    """Those of one round; the same few over and over, as their pictures would fill the memory."""
    different = [packed(protocol, ads[at : at + size]) for at in range(0, len(ads), size)]
    return [different[number % len(different)] for number in range(ADS[size] // size)]


def _spent(server: Server, load: Coroutine[Any, Any, None]) -> float:
    """CPU ms that the server's processes spent."""
    before = server.cpu_seconds()
    asyncio.run(load)
    return (server.cpu_seconds() - before) * 1_000


def _rows(ours: Spent, bare: Spent) -> list[Row]:
    rows = []
    for (protocol, size), spent in ours.items():
        name = f"{PROTOCOLS[protocol]}, {size} ad{'s' if size > 1 else ''} a request"
        bar = BARS.get((protocol, size), "")
        of_echo = bare[protocol, size]
        rows += [
            row(name, statistics.median(spent), "CPU ms an ad", bar),
            row(f"{name}: echo of the same bytes", statistics.median(of_echo), "CPU ms an ad"),
            row(f"{name}: of the echo's", median_ratio(spent, of_echo), "x"),
        ]
    for protocol in ("http", "ws"):
        for size in ADS:
            of_grpc = median_ratio(ours[protocol, size], ours["grpc", size])
            bar = HTTP_BAR if protocol == "http" else ""
            name = f"{PROTOCOLS[protocol]}, {size} a request: of gRPC's"
            rows.append(row(name, of_grpc, "x", bar))
    return rows
