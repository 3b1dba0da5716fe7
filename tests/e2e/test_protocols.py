"""The same ads over gRPC, HTTP and WebSocket get the same decisions."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
import websockets
from docarray import DocList
from jina import Client as JinaClient

from adjudicate import Ad, AsyncClient, Decision, RequestError
from adjudicate.documents import Decision as DecisionDocument
from tests.e2e.conftest import sample_ad, sample_rows
from tests.e2e.service import Service


def essence(decision: Decision) -> tuple[object, ...]:
    """What must not depend on the protocol."""
    claims = [(finding.rule, finding.claim) for finding in decision.findings]
    matches = [(m.exemplar_id, round(m.similarity, 2), m.signal) for m in decision.matches]
    code = decision.problem.code if decision.problem else ""
    return decision.outcome, decision.rule, code, decision.reasons, claims, matches


async def test_every_sample_is_decided_alike_over_the_three_protocols(service: Service) -> None:
    ads = [sample_ad(row) for row in sample_rows()]
    answers = {}
    for protocol, url in service.urls.items():
        async with AsyncClient(url) as client:
            decided = await client.review_all(ads)
        assert [decision.ad_id for decision in decided] == [ad.id for ad in ads]
        answers[protocol] = [essence(decision) for decision in decided]
    assert answers["grpc"] == answers["http"] == answers["ws"]
    outcomes = {answer[0] for answer in answers["grpc"]}
    assert {"approve", "reject", "error"} <= outcomes


async def test_only_the_broken_samples_are_errors(client: AsyncClient) -> None:
    rows = sample_rows()
    decided = await client.review_all([sample_ad(row) for row in rows])
    broken = [row["id"] for row in rows if row["label"] == "error"]
    assert [decision.ad_id for decision in decided if decision.outcome == "error"] == broken


async def test_copies_of_exemplars_are_rejected_without_the_judge_and_crops_never_approved(
    client: AsyncClient,
) -> None:
    rows = [row for row in sample_rows() if row["kind"] == "near-duplicate"]
    decided = await client.review_all([sample_ad(row) for row in rows])
    copies = [
        (row, d) for row, d in zip(rows, decided, strict=True) if d.matches[0].signal == "hash"
    ]
    assert len(copies) >= 4
    for row, decision in copies:
        assert (decision.outcome, decision.judged) == ("reject", False), row["id"]
        assert decision.rule == row["rule"]
    assert "approve" not in {decision.outcome for decision in decided}


async def test_a_decision_is_read_back_by_its_id_and_by_its_ads_id(client: AsyncClient) -> None:
    ad = Ad(text="Vitamin C, 500 mg per tablet", market="US")
    (decided,) = await client.review_all([ad])
    for key in (decided.id, ad.id):
        read = await client.decision(key)
        assert read.id == decided.id
        assert essence(read) == essence(decided)
    with pytest.raises(RequestError, match="not_found"):
        await client.decision("no-such-id")


async def test_a_thousand_ads_in_one_post_all_come_back_in_order(service: Service) -> None:
    ads = [{"id": f"n{n}", "text": f"sample {n}"} for n in range(1_000)]
    async with httpx.AsyncClient(timeout=240) as http:
        answer = await http.post(f"{service.urls['http']}/v1/review", json={"ads": ads})
    assert [d["ad_id"] for d in answer.json()["decisions"]] == [ad["id"] for ad in ads]


async def test_websocket_sends_unflagged_ads_before_judged_ones(service: Service) -> None:
    flagged = next(row for row in sample_rows() if row["kind"] == "image" and row["rule"])
    ads = [json.loads(sample_ad(flagged).json(include={"id", "image", "market"}))]
    ads += [{"id": f"plain-{n}", "text": f"New flavours, number {n}"} for n in range(4)]
    url = f"{service.urls['ws']}/v1/stream"
    async with websockets.connect(url, max_size=None) as socket:
        await socket.send(json.dumps({"op": "review", "request_id": "r", "ads": ads}))
        frames = []
        while not frames or frames[-1]["type"] != "end":
            frames.append(json.loads(await asyncio.wait_for(socket.recv(), 60)))
    indexes = [frame["index"] for frame in frames if frame["type"] == "decision"]
    assert sorted(indexes) == [0, 1, 2, 3, 4]
    assert all(frame["request_id"] == "r" for frame in frames)


def test_the_plain_jina_client_works_over_grpc_and_websocket(service: Service) -> None:
    ads = DocList[Ad]([sample_ad(row) for row in sample_rows()[:4]])
    for protocol, name in (("grpc", "grpc"), ("websocket", "ws")):
        port = int(service.urls[name].rsplit(":", 1)[1])
        jina = JinaClient(host="localhost", port=port, protocol=protocol)
        decided = jina.post("/review", ads, return_type=DocList[DecisionDocument])
        assert [decision.ad_id for decision in decided] == [ad.id for ad in ads]
        assert all(decision.outcome in ("approve", "reject", "escalate") for decision in decided)


async def test_an_exemplar_is_read_with_its_picture_and_listed_without(
    client: AsyncClient, samples: Path
) -> None:
    held = await client.library.list(limit=200, category="cure")
    assert {exemplar.image for exemplar in held} == {None}
    pictures = {path.read_bytes() for path in (samples / "exemplars").glob("cure-*.jpg")}
    read = [(await client.library.get(exemplar.id)).image for exemplar in held]
    assert {bytes(image) for image in read if image is not None} == pictures


async def test_exemplars_are_added_listed_read_and_removed(
    client: AsyncClient, encoded: object, protocol: str
) -> None:
    from adjudicate import Exemplar

    text = f"Miracle drops cure everything, {protocol}"
    (added,) = await client.library.add(
        Exemplar(text=text, category="cure", rule="US-FTC", note=protocol)
    )
    assert added.problem is None
    (again,) = await client.library.add(
        Exemplar(text=text, category="cure", rule="US-FTC", note=protocol)
    )
    assert again.id == added.id
    (found,) = await client.search([Ad(text=text)], limit=1)
    assert found.matches[0].exemplar_id == added.id
    (decided,) = await client.review_all([Ad(text=text)])
    assert decided.outcome != "approve"
    assert added.id in {match.exemplar_id for match in decided.matches}
    assert (await client.library.get(added.id)).text == text
    await client.library.remove(added.id)
    with pytest.raises(RequestError, match="not_found"):
        await client.library.get(added.id)
    with pytest.raises(RequestError, match="not_found"):
        await client.library.remove(added.id)
