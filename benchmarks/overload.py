"""Ten times what the service can take: what is refused, how early, and what becomes of the rest.

The real gateway before rooms without models, of which the encoder takes `CAPACITY` ads a second.
First it is asked by one client alone, then at `TIMES` its capacity whether it answers or not, on
all protocols in turn. Every request must be answered: with its decisions, or with a refusal.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

from adjudicate import Ad
from adjudicate.errors import AdjudicateError, Code
from adjudicate.transports import Transport, open_transport
from benchmarks._noop_flow import NoopFlow, ad
from benchmarks.rows import Row, row

BATCH, BATCH_MS = 32, 320
CAPACITY = BATCH * 1_000 / BATCH_MS
TIMES = 10
ADS = 8
"""In a request, each with a picture of `IMAGE_BYTES`."""
IMAGE_BYTES = 50_000
ALONE, WARM_S, SECONDS = 20, 3.0, 10.0
PROTOCOLS = ("grpc", "http", "ws")
CONNECTIONS = 4
"""Of each protocol; a WebSocket carries 32 requests at a time."""
PATIENCE_S = 30.0
SERVED_BAR = "<= 6"
"""All that may be in flight and wait is four batches; a request alone takes one."""
SETTINGS = {
    "ADJUDICATE_ACCESS__MODE": "open",
    "ADJUDICATE_ENCODER__MAX_BATCH": str(BATCH),
    "NOOP_ENCODER_MS": str(BATCH_MS),
    "ADJUDICATE_LIMITS__ADS_IN_FLIGHT": str(2 * BATCH),
    "ADJUDICATE_LIMITS__ADS_IN_FLIGHT_PER_CALLER": str(2 * BATCH),
    "ADJUDICATE_LIMITS__ADS_WAITING": str(2 * BATCH),
    "ADJUDICATE_LIMITS__WAIT_S": "2",
}


@dataclass(frozen=True)
class Outcome:
    """One request: how long it took, and why it was refused or lost."""

    seconds: float
    refused: bool = False
    lost: str = ""


class Memory:
    """The most that a process has been seen to hold since entering, in bytes."""

    def __init__(self, process: psutil.Process) -> None:
        self._process = process
        self.before = self.most = process.memory_info().rss

    async def __aenter__(self) -> Memory:
        self._watching = asyncio.ensure_future(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watching.cancel()

    async def _watch(self) -> None:
        while True:
            self.most = max(self.most, self._process.memory_info().rss)
            await asyncio.sleep(0.1)


def run() -> list[Row]:
    """Ask alone, then too much, and compare."""
    with tempfile.TemporaryDirectory() as folder, NoopFlow(Path(folder), SETTINGS) as flow:
        return asyncio.run(_measured(flow))


async def _measured(flow: NoopFlow) -> list[Row]:
    clients = [
        open_transport(flow.urls[protocol], {})
        for _ in range(CONNECTIONS)
        for protocol in PROTOCOLS
    ]
    ads = [ad(np.random.default_rng(n).bytes(IMAGE_BYTES)) for n in range(ADS)]
    try:
        alone = [await _ask(clients[n % len(clients)], ads) for n in range(ALONE)]
        await Load(clients, ads).offer(WARM_S)
        async with Memory(_listening_on(urlsplit(flow.urls["http"]).port)) as memory:
            load = Load(clients, ads)
            outcomes = await load.offer(SECONDS)
    finally:
        for client in clients:
            await client.close()
    return _rows(alone, outcomes, load, (memory.most - memory.before) / 2**20)


class Load:
    """What was offered, and how long that took: a client that cannot keep up would show here."""

    def __init__(self, clients: Sequence[Transport], ads: Sequence[Ad]) -> None:
        self._clients = clients
        self._ads = ads
        self.sending_s = self.until_answered_s = 0.0

    async def offer(self, seconds: float) -> list[Outcome]:
        """As many requests as the rate makes, each at its time, whatever became of those before."""
        every = ADS / (CAPACITY * TIMES)
        start = time.perf_counter()
        asked = []
        for number in range(round(seconds / every)):
            await asyncio.sleep(max(0.0, start + number * every - time.perf_counter()))
            client = self._clients[number % len(self._clients)]
            asked.append(asyncio.ensure_future(_ask(client, self._ads)))
        self.sending_s = time.perf_counter() - start
        outcomes = await asyncio.gather(*asked)
        self.until_answered_s = time.perf_counter() - start
        return outcomes


async def _ask(client: Transport, ads: Sequence[Ad]) -> Outcome:
    began = time.perf_counter()
    try:
        async with asyncio.timeout(PATIENCE_S):
            decided = [decision async for _, decision in client.review(ads)]
    except AdjudicateError as error:
        lost = "" if error.code is Code.OVERLOADED and error.retry_after else str(error)
        return Outcome(time.perf_counter() - began, refused=not lost, lost=lost)
    except TimeoutError:
        return Outcome(PATIENCE_S, lost="no answer")
    lost = "" if [one.outcome for one in decided] == ["approve"] * len(ads) else "not decided"
    return Outcome(time.perf_counter() - began, lost=lost)


def _listening_on(port: int | None) -> psutil.Process:
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
            return psutil.Process(connection.pid)
    raise RuntimeError(f"nothing listens on port {port}")


def _rows(alone: list[Outcome], outcomes: list[Outcome], load: Load, grown: float) -> list[Row]:
    lost = [one.lost for one in (*alone, *outcomes) if one.lost]
    for reason in sorted(set(lost)):
        print(f"lost {lost.count(reason)}: {reason}")
    unloaded = statistics.median(one.seconds for one in alone)
    served = sorted(one.seconds for one in outcomes if not one.refused and not one.lost)
    refused = sorted(one.seconds for one in outcomes if one.refused)
    offered = len(outcomes) * ADS / load.sending_s
    answered = len(served) * ADS / load.until_answered_s
    return [
        row("requests answered by decisions or a refusal, lost", len(lost), "", "== 0"),
        row("ads offered, of what the rooms can take", offered / CAPACITY, "times", ">= 9"),
        row("ads served, of what the rooms can take", answered / CAPACITY, "", ">= 0.8"),
        row("requests refused, share", len(refused) / len(outcomes)),
        row("alone, median", unloaded * 1_000, "ms"),
        row("served under overload, median, of alone", _at(served, 0.5) / unloaded, "", SERVED_BAR),
        row("served under overload, p95, of alone", _at(served, 0.95) / unloaded),
        row("refused, median, of alone", _at(refused, 0.5) / unloaded, "", "<= 1"),
        row("refused, p95, of alone", _at(refused, 0.95) / unloaded),
        row("gateway's memory, grown at most", grown, "MiB", "<= 64"),
    ]


def _at(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")
