"""The judge's room with its model behind a server: what becomes of ads when the server fails."""

# No `from __future__ import annotations`: the room's documents are Jina's.
import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docarray import DocList

from adjudicate.documents import Case
from executors.judge.executor import Judge
from executors.judge.model_config import read_model_config
from executors.ledger.decide import decide
from executors.shared.settings import DecisionSettings, JudgeSettings, Settings, load_settings
from tests.judge.openai_server import NAME, ChatServer, Fault, shipped_writer

KEY = "sk-a-very-secret-key-4711"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(shipped_writer(), key=KEY) as running:
        yield running


@pytest.fixture
def room(server: ChatServer) -> Iterator[Judge]:
    config = read_model_config(Path(load_settings().judge.model))
    judge = JudgeSettings(
        backend="openai",
        url=server.url,
        model=NAME,
        api_key=KEY,  # type: ignore[arg-type]
        prompt=config.prompt,
        max_new_tokens=config.max_new_tokens,
        max_retries=0,
        breaker_failures=2,
        breaker_reset_s=0.2,
        cache_entries=0,
    )
    opened = Judge(settings=Settings(judge=judge))
    yield opened
    opened.close()


async def judged(room: Judge, *texts: str) -> list[Case]:
    cases = [Case(text=text, market="US", flagged=True) for text in texts]
    return list(await room.judge(DocList[Case](cases)))


async def test_ads_are_judged_by_the_server(room: Judge, server: ChatServer) -> None:
    cases = await judged(room, "A cup of tea.", "Cures cancer in a week, guaranteed!")
    assert {case.verdict for case in cases} <= {"violation", "compliant", "invalid"}
    assert all(case.probability is not None for case in cases)
    status = room.describe()
    assert (status.model, status.device) == (NAME, "server")
    assert status.facts["probability"] == "logprobs"
    assert status.counters["breaker"] == 0
    assert KEY not in status.json()


async def test_while_the_server_fails_flagged_ads_escalate_and_then_are_judged_again(
    room: Judge, server: ChatServer
) -> None:
    server.fault = Fault(status=503)
    cases: list[Any] = []
    for n in range(4):
        cases += await judged(room, f"Cures cancer in {n} weeks.")
    assert [case.verdict for case in cases] == ["unavailable"] * 4
    notes = [case.judge_notes for case in cases]
    assert notes == [["server_error"]] * 2 + [["breaker_open"]] * 2
    for case in cases:
        ruling = decide(case, DecisionSettings())
        assert ruling.outcome == "escalate"
        assert ruling.reasons[0] == "judge_unavailable"
    assert len(server.requests) == 2
    assert room.describe().counters["breaker"] == 2
    server.fault = Fault()
    await asyncio.sleep(0.25)
    (case,) = await judged(room, "Cures cancer in a month.")
    assert case.verdict in ("violation", "compliant", "invalid")
    assert room.describe().counters["breaker"] == 0
