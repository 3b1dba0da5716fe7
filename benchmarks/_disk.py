"""What stays of an ad: rows of a decision and of an exemplar, a verdict in Redis; and how many
decisions a second one database takes.

The decisions are those of the shipped models on the sample ads; copies of two of them, one that was
judged and one that was not, then fill a database.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
import uuid
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path

from redis import Redis
from sqlalchemy import Engine, create_engine, text

from adjudicate import Ad, AsyncClient, Decision
from adjudicate.demo.samples import read_samples
from adjudicate.transfer.importing import import_exemplars
from adjudicate.transfer.reading import rows_at
from benchmarks._costs import Costs
from benchmarks._room_costs import GIB
from benchmarks._scaled import ScaledFlow
from benchmarks.rows import Row, row
from executors.ledger.store import DecisionStore, Record
from executors.shared.settings import ROOT
from tests.services.postgres import Postgres, running_postgres
from tests.services.redis import running_redis

COPIES = 8_192
TOGETHER = (1, 8, 32)
"""Decisions in one transaction."""
SECONDS = 5.0
SYNCS = 200


def rows(folder: Path, costs: Costs) -> Iterator[Row]:
    """Bytes, then decisions a second."""
    folder.mkdir(parents=True)
    with running_postgres() as postgres:
        decisions = yield from _reviewed(folder / "flow", postgres, costs)
        for kind, judged in (("not judged", False), ("judged", True)):
            one = next(d for d in decisions if d.judged is judged and d.problem is None)
            for name, url in _fresh(folder, postgres, kind):
                size = _row_bytes(url, one)
                yield row(f"a decision, {kind}, {name}", size, "bytes")
                if name == "PostgreSQL":
                    figure = "judged_row_bytes" if judged else "row_bytes"
                    costs.put(f"database.{figure}", size)
        plain = next(d for d in decisions if not d.judged and d.problem is None)
        yield row("this disk: a page written and synced", _sync_ms(folder), "ms")
        for together in TOGETHER:
            for name, url in _fresh(folder, postgres, f"{together}"):
                rate = _per_second(url, plain, together)
                yield row(f"{name}: one writer, {together} in a transaction", rate, "decisions/s")
                if (name, together) == ("SQLite", max(TOGETHER)):
                    costs.put("ledger.sqlite_per_s", rate)


def _reviewed(
    folder: Path, postgres: Postgres, costs: Costs
) -> Generator[Row, None, list[Decision]]:
    url = postgres.fresh_database()
    with running_redis() as redis:
        settings = {"ADJUDICATE_DATABASE": url, "ADJUDICATE_JUDGE__CACHE_URL": redis.url}
        with ScaledFlow(folder, settings, models=True) as flow:
            before = _size(url)
            exemplars, pictures = asyncio.run(_fill(flow.flow.urls[0]["grpc"]))
            grown = _size(url) - before
            beside = (grown - pictures) / exemplars
            yield row("an exemplar beside its picture, PostgreSQL", beside, "bytes")
            costs.put("database.exemplar_bytes", beside)
            decisions = asyncio.run(_decisions(flow.flow.urls[0]["grpc"]))
            for room, held in flow.peak_bytes().items():
                yield row(f"{room}, shipped models: memory", held / 1e6, "MB")
                if room in ("encoder", "judge"):
                    costs.put(f"{room}.memory_gib", held / GIB)
        with closing(Redis.from_url(redis.url)) as client:
            sizes = [client.memory_usage(key) or 0 for key in client.scan_iter("*")]
        yield row("a verdict in Redis", statistics.mean(sizes), "bytes")
        costs.put("redis.verdict_bytes", statistics.mean(sizes))
    return decisions


async def _fill(url: str) -> tuple[int, int]:
    """How many exemplars, and the bytes of their pictures."""
    read = list(rows_at(ROOT / "samples" / "exemplars", {}))
    async with AsyncClient(url) as client:
        report = await import_exemplars(client, read)
    return report.added, sum(len(one.exemplar.image or b"") for one in read if one.exemplar)


async def _decisions(url: str) -> list[Decision]:
    ads: list[Ad] = [one.ad for one in read_samples(ROOT / "samples" / "manifest.csv")]
    async with AsyncClient(url) as client:
        return await client.review_all(ads)


def _fresh(folder: Path, postgres: Postgres, name: str) -> Iterator[tuple[str, str]]:
    yield "PostgreSQL", postgres.fresh_database()
    yield "SQLite", f"sqlite:///{folder / f'{name}-{uuid.uuid4().hex}.db'}"


def _record(decision: Decision) -> Record:
    name = uuid.uuid4().hex
    return Record(decision.model_copy(update={"id": name, "ad_id": f"ad-{name[:12]}"}), name * 2)


def _row_bytes(url: str, decision: Decision) -> float:
    with closing(DecisionStore(url)) as store:
        before = _size(url)
        for _ in range(COPIES // 32):
            store.record([_record(decision) for _ in range(32)])
        return (_size(url) - before) / COPIES


def _per_second(url: str, decision: Decision, together: int) -> float:
    with closing(DecisionStore(url)) as store:
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < SECONDS:
            store.record([_record(decision) for _ in range(together)])
            count += together
        return count / (time.perf_counter() - started)


def _sync_ms(folder: Path) -> float:
    """What each commit waits for, whatever is in it."""
    spent = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            started = time.perf_counter()
            file.write(bytes(4_096))
            os.fdatasync(file.fileno())
            spent.append((time.perf_counter() - started) * 1_000)
    return statistics.median(spent)


def _size(url: str) -> int:
    """Bytes of the database, its log aside."""
    engine: Engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
            size = Path(engine.url.database or "").stat().st_size
        else:
            connection.execute(text("CHECKPOINT"))
            size = connection.scalar(text("SELECT pg_database_size(current_database())")) or 0
    engine.dispose()
    return int(size)
