"""The queue through gateway and ledger: the same over each protocol, and for people."""

import json
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner

from adjudicate import Ad, AsyncClient, Client, QueueAsk
from adjudicate.cli.app import app
from adjudicate.errors import Code, RequestError
from benchmarks._noop_flow import ad
from tests.e2e.small import SmallFlow


@pytest.fixture(params=["grpc", "http", "ws"])
async def client(small: SmallFlow, request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(small.urls[request.param]) as connected:
        yield connected


def sampled(copy: str) -> Ad:
    """Every ad is audited, and the judge finds each compliant: a case of the audit sample."""
    return ad(copy.encode(), flagged=False).model_copy(update={"text": copy, "market": "CN"})


async def queued(client: AsyncClient, copy: str) -> str:
    (decision,) = await client.review_all([sampled(copy)])
    assert (decision.outcome, decision.audit) == ("approve", True)
    return str(decision.id)


async def test_a_case_goes_its_way_over_each_protocol(client: AsyncClient) -> None:
    copy = f"tea by {client.url}"
    decision_id = await queued(client, copy)
    (listed,) = await client.queue.list(QueueAsk(text=copy))
    assert (listed.id, listed.kind, listed.excerpt, listed.market) == (
        decision_id,
        "audit_sample",
        copy,
        "CN",
    )
    assert await client.queue.list(QueueAsk(text=copy, kind="appeal")) == []
    held = await client.queue.claim(decision_id)
    assert (held.lease_by, held.lease_name) == ("open", "anyone")
    counts = await client.queue.counts(QueueAsk(text=copy))
    assert (counts.open, counts.mine, counts.by_kind) == (1, 1, {"audit_sample": 1})
    assert [case.id for case in await client.queue.release(decision_id)] == [decision_id]
    answered = await client.queue.answer(decision_id, "violation", note="a cure")
    assert (answered.state_after, answered.outcome_after, answered.by) == (
        "settled",
        "reject",
        "open",
    )
    assert (await client.queue.answer(decision_id, "violation")).number == answered.number
    assert (await client.queue.get(decision_id)).state == "settled"
    assert await client.queue.list(QueueAsk(text=copy)) == []
    read = await client.decision(decision_id)
    assert read.ruling is not None
    assert (read.outcome, read.ruling.outcome, read.ruling.note) == ("approve", "reject", "a cure")
    undone = await client.queue.undo(decision_id)
    assert (undone.number, undone.state_after) == (answered.number, "first")
    assert (await client.decision(decision_id)).ruling is None


async def test_an_appeal_goes_its_way_over_each_protocol(client: AsyncClient) -> None:
    decision_id = await queued(client, f"soup by {client.url}")
    await client.queue.answer(decision_id, "violation")
    opened = await client.appeals.open(decision_id, "it cures nothing", contact="a@b.example")
    assert (opened.state, opened.outcome, opened.contact) == ("open", "reject", "a@b.example")
    assert (await client.queue.get(decision_id)).appeal_id == opened.id
    (listed,) = await client.appeals.list(decision_id=decision_id)
    assert (listed.id, listed.reason) == (opened.id, "it cures nothing")
    decided = await client.appeals.overturn(str(opened.id), note="so it is")
    assert (decided.state, decided.note) == ("overturned", "so it is")
    assert (await client.appeals.get(str(opened.id))).state == "overturned"
    ruling = (await client.decision(decision_id)).ruling
    assert ruling is not None
    assert (ruling.outcome, ruling.source) == ("approve", "appeal")


async def test_refusals_are_alike_over_each_protocol(client: AsyncClient) -> None:
    decision_id = await queued(client, f"milk by {client.url}")
    await client.queue.answer(decision_id, "compliant")
    for wrong, code in (
        (client.queue.get("none"), Code.NOT_FOUND),
        (client.queue.claim(decision_id), Code.CASE_SETTLED),
        (client.queue.claim(kind="appeal"), Code.QUEUE_EMPTY),
        (client.queue.answer(decision_id, "violation"), Code.CASE_SETTLED),
        (client.queue.answer(decision_id, "skip"), Code.INVALID_FIELD),
        (client.queue.list(QueueAsk(sort="best")), Code.INVALID_FIELD),
        (client.appeals.open(decision_id, " "), Code.INVALID_FIELD),
        (client.appeals.get("none"), Code.NOT_FOUND),
        (client.webhooks.test(), Code.WEBHOOK_OFF),
    ):
        with pytest.raises(RequestError) as refused:
            await wrong
        # What FastAPI sees in a query first it calls malformed.
        assert refused.value.code in (code, Code.MALFORMED)
        if code is not Code.INVALID_FIELD:
            assert refused.value.code is code
    assert await client.webhooks.messages() == []
    assert await client.webhooks.retry() == []


def invoke(small: SmallFlow, *arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [*arguments, "--url", small.urls["grpc"]])
    return result.exit_code, result.stdout, result.stderr


def test_the_commands_do_the_same(small: SmallFlow) -> None:
    with Client(small.urls["grpc"]) as client:
        (decision,) = client.review_all([sampled("rice by a command")])
    decision_id = str(decision.id)
    code, said, _ = invoke(small, "queue", "list", "--text", "rice by a command")
    assert code == 0
    assert decision_id in said
    assert " open (" in said
    code, said, _ = invoke(small, "queue", "list", "--text", "rice by a command", "--json")
    assert json.loads(said)["id"] == decision_id
    code, said, _ = invoke(small, "queue", "settle", decision_id, "violation", "--note", "cures")
    assert (code, said.split(": ", 1)[1].partition(" (")[0]) == (
        0,
        "violation, settled, reject counts",
    )
    code, said, _ = invoke(small, "queue", "show", decision_id)
    assert "audit_sample, first review, settled" in said
    code, said, _ = invoke(small, "appeals", "open", decision_id, "--reason", "no cure", "--json")
    appeal_id = json.loads(said)["id"]
    code, said, _ = invoke(small, "appeals", "list", "--decision", decision_id)
    assert appeal_id in said
    code, said, _ = invoke(small, "appeals", "decide", appeal_id, "overturn")
    assert (
        said
        == f"appeal {appeal_id} against decision {decision_id} (reject) is overturned by anyone\n"
    )
    code, _, said = invoke(small, "queue", "settle", decision_id, "violation")
    assert (code, said.startswith("adjudicate: ")) == (1, True)
    code, said, _ = invoke(small, "queue", "undo", decision_id, "--json")
    assert json.loads(said)["state_after"] == "first"
    code, said, _ = invoke(small, "queue", "release")
    assert (code, said.endswith(" released\n")) == (0, True)
    assert invoke(small, "webhooks", "list")[1] == "No such message.\n"
    assert invoke(small, "webhooks", "retry")[1] == "0 to be tried anew\n"
    code, _, said = invoke(small, "webhooks", "test")
    assert (code, said) == (1, "adjudicate: ADJUDICATE_WEBHOOK__URL is not set\n")
