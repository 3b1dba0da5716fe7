"""A judge behind a server: what is sent, and what happens when the server fails in all its ways."""

from __future__ import annotations

import asyncio
import base64
import io
import logging
import math
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from adjudicate.errors import ConfigurationError
from executors.judge.backend import ALWAYS, NEVER, JudgeUnavailable, Question, QuestionRefused
from executors.judge.openai_backend import OpenAIBackend
from executors.shared.batcher import Closed, Expired
from executors.shared.policy import load_policy
from executors.shared.settings import ROOT, JudgeSettings
from tests.judge.openai_server import NAME, OK, ChatServer, Fault, free_port, shipped_writer
from tests.telemetry.kept import keeping, traceparent

LABELS = '{"violation": true, "instruction": false}'
QUICK = Fault(text=LABELS)
"""An answer without the model: where only what is around it matters."""
KEY = "sk-a-very-secret-key-4711"
Open = Callable[..., OpenAIBackend]


@pytest.fixture(scope="module")
def rules() -> Any:
    return load_policy(ROOT / "policies").applicable("CN", "food")


@pytest.fixture
def question(rules: Any) -> Question:
    return Question("CN", "新品：降血糖神器！", None, rules, explain_above=NEVER)


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(shipped_writer()) as running:
        yield running


@pytest.fixture
def open_backend(server: ChatServer) -> Iterator[Open]:
    opened: list[OpenAIBackend] = []

    def make(**changes: Any) -> OpenAIBackend:
        known = {"backend": "openai", "url": server.url, "model": NAME, "max_retries": 0}
        opened.append(OpenAIBackend(JudgeSettings(**{**known, **changes})))
        return opened[-1]

    yield make
    for backend in opened:
        backend.close()


async def unavailable(backend: OpenAIBackend, question: Question, **options: Any) -> str:
    """The reason for which there is no opinion."""
    with pytest.raises(JudgeUnavailable) as raised:
        await backend.judge(question, **options)
    return raised.value.reason


def image_of(request: dict[str, Any]) -> tuple[str, Image.Image]:
    """The kind of picture that a request sent, and the picture."""
    head, _, data = request["messages"][1]["content"][0]["image_url"]["url"].partition(",")
    return head, Image.open(io.BytesIO(base64.b64decode(data)))


# What is sent


async def test_an_ad_costs_a_short_request_and_a_long_one_only_where_it_is_explained(
    server: ChatServer, open_backend: Open, question: Question, rules: Any
) -> None:
    backend = open_backend(max_new_tokens=8)
    opinion = await backend.judge(question)
    assert opinion.written is None
    assert [request["max_tokens"] for request in server.requests] == [64]
    opinion = await backend.judge(Question("CN", "降血糖神器", None, rules, explain_above=ALWAYS))
    assert opinion.written is not None
    assert opinion.written.startswith('{"claims"')
    assert [request["max_tokens"] for request in server.requests] == [64, 64, 8]
    assert backend.counters()["answers"] == 1
    assert backend.counters()["judged"] == 2


async def test_rules_stand_first_and_alone_so_that_the_server_can_cache_them(
    server: ChatServer, open_backend: Open, question: Question, rules: Any
) -> None:
    server.fault = QUICK
    backend = open_backend()
    await backend.judge(Question("CN", "a claim", None, rules, explain_above=ALWAYS))
    await backend.judge(Question("CN", "another", Image.new("RGB", (40, 40)), rules, NEVER))
    systems = {str(request["messages"][0]) for request in server.requests}
    assert len(server.requests) == 3
    assert len(systems) == 1
    for rule in rules:
        assert f"{rule.code}: {rule.text}" in next(iter(systems))
    verdict, answer, _ = (request["messages"][1]["content"] for request in server.requests)
    assert "a claim" in verdict
    assert verdict.startswith(answer), "the longer request has all that the short one has cached"


