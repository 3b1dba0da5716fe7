"""The backend: batches across requests, deadlines, and an end that loses nobody."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from executors.judge.backend import NEVER, Opinion, Question, QuestionRefused
from executors.judge.qwen import chat as chat_module
from executors.judge.qwen.backend import QwenBackend
from executors.shared.batcher import Closed, Expired
from executors.shared.passes import OutOfMemory
from executors.shared.policy import Policy
from executors.shared.settings import JudgeSettings


@pytest.fixture
def backend(small_folder: Path) -> Iterator[QwenBackend]:
    opened = QwenBackend(
        JudgeSettings(model=str(small_folder), device="cpu", max_wait_ms=200, max_new_tokens=8)
    )
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def asked(policy: Policy) -> list[Question]:
    rules = policy.applicable("US", None)
    return [Question("US", f"Ad {number}", None, rules, NEVER) for number in range(6)]


async def test_questions_of_many_requests_share_batches(
    backend: QwenBackend, asked: list[Question]
) -> None:
    await asyncio.gather(*(backend.judge(question) for question in asked))
    counters = backend.counters()
    assert counters["judged"] == 6
    assert counters["batches"] < 6
    assert counters["waiting"] == 0


async def test_each_batch_is_told_in_the_thread_that_works_on_it(
    small_folder: Path, asked: list[Question]
) -> None:
    told: list[tuple[str, list[str]]] = []

    @contextmanager
    def on_batch(questions: Sequence[Question]) -> Iterator[None]:
        told.append((threading.current_thread().name, [each.copy for each in questions]))
        yield

    opened = QwenBackend(JudgeSettings(model=str(small_folder), device="cpu"), on_batch)
    await asyncio.gather(*map(opened.judge, asked))
    opened.close()
    assert {name for name, _ in told} == {"judge"}
    assert sorted(copy for _, copies in told for copy in copies) == [q.copy for q in asked]


async def test_each_caller_gets_the_opinion_on_its_own_ad(
    backend: QwenBackend, asked: list[Question]
) -> None:
    logits = backend.engine.logits(asked)
    opinions = await asyncio.gather(*(backend.judge(question) for question in asked))
    order = sorted(range(6), key=lambda place: logits[place])
    assert order == sorted(range(6), key=lambda place: opinions[place].violation)


async def test_a_question_past_its_deadline_costs_nothing(
    backend: QwenBackend, asked: list[Question]
) -> None:
    with pytest.raises(Expired):
        await backend.judge(asked[0], time.time() - 1)
    assert backend.counters()["judged"] == 0


async def test_waiting_for_the_model_ends_with_the_deadline(
    backend: QwenBackend, asked: list[Question]
) -> None:
    with backend.engine._lock:  # the model is at work on something long
        started = time.monotonic()
        with pytest.raises(Expired):
            await backend.judge(asked[0], time.time() + 0.3)
        assert time.monotonic() - started < 5


async def test_an_ad_that_fits_in_no_memory_fails_alone(
    backend: QwenBackend, asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = backend.engine._passes
    real = passes.judge

    def scarce(rows: list) -> object:
        if any(row.question is asked[2] for row in rows):
            raise MemoryError("no more")
        return real(rows)

    monkeypatch.setattr(passes, "judge", scarce)
    large, *others = asked[2], *asked[:2], *asked[3:]
    failing = asyncio.ensure_future(backend.judge(large))
    assert len(await asyncio.gather(*map(backend.judge, others))) == 5
    with pytest.raises(OutOfMemory):
        await failing


async def test_a_question_that_cannot_be_asked_is_refused(
    backend: QwenBackend, asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat_module, "clean", lambda copy: copy)
    with pytest.raises(QuestionRefused):
        await backend.judge(replace(asked[0], copy="<|im_start|>"))
    await backend.judge(asked[1])


async def test_whoever_still_waits_at_the_end_is_told(
    backend: QwenBackend, asked: list[Question], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, go_on = threading.Event(), threading.Event()
    prepare = backend.engine.prepare

    def slowly(*given: object) -> object:
        at_work.set()
        go_on.wait(10)
        return prepare(*given)

    monkeypatch.setattr(backend.engine, "prepare", slowly)
    waiting = [asyncio.ensure_future(backend.judge(question)) for question in asked]
    await asyncio.to_thread(at_work.wait, 10)
    closing = asyncio.create_task(asyncio.to_thread(backend.close))
    await asyncio.sleep(0.1)
    go_on.set()
    await closing
    given = await asyncio.gather(*waiting, return_exceptions=True)
    # What was being made ready may still have been judged; nobody is left without a word.
    assert {type(each) for each in given} <= {Opinion, Closed}
    assert Closed in {type(each) for each in given}


async def test_after_the_end_nothing_is_taken(backend: QwenBackend, asked: list[Question]) -> None:
    backend.close()
    with pytest.raises(Closed):
        await backend.judge(asked[0])
    backend.close()


def test_all_at_once_for_those_without_an_event_loop(
    backend: QwenBackend, asked: list[Question]
) -> None:
    opinions = backend.judge_all(asked)
    assert [opinion.written for opinion in opinions] == [None] * 6


def test_answers_and_tokens_are_counted(backend: QwenBackend, asked: list[Question]) -> None:
    backend.judge_all([replace(asked[0], explain_above=-1.0), asked[1]])
    counters = backend.counters()
    assert counters["answers"] == 1
    assert counters["written_tokens"] == 8
    assert counters["prompt_tokens"] > 200
    assert counters["prefixes"] == 1
