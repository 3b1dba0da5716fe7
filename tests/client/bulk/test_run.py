"""Passes over the input: every row once, errors that pass, a service that goes away."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from adjudicate import AsyncClient, RequestError, ServiceError
from adjudicate.bulk import run as running
from adjudicate.bulk.output import Output
from adjudicate.bulk.progress import Lines, Meter
from adjudicate.bulk.rows import Row
from adjudicate.bulk.run import Bulk, Pace
from adjudicate.bulk.sources import open_source
from adjudicate.documents import Ad, Decision, Problem
from adjudicate.errors import AdjudicateError, Code, fault
from tests.client.bulk.made import lines, manifest, names, output
from tests.client.fake import FakeServers, FakeService

QUICK = Pace(request_size=4, concurrency=2, retries=1)


class Reviewed:
    """A bulk review against the fake service, without waiting."""

    def __init__(self, url: str, what: Path, out: Path, pace: Pace = QUICK) -> None:
        self.source = open_source(str(what), {})
        self.output = output(out, self.source)
        self.meter = Meter()
        self.pauses: list[float] = []
        self.now = 0.0
        connect = partial(AsyncClient, url, retries=0, timeout=20)
        self._bulk = Bulk(
            self.source,
            self.output,
            connect,
            pace,
            self.meter,
            sleep=self._sleep,
            clock=lambda: self.now,
        )

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def __call__(self) -> Output:
        try:
            await self._bulk.review()
        finally:
            self.output.close()
        return self.output


@pytest.fixture
def url(servers: FakeServers, service: FakeService) -> str:
    """The transports' own tests are of all three protocols."""
    return servers.urls["http"]


def faults(code: Code, times: int, retry_after: float | None = None) -> list[AdjudicateError]:
    return [fault(code, f"{code} it is", retry_after=retry_after) for _ in range(times)]


def sent(service: FakeService) -> Counter[str]:
    """How often each ad was sent."""
    return Counter(str(ad.id) for request in service.requests for ad in request)


def leaves(service: FakeService, failures: list[AdjudicateError]) -> None:
    """The service answers one more request before it fails."""
    decide = service.decide

    async def last(ad: Ad) -> Decision:
        service.decide = decide  # type: ignore[method-assign]
        service.faults = failures
        return await decide(ad)

    service.decide = last  # type: ignore[method-assign]


async def test_every_row_has_one_decision_with_its_id_and_number(
    tmp_path: Path, url: str, service: FakeService
) -> None:
    out = tmp_path / "d.jsonl"
    held = await Reviewed(url, manifest(tmp_path, 50), out)()
    found = lines(out)
    assert sorted(record["row"] for record in found) == list(range(1, 51))
    assert all(record["ad_id"] == f"ad-{record['row']}" for record in found)
    assert {r["row"] for r in found if r["outcome"] == "reject"} == {7, 14, 21, 28, 42, 49}
    assert held.tally.outcomes == {"approve": 34, "reject": 6, "error": 10}
    assert held.tally.rules == {"cure-claim": 6}
    assert held.tally.errors == {"ad_empty": 10}
    keys = {ad.idempotency_key for request in service.requests for ad in request}
    assert keys == {f"{held.run}/{n}" for n in range(1, 51)}