async def test_a_picture_goes_as_its_pixels_alone_no_larger_than_allowed(
    server: ChatServer, open_backend: Open, rules: Any
) -> None:
    server.fault = QUICK
    photo = Image.linear_gradient("L").resize((1600, 1200)).convert("RGB")
    photo.info = {"exif": b"Exif\0\0secret", "comment": b"secret"}
    small = photo.resize((100, 80))
    small.info = {"exif": b"Exif\0\0secret", "comment": b"secret"}
    backend = open_backend(max_pixels=600_000)
    for picture in (photo, small):
        await backend.judge(Question("CN", "", picture, rules, NEVER))
    (large_head, large), (small_head, same) = map(image_of, server.requests)
    assert (large_head, small_head) == ("data:image/jpeg;base64", "data:image/png;base64")
    assert 590_000 < large.width * large.height <= 600_000
    assert large.width / large.height == pytest.approx(4 / 3, rel=0.01)
    assert same.tobytes() == small.tobytes(), "a small picture arrives as it is"
    for sent in (large, same):
        assert not sent.getexif()
        assert "comment" not in sent.info


async def test_no_more_requests_are_under_way_than_allowed(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(text=LABELS, slow_s=0.05)
    backend = open_backend(concurrency=3)
    await asyncio.gather(*(backend.judge(question) for _ in range(12)))
    assert server.most_at_once == 3
    assert len(server.requests) == 12


async def test_the_ads_trace_goes_on_in_the_server(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = QUICK
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    backend = open_backend()
    await backend.judge(replace(question, traceparent=traceparent))
    for other in (None, "", f"{traceparent}\r\nx-evil: 1", "ä", "\ud800"):
        await backend.judge(replace(question, traceparent=other))
    sent = [headers.get("traceparent") for headers in server.headers]
    assert sent == [traceparent, *([None] * 5)]
    assert backend.facts()["breaker"] == "closed"


async def test_each_request_has_a_span_in_the_ads_trace_with_its_tokens(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = QUICK
    backend = open_backend()
    ad, unsampled = traceparent(1), traceparent(2, sampled=False)
    with keeping() as kept:
        await backend.judge(replace(question, traceparent=ad))
        await backend.judge(replace(question, traceparent=unsampled))
    span = kept.one(f"chat {backend.name}")
    assert span.parent == ad
    sent = [headers.get("traceparent") for headers in server.headers]
    assert sent == [span.traceparent, unsampled]
    assert b"gen_ai.provider.name" in span.form.packed
    assert b"server.address" in span.form.packed
    assert question.copy.encode() not in span.form.packed
    assert not span.failed


async def test_a_request_that_fails_says_why_on_its_span(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(status=500)
    backend = open_backend(max_retries=0)
    with keeping() as kept, pytest.raises(JudgeUnavailable) as refused:
        await backend.judge(replace(question, traceparent=traceparent(1)))
    assert kept.one(f"chat {backend.name}").failed == refused.value.reason


async def test_a_redirect_is_not_followed_since_the_ad_would_go_with_it(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    with ChatServer(shipped_writer()) as elsewhere:
        location = {"location": f"{elsewhere.url}/chat/completions"}
        server.fault = Fault(status=307, headers=location)
        assert await unavailable(open_backend(), question) == "server_refused"
        assert not elsewhere.requests


# What is read


async def test_the_probability_is_read_from_the_tokens(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    backend = open_backend()
    plain = await backend.judge(question)
    assert 0 < plain.violation < 1
    assert backend.facts()["probability"] == "logprobs"
    halved = await open_backend(temperature=2.0).judge(question)
    assert logit(halved.violation) == pytest.approx(logit(plain.violation) / 2)
    assert halved.instruction == pytest.approx(plain.instruction)


async def test_without_logprobs_the_verdict_itself_is_the_probability_and_the_facts_say_so(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    backend = open_backend()
    sure = await backend.judge(question)
    server.gives_logprobs = False
    opinion = await backend.judge(question)
    assert opinion.violation == float(sure.violation > 0.5)
    assert opinion.instruction in (0.0, 1.0)
    assert backend.facts()["probability"] == "verdict only"
    assert backend.counters()["verdict_only"] == 1


@pytest.mark.parametrize(
    "text", ["It is fine.", '{"violation": true}', '{"violation": 1, "instruction": false}', ""]
)
async def test_a_verdict_that_cannot_be_read_is_no_opinion_and_no_fault_of_the_server(
    server: ChatServer, open_backend: Open, question: Question, text: str
) -> None:
    server.fault = Fault(text=text)
    backend = open_backend(breaker_failures=1)
    assert await unavailable(backend, question) == "unreadable_verdict"
    assert backend.counters()["unreadable"] == 1
    assert backend.facts()["breaker"] == "closed"
    assert "unreadable_verdict" in backend.facts()["problem"]


# What the server does not take


async def test_a_server_without_response_format_is_asked_by_guided_json_from_then_on(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.refuses = {"response_format"}
    backend = open_backend()
    opinion = await backend.judge(question)
    assert 0 < opinion.violation < 1
    await backend.judge(question)
    forms = [("response_format" in r, "guided_json" in r) for r in server.requests]
    assert forms == [(True, False), (False, True), (False, True)]
    assert backend.facts()["grammar"] == "guided_json"


async def test_a_server_without_either_is_asked_in_words_and_its_answer_read_strictly(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.refuses = {"response_format", "guided_json"}
    server.fault = QUICK
    backend = open_backend()
    assert (await backend.judge(question)).violation == 1.0
    assert backend.facts()["grammar"] == "prompt"
    said = server.requests[-1]["messages"][1]["content"].splitlines()[-1]
    assert '{"violation": <true or false>, "instruction": <true or false>}' in said
    server.fault = Fault(text=f"Sure! {LABELS}")
    assert await unavailable(backend, question) == "unreadable_verdict"


async def test_a_server_without_logprobs_is_not_asked_for_them_again(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.refuses = {"logprobs"}
    backend = open_backend()
    for _ in range(2):
        assert (await backend.judge(question)).violation in (0.0, 1.0)
    assert ["logprobs" in request for request in server.requests] == [True, False, False]
    assert all("response_format" in request for request in server.requests)


async def test_a_refusal_of_one_ad_is_that_ads_and_changes_nothing_for_others(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = QUICK
    backend = open_backend(breaker_failures=1)
    await backend.judge(question)
    server.next.append(Fault(status=400, message="the prompt is longer than the model's context"))
    with pytest.raises(QuestionRefused, match="longer than the model's context"):
        await backend.judge(question)
    assert len(server.requests) == 2
    await backend.judge(question)
    assert "response_format" in server.requests[-1]
    assert backend.facts()["breaker"] == "closed"


async def test_a_server_that_takes_no_form_at_all_is_unavailable(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(status=400, message="no")
    assert await unavailable(open_backend(), question) == "server_refused"
    asked = {(*(k for k in r if k not in ("messages", "model")),) for r in server.requests}
    assert len(asked) == len(server.requests) == 6


# Retries


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
async def test_what_may_pass_is_tried_again(
    server: ChatServer, open_backend: Open, question: Question, status: int
) -> None:
    server.fault = QUICK
    server.next.append(Fault(status=status))
    backend = open_backend(max_retries=2)
    assert (await backend.judge(question)).violation == 1.0
    assert len(server.requests) == 2
    assert backend.counters()["retries"] == backend.counters()["failures"] == 1


@pytest.mark.parametrize("status", [401, 403, 404, 405])
async def test_what_will_not_pass_is_not(
    server: ChatServer, open_backend: Open, question: Question, status: int
) -> None:
    server.fault = Fault(status=status)
    backend = open_backend(max_retries=2)
    assert await unavailable(backend, question) == "server_refused"
    assert len(server.requests) == 1
    assert str(status) in backend.facts()["problem"]


async def test_retries_end(server: ChatServer, open_backend: Open, question: Question) -> None:
    server.fault = Fault(status=500)
    assert await unavailable(open_backend(max_retries=2), question) == "server_error"
    assert len(server.requests) == 3


async def test_a_cut_connection_is_tried_again(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = QUICK
    server.next.append(Fault(cut=True))
    assert (await open_backend(max_retries=1).judge(question)).violation == 1.0
    assert len(server.requests) == 2


async def test_a_server_that_is_not_there_is_tried_again_then_unavailable(
    open_backend: Open, question: Question
) -> None:
    backend = open_backend(url=f"http://127.0.0.1:{free_port()}/v1", max_retries=2)
    assert await unavailable(backend, question) == "server_unreachable"
    assert backend.counters()["requests"] == 3


@pytest.mark.parametrize(
    "fault",
    [
        Fault(body="<html>Bad gateway</html>"),
        Fault(body="{}", headers={"content-type": "application/json"}),
        Fault(body="{", headers={"content-type": "application/json"}),
    ],
    ids=["page", "no choices", "no JSON"],
)
async def test_garbage_counts_against_the_server_and_is_not_asked_for_again(
    server: ChatServer, open_backend: Open, question: Question, fault: Fault
) -> None:
    server.fault = fault
    backend = open_backend(max_retries=2, breaker_failures=1)
    assert await unavailable(backend, question) == "server_garbage"
    assert len(server.requests) == 1
    assert backend.facts()["breaker"] == "open"


async def test_a_retry_waits_as_long_as_the_server_asks(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = QUICK
    server.next.append(Fault(status=429, headers={"retry-after": "1"}))
    await open_backend(max_retries=1).judge(question)
    first, second = server.times
    assert 1 <= second - first < 2


async def test_a_wait_past_the_deadline_is_not_begun(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(status=429, headers={"retry-after": "20"})
    started = time.monotonic()
    reason = await unavailable(open_backend(max_retries=5), question, deadline=time.time() + 5)
    assert reason == "server_busy"
    assert time.monotonic() - started < 2
    assert len(server.requests) == 1


# Time


async def test_a_request_that_takes_too_long_is_given_up_and_the_server_told(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(slow_s=20)
    backend = open_backend(request_timeout_s=0.3)
    started = time.monotonic()
    assert await unavailable(backend, question) == "server_timeout"
    assert time.monotonic() - started < 2
    assert await eventually(lambda: server.hang_ups == 1)


async def test_a_hanging_request_ends_with_the_ads_deadline(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(slow_s=20)
    backend = open_backend(max_retries=5, breaker_failures=1)
    with pytest.raises(Expired):
        await backend.judge(question, time.time() + 0.3)
    assert await eventually(lambda: server.hang_ups == 1)
    assert len(server.requests) == 1
    assert backend.facts()["breaker"] == "closed", "the ad's own haste says nothing of the server"


async def test_an_ad_past_its_deadline_is_never_sent(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(text=LABELS, slow_s=0.5)
    backend = open_backend(concurrency=1)
    with pytest.raises(Expired):
        await backend.judge(question, time.time() - 1)
    assert backend.counters()["requests"] == 0
    before = asyncio.ensure_future(backend.judge(question))
    await eventually(lambda: len(server.requests) == 1)
    with pytest.raises(Expired):
        await backend.judge(question, time.time() + 0.1)
    assert (await before).violation == 1.0
    assert len(server.requests) == 1
    assert backend.counters()["waiting"] == 0


# The breaker


async def test_failures_in_a_row_open_the_breaker_and_ads_are_refused_at_once(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = QUICK
    server.next.extend([Fault(status=500)] * 2 + [OK] + [Fault(status=500)] * 3)
    backend = open_backend(breaker_failures=3)
    for _ in range(2):
        assert await unavailable(backend, question) == "server_error"
    await backend.judge(question)
    for _ in range(3):
        assert backend.facts()["breaker"] == "closed"
        assert await unavailable(backend, question) == "server_error"
    assert backend.facts()["breaker"] == "open"
    for _ in range(5):
        assert await unavailable(backend, question) == "breaker_open"
    assert len(server.requests) == 6
    counters = backend.counters()
    assert (counters["breaker"], counters["breaker_opened"], counters["breaker_refused"]) == (
        *(2, 1, 5),
    )


async def test_half_open_one_ad_tries_and_its_success_closes(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    # One slot, which the trial has: the others are not to wait for it.
    backend = open_backend(breaker_failures=1, breaker_reset_s=0.3, concurrency=1)
    server.next.append(Fault(status=500))
    await unavailable(backend, question)
    await asyncio.sleep(0.35)
    server.fault = Fault(text=LABELS, slow_s=0.3)
    trial = asyncio.ensure_future(backend.judge(question))
    await eventually(lambda: len(server.requests) == 2)
    assert backend.counters()["breaker"] == 1
    for _ in range(4):
        assert await unavailable(backend, question) == "breaker_open"
    assert (await trial).violation == 1.0
    assert backend.facts()["breaker"] == "closed"
    await asyncio.gather(*(backend.judge(question) for _ in range(4)))
    assert len(server.requests) == 6


async def test_half_open_a_failure_opens_again(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(status=500)
    backend = open_backend(breaker_failures=3, breaker_reset_s=0.3)
    for _ in range(3):
        await unavailable(backend, question)
    await asyncio.sleep(0.35)
    assert await unavailable(backend, question) == "server_error"
    assert await unavailable(backend, question) == "breaker_open"
    assert backend.counters()["breaker_opened"] == 2


async def test_an_open_breaker_ends_the_retries(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(status=500)
    backend = open_backend(breaker_failures=2, max_retries=8)
    assert await unavailable(backend, question) == "breaker_open"
    assert len(server.requests) == 2


async def test_a_busy_server_is_not_a_broken_one(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(status=429)
    backend = open_backend(breaker_failures=1)
    for _ in range(3):
        assert await unavailable(backend, question) == "server_busy"
    assert backend.facts()["breaker"] == "closed"


# Secrets, settings, the end


async def test_the_key_is_sent_and_stands_in_no_log_error_or_fact(
    open_backend: Open, question: Question, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    with ChatServer(shipped_writer(), key=KEY) as locked:
        backend = open_backend(url=locked.url, api_key=KEY)
        locked.fault = QUICK
        assert (await backend.judge(question)).violation == 1.0
        for status in (400, 401, 403, 429, 500):
            locked.next.append(Fault(status=status, message=f"not with Bearer {KEY}"))
            with pytest.raises((JudgeUnavailable, QuestionRefused)) as raised:
                await backend.judge(question)
            said += traceback.format_exception(raised.value)
        wrong = open_backend(url=locked.url, api_key="sk-wrong-key-0815")
        with pytest.raises(JudgeUnavailable, match="401") as raised:
            await wrong.judge(question)
        said += traceback.format_exception(raised.value)
        said += [str(backend.facts()), str(wrong.facts())]
    assert len(caplog.records) > 20, "the package's own debug log is part of the test"
    everything = caplog.text + "".join(said)
    assert KEY not in everything
    assert "sk-wrong-key-0815" not in everything


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": ""}, "ADJUDICATE_JUDGE__URL"),
        ({"url": "localhost:8000/v1"}, "ADJUDICATE_JUDGE__URL"),
        ({"model": JudgeSettings().model}, "ADJUDICATE_JUDGE__MODEL"),
    ],
)
def test_a_missing_setting_is_named(open_backend: Open, changes: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        open_backend(**changes)


def test_another_model_server_or_calibration_is_another_version(open_backend: Open) -> None:
    same = {open_backend().version, open_backend().version}
    other = {
        open_backend(**changes).version
        for changes in ({"model": "b"}, {"url": "http://other/v1"}, {"temperature": 1.5})
    }
    assert len(same) == 1
    assert len(same | other) == 4


async def test_a_close_lets_what_is_under_way_end_and_refuses_the_rest(
    server: ChatServer, open_backend: Open, question: Question
) -> None:
    server.fault = Fault(text=LABELS, slow_s=0.3)
    backend = open_backend(concurrency=1)
    first, second = (asyncio.ensure_future(backend.judge(question)) for _ in range(2))
    await eventually(lambda: len(server.requests) == 1 and backend.counters()["waiting"] == 1)
    await asyncio.to_thread(backend.close)
    assert (await first).violation == 1.0
    with pytest.raises(Closed):
        await second
    with pytest.raises(Closed):
        await backend.judge(question)
    assert len(server.requests) == 1


def logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


async def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> bool:
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:  # noqa: ASYNC110 - another thread's doing
        await asyncio.sleep(0.01)
    return holds()
