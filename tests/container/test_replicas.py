"""Replicas behind one name, as real processes: all get work, and one that comes or goes loses none.

The processes are those of benchmarks/_exported.py: the encoder's name stands for the addresses in
a file, which takes the place of a name server; connections, requests and signals are real.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from adjudicate import Ad, AdjudicateError, Client
from benchmarks._exported import ExportedFlow, Replica
from tests.container.alone import value_of
from tests.container.exported import without_models

ENCODER_MS = 30
"""Of one batch, so that some request is always in flight."""


class Load:
    """Clients that send ad after ad until they are stopped."""

    def __init__(self, url: str, clients: int = 4) -> None:
        self._url = url
        self._stop = threading.Event()
        self.outcomes: list[str | None] = []
        self.failed: list[AdjudicateError] = []
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def go_on_for(self, ads: int) -> None:
        """Wait until so many more were answered."""
        enough = len(self.outcomes) + ads
        until(lambda: len(self.outcomes) >= enough or bool(self.failed))

    def _send(self, number: int) -> None:
        # Without retries: what the service loses would be repeated, and not be seen.
        with Client(self._url, retries=0) as client:
            while not self._stop.is_set():
                ad = Ad(text=f"Apples, bag {number} of {len(self.outcomes)}")
                try:
                    self.outcomes += [decision.outcome for decision in client.review([ad])]
                except AdjudicateError as error:
                    self.failed.append(error)


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExportedFlow]:
    settings = {
        "NOOP_ENCODER_MS": str(ENCODER_MS),
        "ADJUDICATE_GATEWAY__NAMES_S": "0.5",
        "ADJUDICATE_HEALTH__CANARY_S": "5",
    }
    with without_models(
        tmp_path_factory.mktemp("replicas"), settings, replicas={"encoder": 2}
    ) as flow:
        yield flow


@pytest.fixture
def load(flow: ExportedFlow) -> Iterator[Load]:
    with Load(flow.urls[0]["grpc"]) as load:
        yield load
    assert load.failed == []
    assert set(load.outcomes) == {"approve"}


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def metric(replica: Replica, series: str) -> float:
    """The value of one series on a replica's monitor; 0 before it is there."""
    page = httpx.get(f"{replica.monitor}/metrics", timeout=10).text
    return value_of(page, series)


def encoded(replica: Replica) -> float:
    """Ads that it has embedded; a canary every few seconds is one too."""
    return metric(replica, 'adjudicate_batch_size_sum{queue="clip"}')


def known(flow: ExportedFlow) -> list[str]:
    """The encoder's replicas that the gateway knows, by address."""
    answer = httpx.get(f"{flow.urls[0]['http']}/v1/status", timeout=20).json()
    (encoder,) = [room for room in answer["rooms"] if room["room"] == "encoder"]
    return [one["address"].partition(":")[0] for one in encoder["replicas"]]


def test_replicas_that_work_share_it_come_and_go_and_nothing_is_lost(
    flow: ExportedFlow, load: Load
) -> None:
    first, second = flow.replicas("encoder")
    load.go_on_for(60)
    shares = [encoded(replica) for replica in (first, second)]
    assert min(shares) > 0.3 * sum(shares)

    third = flow.start_replica("encoder")
    flow.wait_for(third)
    until(lambda: encoded(third) > 0)
    before = [encoded(replica) for replica in (first, second, third)]
    load.go_on_for(120)
    shares = [
        encoded(replica) - earlier
        for replica, earlier in zip((first, second, third), before, strict=True)
    ]
    assert min(shares) > 0.2 * sum(shares)

    assert flow.stop_replica("encoder", 0) == 0
    load.go_on_for(60)
    until(lambda: first.address not in known(flow))
    assert flow.log("encoder", 0).splitlines()[-1].count('"event":"stopped"') == 1

    assert flow.stop_replica("encoder", 1, signal.SIGKILL) == -signal.SIGKILL
    load.go_on_for(60)
    until(lambda: known(flow) == [third.address])


def test_a_gateway_that_is_told_to_stop_answers_what_it_has_begun(flow: ExportedFlow) -> None:
    url = flow.urls[0]["http"]
    ads = [{"text": f"in flight {n}"} for n in range(400)]
    answers: list[int] = []

    def review() -> None:
        answer = httpx.post(f"{url}/v1/review", json={"ads": ads}, timeout=60)
        answers.append(len(answer.json()["decisions"]))

    thread = threading.Thread(target=review)
    thread.start()
    gateway = flow.replicas("gateway")[0]
    until(lambda: metric(gateway, "adjudicate_ads_in_flight") > 0)
    status = flow.stop_replica("gateway", 0)
    thread.join(60)
    assert (status, answers) == (0, [400])
    assert "Traceback" not in flow.log("gateway", 0)