async def test_ads_of_one_id_stay_apart(tmp_path: Path, url: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text("id,text\nsame,cures\nsame,fine\nsame,maybe\n")
    await Reviewed(url, path, tmp_path / "d.jsonl")()
    by_row = {record["row"]: record["outcome"] for record in lines(tmp_path / "d.jsonl")}
    assert by_row == {1: "reject", 2: "approve", 3: "escalate"}


async def test_what_stands_is_not_sent_again(
    tmp_path: Path, url: str, service: FakeService
) -> None:
    path, out = manifest(tmp_path, 20), tmp_path / "d.jsonl"
    await Reviewed(url, path, out)()
    kept = out.read_text().splitlines(keepends=True)[:12]
    out.write_text("".join(kept))
    service.requests.clear()
    await Reviewed(url, path, out)()
    assert sent(service).total() == 8
    assert sorted(record["row"] for record in lines(out)) == list(range(1, 21))
    assert out.read_text().startswith("".join(kept))


async def test_what_met_a_passing_error_is_sent_once_more_alone(
    tmp_path: Path, url: str, service: FakeService
) -> None:
    service.faults = faults(Code.ROOM_UNAVAILABLE, 1)
    await Reviewed(url, manifest(tmp_path, 12), tmp_path / "d.jsonl")()
    assert Counter(r["outcome"] for r in lines(tmp_path / "d.jsonl"))["error"] == 2
    assert max(sent(service).values()) == 1  # the failed request decided nothing
    assert [len(request) for request in service.requests].count(1) == 4


async def test_an_error_that_does_not_pass_is_an_error_after_the_last_attempt(
    tmp_path: Path, url: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = Counter[str]()

    async def decide(ad: Ad) -> Decision:
        tried[str(ad.id)] += 1
        decision = await FakeService.decide(service, ad)
        if ad.id == "ad-3":
            decision.outcome = "error"
            decision.problem = Problem(code=Code.OUT_OF_MEMORY, detail="it is")
        return decision

    monkeypatch.setattr(service, "decide", decide)
    held = await Reviewed(url, manifest(tmp_path, 10), tmp_path / "d.jsonl")()
    assert held.tally.errors == {"ad_empty": 2, "out_of_memory": 1}
    assert tried["ad-3"] == 2
    assert max(count for name, count in tried.items() if name != "ad-3") == 1


async def test_a_service_that_comes_back_is_waited_for(
    tmp_path: Path, url: str, service: FakeService
) -> None:
    review = Reviewed(url, manifest(tmp_path, 60), tmp_path / "d.jsonl", Pace(4, 1, 0))

    leaves(service, faults(Code.ROOM_UNAVAILABLE, 12))
    held = await review()
    # Retries are none: were it not waited for, ads would have outcome error.
    assert held.tally.errors == {"ad_empty": 12}
    assert held.done.count == 60
    assert len(review.pauses) >= 3
    assert review.pauses[:2] == [1.0, 2.0]


async def test_patience_ends_with_the_services_own_words_and_no_ad_as_an_error(
    tmp_path: Path, url: str, service: FakeService
) -> None:
    out = tmp_path / "d.jsonl"
    await Reviewed(url, manifest(tmp_path, 60), out)()
    out.write_text("".join(out.read_text().splitlines(keepends=True)[:8]))
    service.faults = []
    review = Reviewed(url, tmp_path / "manifest.csv", out, Pace(4, 1, 0, patience=40))
    leaves(service, faults(Code.OVERLOADED, 1_000, retry_after=15))
    with pytest.raises(ServiceError, match="overloaded it is"):
        await review()
    service.faults = []
    assert min(review.pauses) >= 15  # what the service asked for
    assert "overloaded" not in out.read_text()
    await Reviewed(url, tmp_path / "manifest.csv", out)()
    assert sorted(record["row"] for record in lines(out)) == list(range(1, 61))


async def test_a_service_that_never_answered_is_not_waited_for(
    tmp_path: Path, url: str, service: FakeService
) -> None:
    service.faults = faults(Code.ROOM_UNAVAILABLE, 1_000)
    review = Reviewed(url, manifest(tmp_path, 100), tmp_path / "d.jsonl")
    with pytest.raises(ServiceError):
        await review()
    assert review.pauses == []
    assert os.listdir(tmp_path) == ["manifest.csv"]


@pytest.mark.parametrize("code", [Code.UNAUTHENTICATED, Code.FORBIDDEN, Code.TOO_MANY_ADS])
async def test_a_refusal_that_no_waiting_changes_ends_the_run_at_once(
    tmp_path: Path, url: str, service: FakeService, code: Code
) -> None:
    service.faults = faults(code, 1_000)
    with pytest.raises(RequestError, match=f"{code} it is"):
        await Reviewed(url, manifest(tmp_path, 400), tmp_path / "d.jsonl")()
    assert len(service.faults) > 980


async def test_what_cannot_be_read_is_its_ads_error_and_is_not_sent(
    tmp_path: Path, url: str, service: FakeService
) -> None:
    (tmp_path / "m.csv").write_text("file,text\ngone.png,\n,fine\n")
    held = await Reviewed(url, tmp_path / "m.csv", tmp_path / "d.jsonl")()
    assert held.tally.errors == {"image_unreadable": 1}
    assert sent(service) == {"row 2": 1}


async def test_an_input_that_shrank_is_no_finished_run(tmp_path: Path, url: str) -> None:
    ads = tmp_path / "ads"
    names(ads, ("a.png", "b.png"))
    out = tmp_path / "d.jsonl"
    await Reviewed(url, ads, out)()
    (ads / "b.png").unlink()
    with pytest.raises(ValueError, match="The input has changed"):
        await Reviewed(url, ads, out)()


async def test_no_more_is_read_than_is_in_flight(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    review = Reviewed(url, manifest(tmp_path, 300), tmp_path / "d.jsonl", Pace(8, 2, 0))
    most = 0
    add = Output.add

    def adding(held: Output, row: Row, decision: Decision) -> None:
        nonlocal most
        add(held, row, decision)
        most = max(most, held.done.last - held.done.count)

    monkeypatch.setattr(Output, "add", adding)
    await review()
    assert most < 8 * 2 * 4


async def test_the_whole_with_its_summary(tmp_path: Path, url: str) -> None:
    out = tmp_path / "d.jsonl"
    source = open_source(str(manifest(tmp_path, 30)), {})
    for before in (0, 30):
        held = output(out, source)
        summary = await running.review(
            source, held, partial(AsyncClient, url), QUICK, Lines(every=0)
        )
        held.close()
        said = json.loads(json.dumps(summary.as_json()))
        assert (said["ads"], said["before"]) == (30, before)
        assert said["outcomes"] == {"approve": 20, "reject": 4, "error": 6}
        assert said["rules"] == {"cure-claim": 4}
        assert said["errors"] == {"ad_empty": 6}
        assert said["run"] == held.run
    assert summary.rate == 0


async def test_an_input_without_ads_is_refused(tmp_path: Path, url: str) -> None:
    source = open_source(str(tmp_path), {})
    held = output(tmp_path / "d.jsonl", source)
    with pytest.raises(ValueError, match="no ads there"):
        await running.review(source, held, partial(AsyncClient, url), QUICK, Lines(every=0))
    held.close()
