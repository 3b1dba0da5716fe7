"""A release rolls through a Flow room by room, as a Deployment does, and back: at times the rooms
of one ad are of two releases. The processes are those of the exported containers."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from adjudicate import Ad
from benchmarks._exported import NAMES, ExportedFlow, Replica
from executors import databases
from tests.operations.next_release import MARK, ROOT, make_next_release
from tests.operations.side_by_side import (
    PROTOCOLS,
    START_S,
    Answer,
    Entrance,
    Load,
    from_each_protocol,
    make_key,
)
from tests.services.nginx import Nginx, NoNginx

# Twelve processes start, with models: about a minute on two quiet cores.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_000)]

DECIDED = {
    "claim": ("No side effects, ever", "reject", "HOUSE-2"),
    "plain": ("New lemon flavour", "approve", ""),
}
ROOMS = ("encoder", "library", "judge", "ledger")


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    try:
        with Nginx(tmp_path / "nginx") as server:
            yield server
    except NoNginx as reason:
        pytest.skip(str(reason))


class Gateway:
    """One of the Flow's, as the entrance sees it."""

    def __init__(self, name: str, replica: Replica) -> None:
        self.name = name
        self._replica = replica

    def target(self, protocol: str) -> str:
        return f"{self._replica.address}:{self._replica.ports[PROTOCOLS.index(protocol)]}"


def settings(database: str) -> dict[str, str]:
    return {
        "ADJUDICATE_DATABASE": database,
        "ADJUDICATE_ACCESS__MODE": "required",
        "ADJUDICATE_POLICIES": str(ROOT / "samples" / "policy"),
        "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
    }


def code_of(tree: Path | None) -> dict[str, str]:
    """The environment in which a process runs that release."""
    return {"PYTHONPATH": os.pathsep.join(map(str, (NAMES, *([tree] if tree else []), ROOT)))}


def kinds() -> dict[str, Callable[[str], Ad]]:
    return {
        kind: lambda name, said=said: Ad(id=name, text=said, market="US", product="food")
        for kind, (said, _, _) in DECIDED.items()
    }


async def ready(flow: ExportedFlow, *replicas: Replica) -> None:
    """Wait for them, however busy the machine."""
    for replica in replicas:
        await asyncio.to_thread(flow.wait_for, replica, time.monotonic() + START_S)


async def replace(flow: ExportedFlow, room: str, tree: Path | None) -> Replica:
    """A new process of the room, and when it is ready the end of the one before."""
    before = [one for one in flow.replicas(room) if one.alive]
    replica = flow.start_replica(room, code_of(tree))
    await ready(flow, replica)
    for one in before:
        assert await asyncio.to_thread(flow.stop_replica, room, one.index) == 0
    return replica


async def test_a_release_rolls_forward_and_back_while_ads_are_reviewed(
    tmp_path: Path, postgres_url: str, nginx: Nginx
) -> None:
    tree = make_next_release(tmp_path / "next-release")
    databases.prepare(postgres_url)
    key = make_key(postgres_url)
    flow = ExportedFlow(tmp_path, settings(postgres_url))
    try:
        flow.start()
        await ready(flow, *(one for room in (*ROOMS, "gateway") for one in flow.replicas(room)))
        old = Gateway("old", flow.replicas("gateway")[0])
        entrance = Entrance(nginx, [old])
        entrance.weigh(old=1)
        load = Load(entrance.urls, key, kinds())
        async with load.running():
            await load.until(more(load))
            for room in ROOMS:
                await replace(flow, room, tree)
                await load.until(more(load))
            new = Gateway("new", flow.start_replica("gateway", code_of(tree)))
            await ready(flow, flow.replicas("gateway")[1])
            entrance.versions.append(new)
            entrance.weigh(new=1)
            assert await asyncio.to_thread(flow.stop_replica, "gateway", 0) == 0
            await load.until(more(load))
            # Back: the gateway of the next release asks rooms of this one meanwhile.
            for room in ("ledger", "encoder"):
                await replace(flow, room, None)
                await load.until(more(load))
        errors = [line for one in flow.replicas("gateway") for line in lines(one.log, "error")]
        assert errors == []
    finally:
        flow.stop()
    for answer in load.answers:
        decision, (_, outcome, rule) = answer.decision, DECIDED[answer.kind]
        found = (decision.problem, decision.outcome, decision.rule)
        assert found == (None, outcome, rule), decision.reasons
        assert decision.judged == (answer.kind == "claim")
    assert sorted(answer.decision.ad_id for answer in load.answers) == sorted(load.sent)
    marks = recorded(postgres_url)
    assert sorted(ad for ad, _ in marks) == sorted(load.sent)
    # This release's ledger, the next one's, and this one's again, on one table.
    assert (marks[0][1], marks[-1][1]) == ("", "")
    assert {mark for _, mark in marks} == {"", MARK}


def more(load: Load) -> Callable[[list[Answer]], bool]:
    """Whether each protocol has brought some answers since this was asked for."""
    seen = len(load.answers)
    enough = from_each_protocol(6, lambda _: True)

    def found(answers: list[Answer]) -> bool:
        return enough(answers[seen:])

    return found


def recorded(database: str) -> list[tuple[str, str]]:
    """Ad and mark of each decision, in the order of their record."""
    engine = create_engine(database)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT ad_id, made_by FROM decisions ORDER BY number"))
        found = [(ad, mark) for ad, mark in rows]
    engine.dispose()
    return found


def lines(log: Path, level: str) -> list[str]:
    """What a process has logged at this level."""
    told = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in told if line.startswith("{") and json.loads(line)["level"] == level]
