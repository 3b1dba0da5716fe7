"""Limits and the stop of a whole service, on all three protocols."""

from __future__ import annotations

import base64
import signal
import threading
from collections.abc import Iterator

import httpx
import psutil
import pytest

from adjudicate import Ad, Client
from adjudicate.errors import Code, RateLimitError, TooLargeError
from benchmarks._noop_flow import NoopFlow
from benchmarks._noop_settings import FLAGGED

A_MINUTE = 300
SETTINGS = {
    "ADJUDICATE_ACCESS__MODE": "open",
    "ADJUDICATE_LIMITS__ADS_PER_MINUTE": str(A_MINUTE),
    "ADJUDICATE_SUPERVISOR__DRAIN_S": "3",
    "NOOP_JUDGE_MS": "6000",
}


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NoopFlow]:
    with NoopFlow(tmp_path_factory.mktemp("limits"), SETTINGS) as running:
        yield running


def plain(count: int) -> list[Ad]:
    return [Ad(text=f"ad {number}") for number in range(count)]


def post(flow: NoopFlow, count: int) -> httpx.Response:
    body = {"ads": [{"text": f"ad {number}"} for number in range(count)]}
    return httpx.post(f"{flow.urls['http']}/v1/review", json=body, timeout=30)


def test_a_used_up_minute_is_told_on_every_protocol_with_the_seconds_to_wait(
    flow: NoopFlow,
) -> None:
    assert (never := post(flow, A_MINUTE + 1)).status_code == 413
    assert never.json()["code"] == "too_many_ads"
    while (answer := post(flow, 100)).status_code == 200:
        assert len(answer.json()["decisions"]) == 100
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(answer.headers["retry-after"]) <= 120
    for protocol, url in flow.urls.items():
        with Client(url, request_size=200, retries=0) as client:
            with pytest.raises(RateLimitError) as caught:
                list(client.review(plain(200)))
            assert caught.value.code is Code.RATE_LIMITED, protocol
            assert caught.value.retry_after is not None, protocol
            assert 1 <= caught.value.retry_after <= 120
    client = Client(flow.urls["grpc"], request_size=500, retries=0)
    with client, pytest.raises(TooLargeError) as refused:
        list(client.review(plain(A_MINUTE + 1)))
    assert refused.value.code is Code.TOO_MANY_ADS
    assert httpx.get(f"{flow.urls['http']}/health", timeout=10).status_code == 200


def test_a_stop_tells_what_it_could_not_finish_to_its_client_and_to_the_operator(
    flow: NoopFlow,
) -> None:
    """The judge takes twice as long as the stop waits."""
    answers: list[httpx.Response] = []
    picture = base64.b64encode(b"a picture").decode()
    body = {"ads": [{"text": "x", "advertiser": FLAGGED, "image": picture}]}

    def review() -> None:
        answers.append(httpx.post(f"{flow.urls['http']}/v1/review", json=body, timeout=60))

    thread = threading.Thread(target=review)
    thread.start()
    process, family = flow.server.process, flow.server.family()
    thread.join(1.5)
    assert not answers
    process.send_signal(signal.SIGTERM)
    status = process.wait(60)
    thread.join(10)
    log = flow.server.log.read_text()
    assert status == 0, log
    (answer,) = answers
    assert (answer.status_code, answer.json()["code"]) == (503, "shutting_down")
    assert "stopped before 1 request with 1 ad could be finished: open (1 " in log
    assert "Traceback" not in log
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive
