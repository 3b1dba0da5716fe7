"""Quality through gateway, library and ledger: the same over each protocol, and for people."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from typer.testing import CliRunner

from adjudicate import Ad, AsyncClient, Client
from adjudicate.cli.app import app
from adjudicate.errors import Code, RequestError
from benchmarks._noop_flow import ad
from tests.e2e.small import SmallFlow


@pytest.fixture(scope="module")
def flow(small: SmallFlow) -> SmallFlow:
    """Every ad is audited, and the judge finds each compliant."""
    with Client(small.urls["grpc"]) as client:
        client.review_all(ads(40))
    return small


@pytest.fixture(params=["grpc", "http", "ws"])
async def client(flow: SmallFlow, request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(flow.urls[request.param]) as connected:
        yield connected


def ads(count: int) -> list[Ad]:
    """A fifth of them flagged."""
    return [ad(b"picture %d" % n, flagged=n % 5 == 0) for n in range(count)]


async def test_figures_reference_and_verdicts_over_each_protocol(client: AsyncClient) -> None:
    made = await client.quality.set_reference(by="mei", note="the first")
    assert made.ads >= 40
    assert (made.encoder_version, made.created_by, made.note) == ("noop", "mei", "the first")
    decisions = await client.review_all(ads(30))
    found = await client.quality.figures()
    assert found.reference is not None
    assert found.reference.created_at == made.created_at
    states = {drift.feature: drift.state for drift in found.drift}
    assert set(states) == {"image", "embedding.image", "embedding.text"}
    assert set(states.values()) == {"stable"}
    assert all(drift.psi is not None and drift.ads >= 30 for drift in found.drift)
    (rate,) = found.positive
    assert (rate.name, rate.count, rate.share) == ("", 0, 0.0)
    assert rate.total >= 6
    missed = found.screen_miss
    assert missed is not None
    assert (missed.count, missed.share, missed.low) == (0, 0.0, 0.0)
    assert found.passed == missed.total >= 24

    approved = next(decision for decision in decisions if decision.outcome == "approve")
    held = await client.quality.overturn(str(approved.id), by="mei", note="a miss")
    assert (held.id, held.verdict, held.outcome) == (approved.id, "overturned", "approve")
    again = await client.quality.overturn(str(approved.id), by="mei")
    assert (again.at, again.note) == (held.at, "a miss")
    await client.quality.uphold(str(approved.id), by="jo")
    agreed = (await client.quality.figures(1.0)).agreement
    assert [one.name for one in agreed] == ["", "approve"]
    assert agreed[0].count == agreed[0].total


async def test_refusals_are_alike_over_each_protocol(client: AsyncClient) -> None:
    for wrong, code in (
        (client.quality.uphold("none", by="mei"), Code.NOT_FOUND),
        (client.quality.uphold("none", by=""), Code.INVALID_FIELD),
        (client.quality.set_reference(0.000_001), Code.TOO_FEW_ADS),
    ):
        with pytest.raises(RequestError) as refused:
            await wrong
        assert refused.value.code is code
    with pytest.raises(RequestError):
        await client.quality.figures(-1.0)
    with pytest.raises(ValueError, match="above 0"):
        await client.quality.figures(0.0)


def test_the_metrics_are_those_of_the_last_figures(flow: SmallFlow) -> None:
    with Client(flow.urls["http"]) as client:
        client.quality.set_reference()
        decided = client.review_all(ads(30))
        approved = next(d for d in decided if d.outcome == "approve")
        client.quality.uphold(str(approved.id), by="mei")
        found = client.quality.figures()
    pages = {room: flow.monitor(room, "/metrics").text for room in ("library", "ledger")}
    for drift in found.drift:
        assert f'adjudicate_quality_psi{{feature="{drift.feature}"' in pages["library"]
    assert "adjudicate_screen_similarity_bucket{" in pages["library"]
    for gauge in ("screen_miss_rate", "reviewer_agreement"):
        for bound in ("estimate", "low", "high"):
            assert f'adjudicate_quality_{gauge}{{bound="{bound}"' in pages["ledger"]
    assert 'adjudicate_quality_judge_positive_rate{rule="all"' in pages["ledger"]


def test_the_command_line_shows_what_http_says(flow: SmallFlow) -> None:
    runner, url = CliRunner(), ["--url", flow.urls["http"]]
    made = runner.invoke(app, ["quality", "reference", "--by", "mei", *url])
    assert made.exit_code == 0, made.output
    assert "sampled ads of" in made.output
    assert "are the reference of encoder noop" in made.output
    with Client(flow.urls["http"]) as client:
        decided = client.review_all(ads(30))
        shown = runner.invoke(app, ["quality", "show", *url])
        for expected in ("reference: ", "stable", "missed by the screen", "any rule", "24 h"):
            assert expected in shown.output
        plain = runner.invoke(app, ["quality"], env={"ADJUDICATE_URL": flow.urls["http"]})
        assert plain.output == shown.output
        said = runner.invoke(app, ["quality", "show", "--json", *url])
        answer = httpx.get(f"{flow.urls['http']}/v1/quality").json()
        found = json.loads(said.output)
        assert set(found) == set(answer) - {"problem"}
        assert found["passed"] == answer["passed"]
        assert "id" not in str(found["drift"])
        one = str(next(d.id for d in decided if d.outcome == "approve"))
    upheld = runner.invoke(app, ["decisions", "uphold", one, "--by", "mei", *url])
    assert f"decision {one} (approve) is upheld by mei since " in upheld.output
    overturned = runner.invoke(
        app, ["decisions", "overturn", one, "--by", "jo", "--note", "x", "--json", *url]
    )
    held = json.loads(overturned.output)
    assert (held["id"], held["verdict"], held["by"]) == (one, "overturned", "jo")
    missing = runner.invoke(app, ["decisions", "uphold", "none", "--by", "mei", *url])
    assert missing.exit_code == 1
    assert missing.stderr == "adjudicate: there is no decision 'none'\n"
