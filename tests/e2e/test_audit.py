"""The audit trail through gateway and ledger: the same over each protocol, and for auditors."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from docarray import DocList
from jina import Client as JinaClient
from typer.testing import CliRunner

from adjudicate import Ad, AsyncClient, Client
from adjudicate.audit.chain import Entry, hash_of
from adjudicate.cli.app import app
from adjudicate.documents import AuditDeed
from adjudicate.errors import Code, RequestError
from benchmarks._noop_flow import ad
from tests.e2e.small import SmallFlow


@pytest.fixture(scope="module")
def flow(small: SmallFlow) -> SmallFlow:
    with Client(small.urls["grpc"]) as client:
        client.review_all([ad(b"picture %d" % n, flagged=n % 2 == 0) for n in range(10)])
    return small


@pytest.fixture(params=["grpc", "http", "ws"])
async def client(flow: SmallFlow, request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(flow.urls[request.param]) as connected:
        yield connected


async def test_what_is_done_stands_in_the_trail_over_each_protocol(client: AsyncClient) -> None:
    decided = await client.review_all([Ad(text="Apples", image=b"a picture")])
    await client.quality.uphold(str(decided[0].id), by="mei")
    about = await client.audit.page(subject=str(decided[0].id))
    assert [entry.what for entry in about] == ["reviewed", "decided"]
    assert [entry.by for entry in about] == ["open", about[1].by]
    assert about[1].by.startswith("model:")
    assert json.loads(about[0].facts) == {"outcome": "approve", "verdict": "upheld"}
    await client.library.switch_bank("main", enabled=True, by="mei", note="Mei's words")
    (switched,) = await client.audit.page(what="bank_changed", limit=1)
    assert (switched.subject, switched.facts) == ("main", '{"enabled":true}')
    for entry in about:
        said = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
        assert hash_of(Entry(**{**said, "facts": json.loads(entry.facts)})) == entry.hash


async def test_the_trail_is_whole_over_each_protocol(client: AsyncClient) -> None:
    noted = (await client.audit.page(limit=1))[0]
    found = await client.audit.verify(noted.hash)
    assert (found.whole, found.why, found.changed) == (True, "", [])
    assert found.entries >= noted.number
    assert found.decisions >= 10
    wrong = await client.audit.verify("a" * 64)
    assert (wrong.whole, "the noted end is not in the trail" in wrong.why) == (False, True)
    with pytest.raises(RequestError) as refused:
        await client.audit.page(limit=10_000)
    assert refused.value.code in (Code.INVALID_FIELD, Code.MALFORMED)


def test_nobody_writes_into_the_trail_from_outside(flow: SmallFlow) -> None:
    """Access is open here: whoever asks is an admin."""
    port = int(flow.urls["grpc"].rsplit(":", 1)[1])
    deed = AuditDeed(what="erased", subject="everything", by="key:another")
    with pytest.raises(Exception, match="there is no endpoint"):
        JinaClient(port=port, protocol="grpc").post(
            "/audit/add", DocList[AuditDeed]([deed]), return_type=DocList[AuditDeed]
        )
    with Client(flow.urls["grpc"]) as client:
        assert client.audit.page(what="erased", subject="everything") == []


def test_an_auditor_takes_the_trail_along_and_checks_it(flow: SmallFlow, tmp_path: Path) -> None:
    def invoke(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["audit", *arguments, "--url", flow.urls["http"]])
        return result.exit_code, result.output

    path = tmp_path / "trail.jsonl"
    code, said = invoke("export", str(path))
    assert (code, said.startswith("adjudicate: ")) == (0, True)
    end = json.loads(path.read_text().splitlines()[-1])
    assert said.rstrip().endswith(end["hash"])
    code, said = invoke("verify", str(path), "--head", end["hash"])
    assert (code, f"entries 1 to {end['number']}" in said.replace(",", "")) == (0, True)
    code, said = invoke("verify", "--head", end["hash"])
    assert code == 0
    assert said.startswith("The trail is whole: ")
    code, said = invoke("verify", "--head", "a" * 64)
    assert (code, "The trail is not whole: the noted end" in said) == (1, True)
    assert invoke("export", str(path))[0] == 2
    part = tmp_path / "part.jsonl"
    assert invoke("export", str(part), "--after", str(end["number"] - 3))[0] == 0
    assert len(part.read_text().splitlines()) >= 3
    code, said = invoke("verify", str(part))
    assert (code, "It begins after entry" in said) == (0, True)
    code, said = invoke("list", "--what", "decided", "--limit", "2")
    assert (code, said.count("decided")) == (0, 2)
    code, said = invoke("list", "--what", "decided", "--limit", "2", "--json")
    assert [json.loads(line)["what"] for line in said.splitlines()] == ["decided"] * 2
    assert invoke("list", "--what", "nothing")[1] == "No such entry.\n"
