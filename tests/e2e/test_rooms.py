"""What the rooms do together: batches, routing to the judge, a killed encoder."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

import numpy as np

from adjudicate import Ad, AsyncClient
from tests.e2e.conftest import AUDIT_SHARE, plain_ads, sample_ad, sample_rows
from tests.e2e.service import Service


def counter(service: Service, room: str, name: str) -> int:
    """What a room has counted since it started."""
    return int(service.rooms()[room]["counters"][name])


async def test_64_requests_at_once_need_far_fewer_passes_and_keep_their_ads(
    service: Service, encoded: Callable[..., bytes]
) -> None:
    ads = [Ad(id=f"n{n}", image=encoded("PNG", size=(32 + n, 96 - n))) for n in range(64)]
    async with AsyncClient(service.urls["grpc"], request_size=1, prefetch=64) as client:
        await client.review_all(ads[:8])
        before = counter(service, "encoder", "forward_passes")
        decided = await client.review_all(ads)
        passes = counter(service, "encoder", "forward_passes") - before
        assert [decision.ad_id for decision in decided] == [ad.id for ad in ads]
        assert passes <= 32
        together = await client.embed(ads)
        alone = [(await client.embed([ad]))[0] for ad in ads[:6]]
    for one, other in zip(alone, together[:6], strict=True):
        assert np.dot(one.image, other.image) > 0.999


async def test_the_judge_saw_exactly_the_flagged_ads_and_the_audit_sample(
    service: Service,
) -> None:
    ads = [sample_ad(row) for row in sample_rows()]
    ads += plain_ads(60)
    before = counter(service, "judge", "judged")
    async with AsyncClient(service.urls["grpc"]) as client:
        decided = await client.review_all(ads)
    judged = [decision for decision in decided if decision.judged]
    assert counter(service, "judge", "judged") - before == len(judged)

    for decision in decided:
        screened = [m for m in decision.matches if m.polarity == "violation"]
        if decision.audit:
            assert decision.judged
            assert "audit_sample" in decision.reasons
        elif decision.judged:
            assert screened
        elif decision.outcome == "approve":
            assert not any(m.similarity >= m.threshold for m in screened if m.signal != "hash")
    audited = sum(decision.audit for decision in decided)
    unflagged = sum(not decision.judged for decision in decided) + audited
    assert 0 < audited < 3 * AUDIT_SHARE * unflagged


async def test_an_unflagged_ad_does_not_wait_behind_the_judge(service: Service) -> None:
    rows = [row for row in sample_rows() if row["kind"] == "image" and row["rule"]]
    # Of identical ads the judge would see one.
    numbered = [{**row, "text": f"{row['text']} No. {n}"} for n in range(8) for row in rows]
    flagged = [sample_ad(row) for row in numbered]
    # Which of many are of the audit sample, and so judged as well, does not change.
    plain = plain_ads(60)
    async with AsyncClient(service.urls["grpc"], request_size=1, prefetch=500) as client:
        unjudged = [
            ad
            for ad, decision in zip(plain, await client.review_all(plain), strict=True)
            if not decision.judged
        ]
        assert len(unjudged) > 10
        unjudged = unjudged[:10]
        encoded = counter(service, "encoder", "encoded") + len(flagged)
        behind = asyncio.ensure_future(client.review_all(flagged))
        while counter(service, "encoder", "encoded") < encoded:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
        decided = await client.review_all(unjudged)
        assert not behind.done()
        assert not any(decision.judged for decision in decided)
        assert sum(decision.judged for decision in await behind) > len(flagged) / 2


async def test_a_killed_encoder_comes_back_and_no_ad_is_lost(service: Service) -> None:
    first = service.rooms()["encoder"]["pid"]
    ads = [Ad(id=f"n{n}", text=f"under fire {n}") for n in range(200)]
    async with AsyncClient(
        service.urls["grpc"], request_size=4, prefetch=4, retries=100, timeout=240
    ) as client:
        seen: list[str] = []

        async def review() -> None:
            async for decision in client.review(ads):
                seen.append(decision.ad_id)
                assert decision.outcome in ("approve", "reject", "escalate")
                if len(seen) == 20:
                    os.kill(first, signal.SIGKILL)

        await asyncio.wait_for(review(), 240)
    assert sorted(seen) == sorted(ad.id for ad in ads)
    assert service.rooms()["encoder"]["pid"] != first
    assert "encoder died (SIGKILL); restarting in 1 s" in service.output()
    assert await asyncio.to_thread(service.wait_for_output, "encoder is back", 10)
