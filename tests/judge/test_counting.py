"""What the judge's metrics say of verdicts, tokens, caches and the breaker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from adjudicate.documents import Case
from executors.judge.backend import NEVER, JudgeUnavailable, Opinion, Question, Tokens
from executors.judge.cache.memory import MemoryStore
from executors.judge.cache.redis import RedisStore
from executors.judge.cache.verdicts import Verdicts
from executors.judge.counting import count_judged
from executors.judge.openai_backend import OpenAIBackend
from executors.judge.qwen.engine import Engine
from executors.judge.review import Review
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, JudgeSettings
from executors.shared.telemetry.catalogue import (
    BREAKER,
    CACHE_LOOKUPS,
    JUDGE_INVALID,
    JUDGE_TOKENS,
    JUDGED,
    QUEUE_DEPTH,
)
from executors.shared.telemetry.instruments import Histogram
from tests.judge.openai_server import NAME, ChatServer, Fault, free_port, shipped_writer
from tests.judge.scripted import Scripted
from tests.judge.test_reviewer import Room
from tests.telemetry.recorded import Since, recording

COMPLIANT = Fault(text='{"violation": false, "instruction": false}')


@pytest.fixture(autouse=True)
def on() -> Iterator[None]:
    with recording():
        yield


def flagged(text: str, **fields: Any) -> Case:
    return Case(text=text, market="CN", language="zh", flagged=True, **fields)


def sums(instrument: Histogram) -> dict[str, float]:
    """By kind of token."""
    found: dict[str, float] = {}
    for key, _, spread in instrument.read():
        kind = dict(key)["gen_ai.token.type"]
        found[kind] = found.get(kind, 0.0) + spread.sum
    return found


def test_a_verdict_counts_with_whether_it_was_held() -> None:
    judged = Since(JUDGED)
    for cached in (False, True, True):
        count_judged(Review("compliant", 0.1, cached=cached))
    count_judged(Review("timeout"))
    assert judged.of(verdict="compliant", cached="true") == 2
    assert judged.of(verdict="compliant", cached="false") == 1
    assert judged.of(verdict="timeout") == 1


async def test_tokens_count_once_for_an_ad_that_is_judged_and_not_for_a_held_verdict() -> None:
    opinion = Opinion(0.1, 0.0, None, tokens=Tokens(300, 20))
    room = Room(load_policy(ROOT / "policies"), Scripted(opinion))
    tokens, lookups, before = Since(JUDGE_TOKENS), Since(CACHE_LOOKUPS), sums(JUDGE_TOKENS)
    same = flagged("一杯茶")
    assert not (await room.review(same)).cached
    assert (await room.review(same)).cached
    room.reviewer.close()
    model = {"gen_ai_request_model": "scripted"}
    assert tokens.of(gen_ai_token_type="input", **model) == 1
    assert tokens.of(gen_ai_token_type="output", **model) == 1
    after = sums(JUDGE_TOKENS)
    assert after["input"] - before.get("input", 0) == 300
    assert after["output"] - before.get("output", 0) == 20
    assert lookups.of(cache="verdict", result="miss") == 1
    assert lookups.of(cache="verdict", result="hit") == 1


async def test_an_answer_that_cannot_be_used_counts_by_its_reason() -> None:
    invalid = Since(JUDGE_INVALID)
    room = Room(load_policy(ROOT / "policies"), Scripted(Opinion(0.9, 0.0, "no JSON at all")))
    review = await room.review(flagged("一杯茶"))
    room.reviewer.close()
    assert review.verdict == "invalid"
    assert sum(invalid.counts().values()) == 1
    assert {value for key in invalid.counts() for _, value in key} == {"answer"}


async def test_a_cache_that_does_not_answer_is_an_error_and_not_a_miss() -> None:
    lookups = Since(CACHE_LOOKUPS)
    store = RedisStore(f"redis://127.0.0.1:{free_port()}/0", 60)
    verdicts = Verdicts(store)
    assert await verdicts.get("key", NEVER) is None
    assert await verdicts.get("key", NEVER) is None  # left alone by now
    await verdicts.close()
    await Verdicts(MemoryStore(10, 60)).get("key", NEVER)
    assert lookups.of(cache="verdict", result="error") == 2
    assert lookups.of(cache="verdict", result="miss") == 1


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with ChatServer(shipped_writer()) as running:
        running.fault = COMPLIANT
        yield running


@pytest.fixture
def question() -> Question:
    rules = load_policy(ROOT / "policies").applicable("CN", "food")
    return Question("CN", "一杯茶", None, rules, explain_above=NEVER)


def backend_at(url: str) -> OpenAIBackend:
    known = {"backend": "openai", "url": url, "model": NAME, "max_retries": 0}
    return OpenAIBackend(JudgeSettings(**known, breaker_failures=1))


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 211, "completion_tokens": 9, "total_tokens": 220}, Tokens(211, 9)),
        (None, None),
    ],
)
async def test_a_servers_tokens_are_what_it_says(
    server: ChatServer, question: Question, usage: dict[str, int] | None, tokens: Tokens | None
) -> None:
    server.usage = usage
    backend = backend_at(server.url)
    try:
        opinion = await backend.judge(question)
    finally:
        backend.close()
    assert opinion.tokens == tokens


async def test_every_request_for_an_ad_counts_in_its_tokens(
    server: ChatServer, question: Question
) -> None:
    server.usage = {"prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107}
    server.next.extend([COMPLIANT, Fault(text="{}")])
    backend = backend_at(server.url)
    asked = Question(question.market, question.copy, None, question.rules)  # an answer, too
    try:
        opinion = await backend.judge(asked)
    finally:
        backend.close()
    assert opinion.tokens == Tokens(200, 14)


async def test_the_breaker_is_a_number_while_there_is_a_server(question: Question) -> None:
    assert BREAKER.read() == {}
    backend = backend_at(f"http://127.0.0.1:{free_port()}/v1")
    try:
        assert BREAKER.read() == {(): 0}
        assert QUEUE_DEPTH.read()[(("queue", "judge"),)] == 0
        with pytest.raises(JudgeUnavailable):
            await backend.judge(question)
        assert BREAKER.read() == {(): 2}
    finally:
        await asyncio.to_thread(backend.close)
    assert BREAKER.read() == {}
    assert (("queue", "judge"),) not in QUEUE_DEPTH.read()


def test_the_models_own_tokens_are_those_that_it_read_and_wrote() -> None:
    engine = Engine(JudgeSettings(device="cpu", precision="fp32"))
    rules = load_policy(ROOT / "policies").applicable("CN", "food")
    silent = Question("CN", "一杯茶", None, rules, explain_above=NEVER)
    lookups = Since(CACHE_LOOKUPS)
    rows = [engine.prepare(silent), engine.prepare(Question("CN", "一杯茶", None, rules))]
    first, second = engine.opinions(rows)
    assert isinstance(first, Opinion)
    assert isinstance(second, Opinion)
    assert first.tokens is not None
    assert second.tokens is not None
    assert (first.tokens.written, first.written) == (0, None)
    assert second.tokens.written > 0
    counts = engine.counters()
    assert counts["prompt_tokens"] == first.tokens.read + second.tokens.read
    assert counts["written_tokens"] == second.tokens.written
    assert lookups.of(cache="prefix", result="miss") >= 1
    assert lookups.of(cache="prefix", result="hit") >= 1
