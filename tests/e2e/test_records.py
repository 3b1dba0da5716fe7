"""What is on record through gateway and ledger: the same over each protocol."""

import csv
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from adjudicate import Ad, AsyncClient, Client
from adjudicate.cli.app import app
from adjudicate.errors import RequestError
from benchmarks._noop_flow import ad
from tests.e2e.small import SmallFlow

PICTURES = [b"picture %d of the records" % number for number in range(4)]


@pytest.fixture(scope="module")
def flow(small: SmallFlow) -> SmallFlow:
    with Client(small.urls["grpc"]) as client:
        client.review_all([ad(image, text=f"Zauberelixir {n}") for n, image in enumerate(PICTURES)])
    return small


@pytest.fixture(params=["grpc", "http", "ws"])
async def client(flow: SmallFlow, request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(flow.urls[request.param]) as connected:
        yield connected


async def test_decisions_are_found_by_their_copy_and_their_picture(client: AsyncClient) -> None:
    rows = await client.records.search(text="ZAUBER elixir 2")
    assert [row.excerpt for row in rows] == ["Zauberelixir 2"]
    assert rows[0].picture == hashlib.sha256(PICTURES[2]).hexdigest()
    same = await client.records.search(picture=rows[0].picture)
    assert rows[0].id in [row.id for row in same]
    first, second = await client.records.search(text="zauberelixir", limit=2)
    following = await client.records.search(text="zauberelixir", after=str(second.id), limit=1)
    assert following[0].decided_at <= second.decided_at <= first.decided_at
    with pytest.raises(RequestError) as refused:
        await client.records.search(outcome="maybe")
    assert refused.value.code == "invalid_field"


async def test_a_case_file_comes_over_each_protocol(client: AsyncClient) -> None:
    (row,) = await client.records.search(text="zauberelixir 1")
    file = await client.records.case(str(row.id))
    assert file.decision is not None
    assert file.evidence is not None
    assert (file.decision.outcome, file.evidence.text) == ("approve", "Zauberelixir 1")
    assert file.evidence.picture_kept
    with pytest.raises(RequestError) as refused:
        await client.records.case("nothing")
    assert refused.value.code == "not_found"


async def test_an_export_has_all_of_them(client: AsyncClient) -> None:
    rows = [row async for row in client.records.export(since="2020-01-01")]
    texts = [row.text for row in rows if row.text.startswith("Zauberelixir")]
    assert texts == [f"Zauberelixir {number}" for number in range(len(PICTURES))]
    assert (await client.audit.page(what="exported", limit=1))[0].by == "open"


async def test_erasure_over_each_protocol(client: AsyncClient) -> None:
    shop = f"shop of {client.url}"
    picture = shop.encode()
    (decided,) = await client.review_all([Ad(text="Trank", image=picture, advertiser=shop)])
    counted = await client.records.erase(advertiser=shop, dry_run=True)
    assert (counted.decisions, counted.pictures) == (1, 1)
    done = await client.records.erase(advertiser=shop)
    assert (done.decisions, done.pictures, done.dry_run) == (1, 1, False)
    file = await client.records.case(str(decided.id))
    assert file.evidence is not None
    assert (file.evidence.text, file.evidence.picture_kept) == ("", False)
    assert file.evidence.erased_at
    expired = await client.records.expire(dry_run=True)
    assert (expired.pictures, expired.dry_run) == (0, True)
    assert (await client.audit.verify()).whole


def test_a_picture_is_kept_when_its_decision_is_answered_and_given_out_as_it_was(
    flow: SmallFlow,
) -> None:
    with Client(flow.urls["http"]) as client:
        client.review_all([Ad(id="fresh", image=b"a fresh picture")])
    url = flow.urls["http"]
    name = hashlib.sha256(b"a fresh picture").hexdigest()
    answer = httpx.get(f"{url}/v1/pictures/{name}")
    assert answer.content == b"a fresh picture"
    searched = httpx.post(f"{url}/v1/records/search", json={"image": "YSBmcmVzaCBwaWN0dXJl"}).json()
    assert searched["picture"] == name
    assert [row["ad_id"] for row in searched["decisions"]] == ["fresh"]
    assert httpx.get(f"{url}/v1/pictures/{'0' * 64}").status_code == 404


def test_the_command_line_exports_what_it_finds(flow: SmallFlow, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    url = ["--url", flow.urls["http"]]
    result = CliRunner().invoke(app, ["records", "export", str(path), *url])
    assert result.exit_code == 0, result.stderr
    with path.open(encoding="utf-8-sig", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    assert "Zauberelixir 3" in texts
    result = CliRunner().invoke(app, ["records", "search", "--text", "zauberelixir 3", *url])
    assert "Zauberelixir 3" in result.stdout
