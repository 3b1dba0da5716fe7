"""A judge that dies takes no request with it: what it would have judged goes to a person."""

from __future__ import annotations

import asyncio
import os
import signal
import time

from adjudicate import Ad, AsyncClient, Decision
from tests.e2e.conftest import plain_ads, sample_ad, sample_rows
from tests.e2e.service import Service

BACK_S = 150.0


async def test_flagged_ads_escalate_while_the_judge_is_down_and_are_judged_when_it_is_back(
    service: Service,
) -> None:
    rows = [row for row in sample_rows() if row["kind"] == "image" and row["rule"]][:4]
    # Without retries: a request that fails because the judge is down fails this test.
    async with AsyncClient(service.urls["grpc"], request_size=2, retries=0) as client:

        async def review(ads: list[Ad]) -> dict[str, Decision]:
            return {decision.ad_id: decision async for decision in client.review(ads)}

        before = await review([*map(sample_ad, rows), *plain_ads(8)])
        flagged = [sample_ad(row) for row in rows if before[row["id"]].judged]
        plain = [ad for ad in plain_ads(8) if not before[ad.id].judged]
        assert flagged
        assert plain
        first = service.rooms()["judge"]["pid"]
        os.kill(first, signal.SIGKILL)
        escalated = 0
        started = time.monotonic()
        while time.monotonic() - started < BACK_S:
            decided = await review([*flagged, *plain])
            assert {decided[ad.id].outcome for ad in plain} == {"approve"}
            judged = {decided[ad.id].judged for ad in flagged}
            if judged == {True}:
                break
            for decision in (decided[ad.id] for ad in flagged):
                if not decision.judged:
                    assert decision.outcome == "escalate"
                    assert decision.reasons[0] == "judge_unavailable"
                    assert decision.flagged
                    escalated += 1
            await asyncio.sleep(0.5)  # the judge needs the processor to come back
        assert escalated >= len(flagged)
        assert judged == {True}, "the judge is asked again when it is back"
        for ad in flagged:
            assert decided[ad.id].outcome == before[ad.id].outcome
    assert service.rooms()["judge"]["pid"] != first
    assert "judge died (SIGKILL); restarting in 1 s" in service.output()
    assert "judge does not answer; ads go on without it" in service.output()
