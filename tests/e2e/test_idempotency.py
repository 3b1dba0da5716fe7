"""A key has one decision, over whichever protocol its ad is sent, and however often."""

from __future__ import annotations

import uuid

from adjudicate import Ad, AsyncClient
from tests.e2e.service import Service


async def test_a_repeat_gets_the_recorded_decision_over_every_protocol(service: Service) -> None:
    key = uuid.uuid4().hex
    decided = []
    for url in service.urls.values():
        async with AsyncClient(url) as client:
            ad = Ad(text="Store in a dry place.", idempotency_key=key)
            (decision,) = await client.review_all(ad)
            assert decision.ad_id == ad.id
            assert await client.decision(decision.id or "") is not None
            decided.append(decision)
    assert len(decided) == 3
    assert len({(decision.id, decision.decided_at) for decision in decided}) == 1


async def test_a_key_with_other_content_is_that_ads_problem_alone(client: AsyncClient) -> None:
    key = uuid.uuid4().hex
    await client.review_all(Ad(text="Store in a dry place.", idempotency_key=key))
    other, fine = await client.review_all(
        [Ad(text="Keep out of reach of children.", idempotency_key=key), Ad(text="Read the label.")]
    )
    assert other.outcome == "error"
    assert other.problem is not None
    assert other.problem.code == "idempotency_conflict"
    assert fine.problem is None


async def test_two_of_one_key_in_one_request_are_decided_once(client: AsyncClient) -> None:
    key = uuid.uuid4().hex
    twins = [Ad(id=name, text="Read the label.", idempotency_key=key) for name in "ab"]
    one, two = await client.review_all(twins)
    assert (one.ad_id, two.ad_id) == ("a", "b")
    assert one.id == two.id


async def test_a_broken_key_is_that_ads_problem_alone(client: AsyncClient) -> None:
    broken = Ad(id="broken", text="Read the label.").model_copy(
        update={"idempotency_key": "not\nprintable"}
    )
    refused, fine = await client.review_all([broken, Ad(text="Read the label.")])
    assert refused.problem is not None
    assert refused.problem.code == "invalid_field"
    assert fine.problem is None
