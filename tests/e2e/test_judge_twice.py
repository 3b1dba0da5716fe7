"""The same ad is not judged twice, over whatever protocol it comes."""

from __future__ import annotations

from adjudicate import Ad, AsyncClient
from tests.e2e.service import Service
from tests.e2e.test_rooms import counter

COPY = "Treats arthritis. Seen by no other test."


async def test_the_same_ad_over_three_protocols_is_judged_once_and_decided_alike(
    service: Service,
) -> None:
    before = counter(service, "judge", "judged_anew"), counter(service, "judge", "judged")
    decided = []
    for url in service.urls.values():
        async with AsyncClient(url) as client:
            decided += await client.review_all([Ad(text=COPY, market="US")])
    assert all(decision.judged for decision in decided)
    assert [decision.cached for decision in decided] == [False, True, True]
    assert len({(d.outcome, d.rule, d.confidence) for d in decided}) == 1
    assert len({tuple(sorted(d.versions.items())) for d in decided}) == 1
    after = counter(service, "judge", "judged_anew"), counter(service, "judge", "judged")
    assert (after[0] - before[0], after[1] - before[1]) == (1, 3)


async def test_identical_ads_of_one_request_are_judged_once(service: Service) -> None:
    before = counter(service, "judge", "judged_anew")
    ads = [Ad(id=f"n{n}", text=f"{COPY} All at once.", market="US") for n in range(16)]
    async with AsyncClient(service.urls["grpc"]) as client:
        decided = await client.review_all(ads)
    assert [decision.ad_id for decision in decided] == [ad.id for ad in ads]
    assert len({(d.outcome, d.rule, d.confidence) for d in decided}) == 1
    assert counter(service, "judge", "judged_anew") == before + 1
