"""CPU, memory and bytes of each room an ad, without the models' time, on PostgreSQL.

One ad of ten is flagged, with a no-op judge: what a judge's door costs is of a flagged ad.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import grpc

from adjudicate import Ad
from benchmarks._clients import GRPC_METHOD, Sent, check_message, over_grpc, packed
from benchmarks._costs import Costs
from benchmarks._scaled import NGINX, ROOMS, Passed, ScaledFlow, spent_by
from benchmarks.gateway import FLAGGED_OF_TEN, IMAGE_BYTES, make_ads
from benchmarks.rows import Row, row
from tests.services.postgres import Postgres, running_postgres

Connections = Mapping[str, Passed]
"""What passed on each."""

SIZES = {1: 640, 8: 2_048, 32: 4_096}
"""Ads of one measurement, by the ads in a request."""
PLANNED = 8
"""The request size whose figures go into a plan."""
CONCURRENCY = 16
FLAGGED = FLAGGED_OF_TEN / 10
GIB = 2**30


def rows(folder: Path, costs: Costs) -> Iterator[Row]:
    """By request size, then memory and bytes."""
    folder.mkdir(parents=True)
    with running_postgres() as postgres:
        settings = {"ADJUDICATE_DATABASE": postgres.fresh_database()}
        with ScaledFlow(folder / "flow", settings, models=False) as flow:
            for size in SIZES:
                yield from _cpu(flow, postgres, size, costs)
            yield from _bytes(flow, costs)
            for room, held in flow.peak_bytes().items():
                yield row(f"{room}, without models: memory", held / 1e6, "MB")
                if room in ("gateway", "library", "ledger"):
                    costs.put(f"{room}.memory_gib", held / GIB)


def _cpu(flow: ScaledFlow, postgres: Postgres, size: int, costs: Costs) -> Iterator[Row]:
    sent, count = _requests(size), SIZES[size]
    asyncio.run(over_grpc(flow.target, GRPC_METHOD, sent[:CONCURRENCY], CONCURRENCY, check_message))
    before = flow.cpu_seconds()
    with spent_by(_pid(postgres)) as database:
        asyncio.run(over_grpc(flow.target, GRPC_METHOD, sent, CONCURRENCY, check_message))
    spent = flow.cpu_seconds() - before
    for room in (*ROOMS, NGINX):
        of, share = ("a flagged ad", FLAGGED) if room == "judge" else ("an ad", 1.0)
        ms = spent[room] * 1_000 / (count * share)
        yield row(f"{room}, {size} a request", ms, f"CPU ms {of}")
        if size == PLANNED and room != NGINX:
            costs.put(f"{room}.cpu_ms", ms)
    ms = sum(database) * 1_000 / count
    yield row(f"PostgreSQL, {size} a request", ms, "CPU ms an ad")
    if size == PLANNED:
        costs.put("database.cpu_ms", ms)


def _bytes(flow: ScaledFlow, costs: Costs) -> Iterator[Row]:
    """Of one client on one gateway's own port: behind nginx connections come and go."""
    before, after = asyncio.run(_counted(flow, _requests(PLANNED)))
    count = SIZES[PLANNED]
    hops = {room: _since(before[room], after[room], count) for room in ROOMS}
    for room, hop in hops.items():
        yield row(f"{room}: its requests", hop.received, "bytes an ad")
        yield row(f"{room}: its answers", hop.sent, "bytes an ad")
    costs.put("network.request_bytes", max(hops["gateway"].received - IMAGE_BYTES, 0))
    costs.put("network.answer_bytes", hops["gateway"].sent)
    inner = sum(hop.received + hop.sent for room, hop in hops.items() if room != "gateway")
    # To the judge, back from it, and on to the ledger.
    of_judged = hops["judge"].received + hops["judge"].sent + hops["ledger"].received
    carried = of_judged // round(IMAGE_BYTES * FLAGGED)
    beside = inner - IMAGE_BYTES * (1 + FLAGGED * carried)
    yield row("all rooms: times that a judged ad's picture travels more", carried, "x")
    yield row("all rooms: bytes beside pictures", beside, "bytes an ad")
    costs.put("network.judged_pictures", carried)
    costs.put("network.inner_bytes", beside)


def _since(before: Connections, after: Connections, count: int) -> Passed:
    """An ad's share of what passed meanwhile; connections that ended (nginx' idle ones) are out."""
    none = Passed(0, 0)
    received = sum(now.received - before.get(at, none).received for at, now in after.items())
    sent = sum(now.sent - before.get(at, none).sent for at, now in after.items())
    return Passed(received // count, sent // count)


async def _counted(
    flow: ScaledFlow, sent: Sequence[Sent]
) -> tuple[Mapping[str, Connections], Mapping[str, Connections]]:
    """What had passed before the requests, and after them, on connections that stay open."""
    target = flow.flow.urls[0]["grpc"].removeprefix("grpc://")
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(target, options) as channel:
        ask = channel.unary_unary(GRPC_METHOD)
        check_message(sent[0], await ask(sent[0].body))
        before = flow.bytes_passed()
        for request in sent:
            check_message(request, await ask(request.body))
        return before, flow.bytes_passed()


def _requests(size: int) -> list[Sent]:
    ads: list[Ad] = make_ads()
    different = [packed("grpc", ads[at : at + size]) for at in range(0, len(ads), size)]
    return [different[number % len(different)] for number in range(SIZES[size] // size)]


def _pid(postgres: Postgres) -> int:
    return int((postgres.folder / "postmaster.pid").read_text().split()[0])
