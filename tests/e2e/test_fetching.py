"""Ads with a URL in the running Flow. No test of it leaves this machine: names that end in
`.invalid` never resolve."""

from __future__ import annotations

from adjudicate import Ad, AsyncClient
from adjudicate.errors import Code
from tests.e2e.conftest import FETCH_HOST


async def test_what_cannot_be_fetched_is_that_ads_problem_on_every_protocol(
    client: AsyncClient,
) -> None:
    urls = {
        f"https://{FETCH_HOST}/a.png": Code.URL_UNREACHABLE,
        "https://elsewhere.example.com/a.png": Code.URL_NOT_ALLOWED,
        "https://169.254.169.254/latest/meta-data/": Code.URL_NOT_ALLOWED,
        f"http://{FETCH_HOST}/a.png": Code.URL_NOT_ALLOWED,
    }
    ads = [Ad(id=f"url-{at}", url=url, text="tea") for at, url in enumerate(urls)]
    decided = await client.review_all([*ads, Ad(text="New flavours, at your grocer's")])
    codes = [decision.problem.code if decision.problem else None for decision in decided]
    assert codes == [*urls.values(), None]
    assert {decision.outcome for decision in decided[:-1]} == {"error"}
    assert decided[-1].outcome == "approve"
